import { readFileSync } from "node:fs";
import { join } from "node:path";

/** How the image starts node: what stands in the first line of `cli/sluice.ts`. */
export function startLine(): {
  readonly flags: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
} {
  const [first = ""] = readFileSync(join(import.meta.dirname, "../../cli/sluice.ts"), "utf8").split("\n", 1);
  const words = first.split(" ");
  const variables = words.map((word) => /^([A-Z_]+)=(.*)$/.exec(word)).filter((match) => match !== null);
  return {
    flags: words.filter((word) => word.startsWith("--")),
    variables: Object.fromEntries(variables.map(([, name = "", value = ""]) => [name, value])),
  };
}
