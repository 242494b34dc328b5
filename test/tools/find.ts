import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const TOOLS = import.meta.dirname;
const CACHE = join(TOOLS, "../../.cache/tools");

/** Where a tool built from `test/tools/<name>/go.sum` and the Go files beside it lies: other sources, other path. */
export function toolPath(name: string): string {
  const folder = join(TOOLS, name);
  const sources = createHash("sha256").update(readFileSync(join(folder, "go.sum")));
  const files = readdirSync(folder).filter((file) => file.endsWith(".go"));
  for (const file of files.toSorted()) sources.update(`\0${file}\0`).update(readFileSync(join(folder, file)));
  return join(CACHE, `${name}-${sources.digest("hex").slice(0, 16)}`);
}

/** The path of a tool that `test/tools/build.ts` has built from the present sources, or undefined. */
export function findTool(name: string): string | undefined {
  const path = toolPath(name);
  return existsSync(path) ? path : undefined;
}
