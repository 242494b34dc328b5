import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { listSegments } from "../router/edge/audit/read-segments.ts";

/** The segments of one log as its paths name them: a directory's in the order of the chain, a file as it is. Throws what the file system throws. */
export async function segmentPaths(cwd: string, paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths.map((name) => resolve(cwd, name))) {
    if ((await stat(path)).isDirectory()) files.push(...(await listSegments(path)));
    else files.push(path);
  }
  return files;
}
