import { renameSync, writeFileSync } from "node:fs";
import type { Auditor } from "./audit-step.ts";

/** The part of `sluice status --json` that an operator who is asked for access looks at. */
interface Shown {
  readonly governance: {
    readonly requests: { readonly newest: readonly { readonly digest: string; readonly manifest: string | null }[] };
  };
}

/** The EgressApproval that a request asks for, in YAML and unapproved, as `sluice status --json` shows it. */
export async function manifestOf(auditor: Auditor, argv: readonly string[], digest: string): Promise<string> {
  const { stdout, stderr } = await auditor.ask({ verb: "status", argv: [...argv, "--json"] });
  if (stdout === "") throw new Error(stderr.trim());
  const { newest } = (JSON.parse(stdout) as Shown).governance.requests;
  const found = newest.find((one) => one.digest === digest);
  if (found === undefined || found.manifest === null) throw new Error("the sidecar's status does not show the request");
  return found.manifest;
}

/** Puts it where the sidecar looks, in one step, with what makes it an approval. `at`: milliseconds since the epoch. */
export function approve(file: string, manifest: string, at: number): void {
  const since = new Date(at).toISOString();
  const condition = `{ type: Approved, status: "True", lastTransitionTime: "${since}" }`;
  writeFileSync(`${file}.new`, `${manifest}status:\n  conditions: [${condition}]\n`);
  renameSync(`${file}.new`, file);
}
