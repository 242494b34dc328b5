import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parseSignedNote, type SignedNote } from "../../../../router/core/tlog/signed-note.ts";
import { parseVerifierKey, type VerifierKey } from "../../../../router/core/tlog/verifier-key.ts";
import { sha256 } from "../../../../router/edge/audit/ed25519.ts";

const VECTORS = new URL("../../../vectors/signed-note/", import.meta.url);

/** A file of `test/vectors/signed-note`. */
export function vector(name: string): string {
  return readFileSync(new URL(name, VECTORS), "utf8");
}

export function noteOf(text: string): SignedNote {
  const note = parseSignedNote(text);
  assert.ok(note.ok);
  return note.value;
}

/** The verifier key that `keys.json` has under this name, as text. */
export function keyText(name: string): string {
  return (JSON.parse(vector("keys.json")) as Record<string, string>)[name] ?? assert.fail(name);
}

export function keyNamed(name: string): VerifierKey {
  return parseVerifierKey(keyText(name), sha256) ?? assert.fail(name);
}
