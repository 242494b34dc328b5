import { fileURLToPath } from "node:url";

/** Whether this is the compiled program, in `dist/cli/quickstart/`; else it runs from source, in `cli/quickstart/`. */
const compiled = import.meta.url.endsWith(".js");

/** A program of this tree by its path below `cli/`, without extension: it runs from where this one runs. */
export function program(name: string): string {
  return fileURLToPath(new URL(`../${name}.${compiled ? "js" : "ts"}`, import.meta.url));
}

/** A document that is shipped in `policies/quickstart`: what the tour's policies are made from. */
export function shippedPolicy(name: "egress.yaml" | "inference.yaml" | "governance.yaml"): string {
  return fileURLToPath(new URL(`${compiled ? "../../.." : "../.."}/policies/quickstart/${name}`, import.meta.url));
}

/** How a person calls another verb from the same tree. */
export const SLUICE = compiled ? "sluice" : "npm run -s sluice --";
