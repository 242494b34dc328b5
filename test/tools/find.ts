import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const TOOLS = import.meta.dirname;
const CACHE = join(TOOLS, "../../.cache/tools");

/** Where a tool built from `test/tools/<name>/go.sum` lies: other pins, other path. */
export function toolPath(name: string): string {
  const pins = createHash("sha256")
    .update(readFileSync(join(TOOLS, name, "go.sum")))
    .digest("hex");
  return join(CACHE, `${name}-${pins.slice(0, 16)}`);
}

/** The path of a tool that `test/tools/build.ts` has built from the present pins, or undefined. */
export function findTool(name: string): string | undefined {
  const path = toolPath(name);
  return existsSync(path) ? path : undefined;
}
