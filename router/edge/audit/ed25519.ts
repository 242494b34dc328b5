import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  sign as signOctets,
  verify as verifyOctets,
} from "node:crypto";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { cosignedText, formatTimestampedSignature, parseTimestampedSignature } from "../../core/tlog/cosignature.ts";
import type { NoteSignature, SignedNote } from "../../core/tlog/signed-note.ts";
import { type NoteAlgorithm, type Sha256, type VerifierKey, verifierKey } from "../../core/tlog/verifier-key.ts";

/** A log's key: signs the texts of notes. */
export interface NoteSigner {
  readonly key: VerifierKey;
  sign(text: string): NoteSignature;
}

/** A witness's key: signs checkpoints, with the time in seconds since 1970 at which it saw them. */
export interface NoteCosigner {
  readonly key: VerifierKey;
  cosign(text: string, time: number): NoteSignature;
}

export const sha256: Sha256 = (octets) => hash("sha256", octets, "buffer");

/** A new key, which ends with the process unless it is exported. */
export function createSigner(name: string): NoteSigner {
  return signerFromPrivateKey(name, generateKeyPairSync("ed25519").privateKey);
}

/** The problem is one sentence for the operator, without anything of the file. */
export function signerFromPem(name: string, pem: string): Result<NoteSigner, string> {
  const key = privateKeyFromPem(pem);
  return key.ok ? ok(signerFromPrivateKey(name, key.value)) : key;
}

/** The key must be a private Ed25519 key, and the name one for a key. */
export function signerFromPrivateKey(name: string, privateKey: KeyObject): NoteSigner {
  const key = keyOf(name, "ed25519", privateKey);
  return {
    key,
    sign: (text) => ({ name, keyId: key.keyId, signature: signatureOf(text, privateKey) }),
  };
}

/** As `signerFromPrivateKey`, for a witness. */
export function cosignerFromPrivateKey(name: string, privateKey: KeyObject): NoteCosigner {
  const key = keyOf(name, "cosignature/v1", privateKey);
  return {
    key,
    cosign(text, time) {
      const signature = signatureOf(cosignedText(text, time), privateKey);
      return { name, keyId: key.keyId, signature: formatTimestampedSignature({ time, signature }) };
    },
  };
}

function signatureOf(text: string, privateKey: KeyObject): Uint8Array {
  return Uint8Array.from(signOctets(undefined, Buffer.from(text), privateKey));
}

function keyOf(name: string, algorithm: NoteAlgorithm, privateKey: KeyObject): VerifierKey {
  return verifierKey(name, algorithm, rawKey(createPublicKey(privateKey)), sha256);
}

/** RFC 7468 section 10: one block and nothing else. */
const PRIVATE_BLOCK = /^\s*-----BEGIN PRIVATE KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END PRIVATE KEY-----\s*$/;
/** RFC 7468 section 13. */
const PUBLIC_BLOCK = /^\s*-----BEGIN PUBLIC KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END PUBLIC KEY-----\s*$/;
/** An Ed25519 key takes some 120. */
const MAXIMUM_PEM = 4096;

/** A private Ed25519 key, as `openssl genpkey -algorithm ed25519` writes it. */
export function privateKeyFromPem(pem: string): Result<KeyObject, string> {
  if (pem.includes("ENCRYPTED"))
    return fail("The private key is encrypted, and nobody is here to ask for its password.");
  if (pem.length > MAXIMUM_PEM || !PRIVATE_BLOCK.test(pem)) {
    return fail(
      'Needed is exactly one PEM block "PRIVATE KEY" (PKCS#8, as openssl genpkey writes it), and nothing else.',
    );
  }
  try {
    const key = createPrivateKey({ key: pem, format: "pem", type: "pkcs8" });
    if (key.asymmetricKeyType === "ed25519") return ok(key);
    return fail(`The private key is ${key.asymmetricKeyType ?? "of an unknown type"}, but needed is Ed25519.`);
  } catch {
    return fail('The PEM block "PRIVATE KEY" holds no key that can be read.');
  }
}

/** The 32 octets of the Ed25519 key in one PEM block "PUBLIC KEY" (SPKI); undefined where that is not what it is. */
export function publicKeyFromPem(pem: string): Uint8Array | undefined {
  if (pem.length > MAXIMUM_PEM || !PUBLIC_BLOCK.test(pem)) return undefined;
  try {
    const key = createPublicKey({ key: pem, format: "pem", type: "spki" });
    return key.asymmetricKeyType === "ed25519" ? rawKey(key) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether this key signed the note. `absent`: no signature bears its name and id. `wrong`: one that does fails to verify,
 * and then the whole note is to be rejected, whatever else is on it (C2SP signed-note); 0.1 ms a signature.
 */
export function verifySignature(note: SignedNote, key: VerifierKey): "verified" | "absent" | "wrong" {
  const ours = signaturesOf(note, key);
  if (ours.length === 0) return "absent";
  const publicKey = keyObject(key);
  return ours.every((signature) => isValid(note.text, signature, key.algorithm, publicKey)) ? "verified" : "wrong";
}

/** The latest time, in seconds since 1970, at which a witness cosigned the note; undefined where its signature does not verify. */
export function cosignedAt(note: SignedNote, key: VerifierKey): number | undefined {
  if (key.algorithm !== "cosignature/v1" || verifySignature(note, key) !== "verified") return undefined;
  return Math.max(...signaturesOf(note, key).map((signature) => parseTimestampedSignature(signature)?.time ?? 0));
}

/** Each once: a line repeated sixty times is not verified sixty times. */
function signaturesOf(note: SignedNote, { name, keyId }: VerifierKey): readonly Uint8Array[] {
  const ours = note.signatures.filter((signature) => signature.name === name && signature.keyId === keyId);
  return [...new Map(ours.map(({ signature }) => [signature.toHex(), signature])).values()];
}

function isValid(text: string, signature: Uint8Array, algorithm: NoteAlgorithm, publicKey: KeyObject): boolean {
  if (algorithm === "ed25519") return isSignature(text, signature, publicKey);
  const timestamped = parseTimestampedSignature(signature);
  if (timestamped === undefined) return false;
  return isSignature(cosignedText(text, timestamped.time), timestamped.signature, publicKey);
}

function isSignature(text: string, signature: Uint8Array, publicKey: KeyObject): boolean {
  return verifyOctets(undefined, Buffer.from(text), publicKey, signature);
}

/** SPKI of an Ed25519 key up to the key itself (RFC 8410 section 4). */
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

function keyObject({ publicKey }: VerifierKey): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: "der", type: "spki" });
}

function rawKey(publicKey: KeyObject): Uint8Array {
  if (publicKey.asymmetricKeyType !== "ed25519") throw new Error("not an Ed25519 key");
  return Uint8Array.from(publicKey.export({ format: "der", type: "spki" }).subarray(SPKI_HEAD.length));
}
