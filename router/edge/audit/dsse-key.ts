import { createPublicKey, hash, type KeyObject, sign, verify } from "node:crypto";
import { dssePreAuthEncoding, type Envelope } from "../../core/attest/envelope.ts";

/** SPKI of an Ed25519 key up to its 32 octets (RFC 8410 section 4). */
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/** A signature over the octets as they are (RFC 8032, no prehash), for `attestationBundle`; some 30 us. */
export function octetSigner(privateKey: KeyObject): (octets: Uint8Array) => Uint8Array {
  return (octets) => sign(undefined, octets, privateKey);
}

/** Whether one of the envelope's signatures is by this key (32 octets). False for whatever is no signature, or no key. */
export function isSignedBy({ payloadType, payload, signatures }: Envelope, publicKey: Uint8Array): boolean {
  const key = keyObject(publicKey);
  const signed = dssePreAuthEncoding(payloadType, payload);
  return signatures.some((signature) => verify(undefined, signed, key, signature));
}

/** What cosign writes as the hint of a bundle signed with a key: base64 of SHA-256 over the SPKI in DER. */
export function keyHint(publicKey: Uint8Array): string {
  return hash("sha256", spki(publicKey), "base64");
}

/** The key as a PEM block "PUBLIC KEY", as `cosign --key` and openssl read it. */
export function publicKeyPem(publicKey: Uint8Array): string {
  return keyObject(publicKey).export({ format: "pem", type: "spki" });
}

function keyObject(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: spki(publicKey), format: "der", type: "spki" });
}

function spki(publicKey: Uint8Array): Buffer {
  return Buffer.concat([SPKI_HEAD, publicKey]);
}
