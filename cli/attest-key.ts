import { resolve } from "node:path";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { parseVerifierKey } from "../router/core/tlog/verifier-key.ts";
import { publicKeyFromPem, sha256 } from "../router/edge/audit/ed25519.ts";
import { readCapped } from "../router/edge/trust/read-capped.ts";

/** A key that the user trusts: `--key`. */
export interface PinnedKey {
  /** 32 octets, Ed25519. */
  readonly publicKey: Uint8Array;
  /** Of one log alone: a vkey pins the log's name with the key. A PEM pins the key, under whatever name. */
  readonly name: string | undefined;
}

/** Octets; a PEM block has some 120, a vkey at most 500. */
const MAXIMUM_KEY_FILE = 4096;

/** What `--key` names: a vkey itself, or a file that holds one or a PEM block "PUBLIC KEY". */
export async function readPinnedKey(cwd: string, argument: string): Promise<Result<PinnedKey, string>> {
  const given = pinned(argument);
  if (given !== undefined) return ok(given);
  const file = await readCapped(resolve(cwd, argument), MAXIMUM_KEY_FILE);
  if (!file.ok) {
    const what = file.problem.code === "missing" ? "This is no vkey of a log, and no file." : file.problem.message;
    return fail(what);
  }
  const source = new TextDecoder().decode(file.value);
  const key = pinned(source.trim());
  if (key !== undefined) return ok(key);
  const hint = source.includes("PRIVATE KEY") ? " This is a private key: take the public one." : "";
  return fail(`Needed is a vkey of a log, or a PEM block "PUBLIC KEY" with an Ed25519 key.${hint}`);
}

function pinned(source: string): PinnedKey | undefined {
  const vkey = parseVerifierKey(source, sha256);
  // A witness's key signs checkpoints that it has seen, and no statement.
  if (vkey !== undefined) return vkey.algorithm === "ed25519" ? vkey : undefined;
  const publicKey = publicKeyFromPem(source);
  return publicKey === undefined ? undefined : { publicKey, name: undefined };
}
