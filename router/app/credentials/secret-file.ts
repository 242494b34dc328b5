import { realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { currentIdentity, readRegularFile } from "../../edge/sources/regular-file.ts";
import type { CredentialProblem } from "./credential-problem.ts";

export interface SecretText {
  /** Without its last line end. Latin-1, so that no octet is lost before it is judged. */
  readonly text: string;
  /** Equal while the name leads to the same, untouched file. */
  readonly identity: string;
}

const MAXIMUM_BYTES = 16 * 1024;
/** The Kubernetes API's names of keys in a Secret, and never the kubelet's own `..data`. */
const NAME = /^(?!\.\.)[A-Za-z0-9._-]{1,253}$/;

/**
 * One file of the secrets directory, by its name. Links are followed as far as they stay in the directory (the kubelet's
 * do: name -> `..data` -> the directory of this version). A file that is swapped while it is read is read once more. The
 * problem names the file and nothing of what is in it.
 */
export async function readSecretFile(directory: string, name: string): Promise<Result<SecretText, CredentialProblem>> {
  const first = await readOnce(directory, name);
  const read = first === "moved" ? await readOnce(directory, name) : first;
  if (typeof read !== "string") return ok(read);
  return fail({ code: "secret_unusable", message: `The secret file ${shown(name)} ${SENTENCES[read]}.` });
}

/** The identity that a read would have now; undefined where there is nothing to read. */
export async function secretIdentity(directory: string, name: string): Promise<string | undefined> {
  const path = await resolved(directory, name);
  if (!path.ok) return undefined;
  const identity = await currentIdentity(path.value);
  return identity === undefined ? undefined : `${path.value}:${identity}`;
}

const SENTENCES = {
  bad_name: "is not named by a plain name",
  outside: "leads out of the secrets directory",
  moved: "is missing",
  not_a_file: "is no file",
  too_large: "is too large",
  unreadable: "cannot be read",
  empty: "is empty",
} as const;

async function readOnce(directory: string, name: string): Promise<SecretText | keyof typeof SENTENCES> {
  const path = await resolved(directory, name);
  if (!path.ok) return path.problem;
  const read = await readRegularFile(path.value, MAXIMUM_BYTES);
  if (!read.ok) return read.problem.kind;
  const text = withoutLineEnd(read.value.bytes.toString("latin1"));
  return text === "" ? "empty" : { text, identity: `${path.value}:${read.value.identity}` };
}

/** The path without any link in it. */
async function resolved(directory: string, name: string): Promise<Result<string, "bad_name" | "moved" | "outside">> {
  if (!NAME.test(name) || name === ".") return fail("bad_name");
  try {
    const [root, path] = await Promise.all([realpath(directory), realpath(join(directory, name))]);
    return path.startsWith(root.endsWith(sep) ? root : `${root}${sep}`) ? ok(path) : fail("outside");
  } catch {
    return fail("moved");
  }
}

/** Editors and `kubectl create secret --from-file` leave one line end. */
function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, "");
}

/** The policy's parser lets only names through; this is for whoever calls without it. */
function shown(name: string): string {
  return NAME.test(name) ? name : "(unnamed)";
}
