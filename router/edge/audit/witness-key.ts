import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { privateKeyFromPem } from "./ed25519.ts";
import { replaceDurably, type WitnessStore } from "./witness-store.ts";

const KEY_FILE = "witness.key";
const KEY_MODE = 0o600;

/**
 * The witness's private key: from `file`, or its own in the state directory, made at the first start. Where logs are held
 * and the key is gone, none is made: those who trust this witness would take the new one for a stranger. The problem is
 * one sentence.
 */
export async function witnessKey(store: WitnessStore, file: string | undefined): Promise<Result<KeyObject, string>> {
  const path = file ?? join(store.directory, KEY_FILE);
  try {
    const key = privateKeyFromPem(await readFile(path, "utf8"));
    return key.ok ? key : fail(`${path}: ${key.problem}`);
  } catch (error) {
    if (file !== undefined || !isMissing(error)) return fail(`${path} cannot be read: ${String(error)}`);
  }
  if (store.held.pinned + store.held.others > 0) {
    return fail(`${path} is missing, though ${store.directory} holds logs: restore it, or name another with --key.`);
  }
  const { privateKey } = generateKeyPairSync("ed25519");
  try {
    const pem = privateKey.export({ format: "pem", type: "pkcs8" });
    await replaceDurably(store.directory, KEY_FILE, pem, KEY_MODE);
    return ok(privateKey);
  } catch (error) {
    return fail(`${path} cannot be written: ${String(error)}`);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
