import { resolve } from "node:path";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { isKeyName, type SignedNote } from "../router/core/tlog/signed-note.ts";
import { parseVerifierKey, type VerifierKey, verifierKey } from "../router/core/tlog/verifier-key.ts";
import { publicKeyFromPem, sha256, verifySignature } from "../router/edge/audit/ed25519.ts";
import { readCapped } from "../router/edge/trust/read-capped.ts";

/** What the user pins with `--key`: a log's or a witness's key by name, or a log's public key under whatever name. */
export type LogKey = VerifierKey | { readonly name: undefined; readonly publicKey: Uint8Array };

/**
 * `verified`: as the pinned keys ask. `wrong`: a signature that bears the name and id of one does not verify. `unsigned`: one
 * that they ask for is not there. `not_asked`: none of them is for such a log.
 */
export type NoteVerdict = "verified" | "wrong" | "unsigned" | "not_asked";

const MAXIMUM_KEY_FILE = 65_536;

/** The keys that `--key` names: a vkey itself, or a file with a PEM block "PUBLIC KEY" or with vkeys, one a line. */
export async function readLogKeys(cwd: string, argument: string): Promise<Result<readonly LogKey[], string>> {
  const given = parseVerifierKey(argument, sha256);
  if (given !== undefined) return ok([given]);
  const file = await readCapped(resolve(cwd, argument), MAXIMUM_KEY_FILE);
  if (!file.ok) {
    const what = file.problem.code === "missing" ? "and no file of that name is there" : file.problem.message;
    return fail(`${argument} is neither a verifier key nor a file of keys: ${what}`);
  }
  const text = new TextDecoder().decode(file.value);
  const publicKey = publicKeyFromPem(text);
  if (publicKey !== undefined) return ok([{ name: undefined, publicKey }]);
  const keys = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => parseVerifierKey(line, sha256));
  const known = keys.filter((key) => key !== undefined);
  const hint = text.includes("PRIVATE KEY") ? " This is a private key: take the public one." : "";
  return known.length === keys.length && known.length > 0
    ? ok(known)
    : fail(`${argument} holds neither a PEM block "PUBLIC KEY" (Ed25519) nor verifier keys.${hint}`);
}

/**
 * Whether a checkpoint is signed as the pinned keys ask: by one of the log's keys, where any are given, and by every
 * witness's. A vkey of another log asks for nothing.
 */
export function judgeNote(note: SignedNote, origin: string, keys: readonly LogKey[]): NoteVerdict {
  const logKeys: VerifierKey[] = [];
  const witnesses: VerifierKey[] = [];
  for (const key of keys) {
    if (key.name !== undefined && key.algorithm === "cosignature/v1") witnesses.push(key);
    else if (key.name === origin) logKeys.push(key);
    else if (key.name === undefined && isKeyName(origin)) {
      logKeys.push(verifierKey(origin, "ed25519", key.publicKey, sha256));
    }
  }
  if (logKeys.length + witnesses.length === 0) return "not_asked";
  const [ofLog, ofWitnesses] = [logKeys, witnesses].map((list) => list.map((key) => verifySignature(note, key)));
  if ([...(ofLog ?? []), ...(ofWitnesses ?? [])].includes("wrong")) return "wrong";
  const isSigned = logKeys.length === 0 || ofLog?.includes("verified") === true;
  return isSigned && ofWitnesses?.every((verdict) => verdict === "verified") === true ? "verified" : "unsigned";
}
