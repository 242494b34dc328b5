import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fail, ok, type Result } from "../router/core/base/result.ts";

/** Documents that belong together: those of one directory, or one file that was named by itself. */
export interface DocumentGroup {
  /** As it was given, or found below what was given; for messages. */
  readonly path: string;
  readonly directory: boolean;
  /** Paths of the documents, sorted. */
  readonly files: readonly string[];
}

/**
 * The documents that a path on the command line names: the file itself, or every `*.yaml` and `*.yml` of the
 * directory and of those below it, without cases and without what begins with a dot (`..data` of a ConfigMap mount).
 * Links to files are followed, links to directories are not. The problem is one sentence.
 */
export async function findDocuments(cwd: string, path: string): Promise<Result<readonly DocumentGroup[], string>> {
  try {
    const found = await stat(resolve(cwd, path));
    if (!found.isDirectory()) return ok([{ path, directory: false, files: [path] }]);
    const groups = await groupsUnder(cwd, path);
    if (groups.length === 0) return fail(`${path}: there is no *.yaml document in this directory`);
    return ok(groups);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

async function groupsUnder(cwd: string, path: string): Promise<readonly DocumentGroup[]> {
  const entries = await readdir(resolve(cwd, path), { withFileTypes: true });
  const visible = entries
    .filter(({ name }) => !name.startsWith("."))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const files = visible
    .filter((entry) => !entry.isDirectory() && isDocumentName(entry.name))
    .map(({ name }) => join(path, name));
  const below: DocumentGroup[] = [];
  for (const entry of visible) if (entry.isDirectory()) below.push(...(await groupsUnder(cwd, join(path, entry.name))));
  return files.length === 0 ? below : [{ path, directory: true, files }, ...below];
}

function isDocumentName(name: string): boolean {
  return /\.ya?ml$/.test(name) && !name.endsWith(".cases.yaml");
}
