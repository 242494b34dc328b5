import { parseBase64 } from "./base64.ts";
import { isKeyName } from "./signed-note.ts";
import { utf8 } from "./utf8.ts";

/** SHA-256, which core is given and does not compute itself. */
export type Sha256 = (octets: Uint8Array) => Uint8Array;

/** Which signatures a key makes: over the text of a note, or timestamped over a checkpoint (C2SP tlog-cosignature). */
export type NoteAlgorithm = "ed25519" | "cosignature/v1";

/** A public key that signs notes. The id is made from the rest, so a key made here is never at odds with itself. */
export interface VerifierKey {
  readonly name: string;
  readonly algorithm: NoteAlgorithm;
  /** 32 octets (RFC 8032 section 5.1.5). */
  readonly publicKey: Uint8Array;
  /** 8 digits of lower-case hex: the first four octets of SHA-256(name || 0x0A || algorithm || public key). */
  readonly keyId: string;
}

export const PUBLIC_KEY_OCTETS = 32;

/** The signature type identifiers of C2SP signed-note. */
const ALGORITHM_OCTET: Readonly<Record<NoteAlgorithm, number>> = { ed25519: 0x01, "cosignature/v1": 0x04 };
const ALGORITHMS: readonly NoteAlgorithm[] = ["ed25519", "cosignature/v1"];

/** In UTF-16 units: a name, an id, 33 octets in base64. */
const MAXIMUM_TEXT = 2048;

/** Throws on a name that is none (`isKeyName`) and on a public key that has not 32 octets. */
export function verifierKey(
  name: string,
  algorithm: NoteAlgorithm,
  publicKey: Uint8Array,
  sha256: Sha256,
): VerifierKey {
  if (!isKeyName(name)) throw new Error("not a key name");
  if (publicKey.length !== PUBLIC_KEY_OCTETS) throw new Error("not an Ed25519 public key");
  const nameOctets = utf8(name);
  const octets = new Uint8Array(nameOctets.length + 2 + PUBLIC_KEY_OCTETS);
  octets.set(nameOctets);
  octets.set([0x0a, ALGORITHM_OCTET[algorithm]], nameOctets.length);
  octets.set(publicKey, nameOctets.length + 2);
  const keyId = sha256(octets).subarray(0, 4).toHex();
  return { name, algorithm, publicKey: publicKey.slice(), keyId };
}

/**
 * Reads `name+id+base64(algorithm || public key)`, the vkey of C2SP signed-note. Undefined where it is none, its
 * algorithm is not one of ours, or its id is not that of this name and key.
 */
export function parseVerifierKey(text: string, sha256: Sha256): VerifierKey | undefined {
  if (text.length > MAXIMUM_TEXT) return undefined;
  // The base64 may hold plus signs itself.
  const nameEnd = text.indexOf("+");
  const idEnd = text.indexOf("+", nameEnd + 1);
  if (nameEnd === -1 || idEnd === -1) return undefined;
  const name = text.slice(0, nameEnd);
  const octets = parseBase64(text.slice(idEnd + 1));
  if (!isKeyName(name) || octets?.length !== 1 + PUBLIC_KEY_OCTETS) return undefined;
  const algorithm = ALGORITHMS.find((known) => ALGORITHM_OCTET[known] === octets[0]);
  if (algorithm === undefined) return undefined;
  const key = verifierKey(name, algorithm, octets.subarray(1), sha256);
  return key.keyId === text.slice(nameEnd + 1, idEnd) ? key : undefined;
}

export function formatVerifierKey(key: VerifierKey): string {
  const octets = new Uint8Array(1 + PUBLIC_KEY_OCTETS);
  octets[0] = ALGORITHM_OCTET[key.algorithm];
  octets.set(key.publicKey, 1);
  return `${key.name}+${key.keyId}+${octets.toBase64()}`;
}
