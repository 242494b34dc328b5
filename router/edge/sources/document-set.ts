import { opendir, readlink, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { assertNever } from "../../core/base/assert-never.ts";
import type { DocumentProblem } from "../../core/base/problem.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { type DirectoryListing, directoryListing, type SourceFile, sourceFile } from "./directory-listing.ts";
import { currentIdentity, errorCode, type ReadFile, type ReadProblem, readRegularFile } from "./regular-file.ts";

export interface DocumentSetOptions {
  /** Which file names are documents. Never asked of names that begin with "..": those are the kubelet's. */
  accept(name: string): boolean;
  /** Octets in one file. */
  readonly maximumBytes: number;
  /** Octets in all files together. */
  readonly maximumTotalBytes: number;
}

export interface DocumentSet {
  readonly listing: DirectoryListing;
  /** The set came through one `..data` link, which the kubelet swaps at once: it cannot be half written. */
  readonly atomic: boolean;
}

/** Documents in one set. */
const MAXIMUM_FILES = 256;
/** Names in the directory, documents or not. */
const MAXIMUM_ENTRIES = 1024;
const ATTEMPTS = 5;
const ATTEMPT_GAP_MILLIS = 10;

/**
 * Reads the whole set of documents of a directory, or says everything that keeps it from being read: there is no
 * partial set. Names, link target and files are looked at again after reading, and the reading is repeated if any of
 * them moved meanwhile. Files whose content is in `known` keep their identity (and are not hashed again).
 */
export async function readDocumentSet(
  directory: string,
  options: DocumentSetOptions,
  known: ReadonlyMap<string, SourceFile>,
): Promise<Result<DocumentSet, readonly DocumentProblem[]>> {
  let moved = directory;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (attempt > 0) await delay(ATTEMPT_GAP_MILLIS);
    const reading = await readOnce(directory, options, known);
    if (reading.state === "set") return ok(reading.set);
    if (reading.state === "refused") return fail(reading.problems);
    moved = reading.path;
  }
  return fail([problem(moved, "source_unstable", "The file leads nowhere, or changes faster than it can be read.")]);
}

type Reading =
  | { readonly state: "set"; readonly set: DocumentSet }
  | { readonly state: "refused"; readonly problems: readonly DocumentProblem[] }
  | { readonly state: "moved"; readonly path: string };

async function readOnce(
  directory: string,
  options: DocumentSetOptions,
  known: ReadonlyMap<string, SourceFile>,
): Promise<Reading> {
  const target = await linkTarget(directory);
  const root = target === undefined ? directory : resolve(directory, target);
  const names = await documentNames(root, options);
  if (!names.ok) {
    if (target !== undefined && names.problem.code === "directory_missing") return { state: "moved", path: root };
    return { state: "refused", problems: [names.problem] };
  }

  const files = new Map<string, SourceFile>();
  const identities = new Map<string, string>();
  const problems: DocumentProblem[] = [];
  let total = 0;
  for (const name of names.value) {
    const path = join(root, name);
    const read = await readRegularFile(path, Math.min(options.maximumBytes, options.maximumTotalBytes - total));
    if (!read.ok) {
      if (read.problem.kind === "moved") return { state: "moved", path };
      problems.push(fileProblem(path, read.problem));
      continue;
    }
    total += read.value.bytes.length;
    identities.set(path, read.value.identity);
    files.set(name, knownFile(known.get(name), read.value));
  }

  if ((await linkTarget(directory)) !== target) return { state: "moved", path: root };
  const after = await documentNames(root, options);
  if (!after.ok || after.value.join("\0") !== names.value.join("\0")) return { state: "moved", path: root };
  for (const [path, identity] of identities) {
    if ((await currentIdentity(path)) !== identity) return { state: "moved", path };
  }
  if (problems.length > 0) return { state: "refused", problems };
  return { state: "set", set: { listing: directoryListing(files), atomic: target !== undefined } };
}

function knownFile(known: SourceFile | undefined, read: ReadFile): SourceFile {
  return known !== undefined && known.bytes.equals(read.bytes) ? known : sourceFile(read.bytes);
}

/**
 * Where `..data` leads, undefined where there is none. In a ConfigMap or projected volume the documents are read
 * there, and not through the links beside it: the kubelet adds and removes those after the swap, one by one.
 */
async function linkTarget(directory: string): Promise<string | undefined> {
  try {
    return await readlink(join(directory, "..data"));
  } catch {
    return undefined; // No ConfigMap; if the directory itself is the trouble, listing it says so.
  }
}

async function documentNames(
  root: string,
  options: DocumentSetOptions,
): Promise<Result<readonly string[], DocumentProblem>> {
  const names: string[] = [];
  let entries = 0;
  try {
    // `stat` first: opening a directory by a path that has become a FIFO would wait for its writer.
    if (!(await stat(root)).isDirectory())
      return fail(problem(root, "directory_unreadable", "This is not a directory."));
    for await (const entry of await opendir(root)) {
      entries += 1;
      if (entries > MAXIMUM_ENTRIES) {
        return fail(problem(root, "too_many_files", `The directory holds more than ${MAXIMUM_ENTRIES} names.`));
      }
      if (!entry.name.startsWith("..") && options.accept(entry.name)) names.push(entry.name);
    }
  } catch (thrown) {
    const code = errorCode(thrown);
    if (code === "ENOENT") return fail(problem(root, "directory_missing", "The directory does not exist."));
    return fail(problem(root, "directory_unreadable", `The directory cannot be read (${code}).`));
  }
  if (names.length > MAXIMUM_FILES) {
    return fail(problem(root, "too_many_files", `The directory holds more than ${MAXIMUM_FILES} documents.`));
  }
  return ok(names.toSorted());
}

function fileProblem(path: string, read: Exclude<ReadProblem, { kind: "moved" }>): DocumentProblem {
  switch (read.kind) {
    case "not_a_file":
      return problem(path, "not_a_regular_file", "A document must be a regular file.");
    case "too_large":
      return problem(path, "file_too_large", "The file, or with it the whole set, is larger than allowed.");
    case "unreadable":
      return problem(path, "file_unreadable", `The file cannot be read (${read.code}).`);
    default:
      return assertNever(read);
  }
}

function problem(file: string, code: string, message: string): DocumentProblem {
  return { file, line: 0, column: 0, code, message };
}
