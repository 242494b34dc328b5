import { fail, ok, type Result } from "../base/result.ts";
import type { AuditValue } from "../audit/audit-event.ts";
import type { AttestCode, AttestProblem } from "./attest-problem.ts";
import { dssePreAuthEncoding, type Envelope, envelopeJson, envelopeMembers, readEnvelope } from "./envelope.ts";
import { type Flaw, matching, members } from "./members.ts";
import { PAYLOAD_TYPE } from "./run-facts.ts";

const MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** Octets of a bundle file, or of the answer that holds one: base64 of the largest payload, twice over. */
export const MAXIMUM_BUNDLE = 1024 * 1024;

/**
 * A statement, signed, as a sigstore bundle v0.3 that `cosign verify-blob-attestation --key` takes: one line of JSON.
 * `sign` makes an Ed25519 signature over the octets it is given (64 octets). `hint` is what cosign writes there, base64
 * of SHA-256 over the public key's SPKI in DER; like everything beside the envelope it is not signed.
 */
export function attestationBundle(
  statement: Uint8Array,
  sign: (octets: Uint8Array) => Uint8Array,
  hint: string,
): string {
  const signature = sign(dssePreAuthEncoding(PAYLOAD_TYPE, statement));
  return JSON.stringify({
    mediaType: MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint } },
    dsseEnvelope: envelopeJson(PAYLOAD_TYPE, statement, signature),
  });
}

const mediaType: Flaw = (value) => (value === MEDIA_TYPE ? undefined : "");

const bundleMembers = members({
  mediaType,
  verificationMaterial: members({ publicKey: members({ hint: matching(/^[\x20-\x7e]{0,256}$/) }) }),
  dsseEnvelope: envelopeMembers,
});

/**
 * The envelope in a bundle that `attestationBundle` or cosign with a key and without services wrote: this media type,
 * a public key, one envelope with one signature, in-toto inside; nothing besides. White space does not matter.
 */
export function readAttestationBundle(source: string): Result<Envelope, AttestProblem> {
  const malformed = (what: string) =>
    refuse("bundle_malformed", `This is no sigstore bundle v0.3 of one key: ${what}.`);
  if (source.length > MAXIMUM_BUNDLE) return malformed(`it has more than ${MAXIMUM_BUNDLE} characters`);
  let value: AuditValue;
  try {
    value = JSON.parse(source) as AuditValue;
  } catch {
    return malformed("it is not JSON");
  }
  const flaw = bundleMembers(value);
  if (flaw !== undefined) return malformed(flaw === "" ? "it is no object" : `see ${flaw}`);
  const envelope = readEnvelope((value as { readonly dsseEnvelope: AuditValue }).dsseEnvelope);
  if (envelope === undefined) return malformed("a base64 text in .dsseEnvelope is not in its one form");
  if (envelope.signatures.length === 0) return refuse("unsigned", "The envelope has no signature.");
  if (envelope.signatures.length > 1) return malformed("the envelope has more than one signature");
  if (envelope.payloadType !== PAYLOAD_TYPE) {
    return refuse("payload_type", `The payload is of another type than ${PAYLOAD_TYPE}.`);
  }
  return ok(envelope);
}

function refuse(code: AttestCode, message: string): Result<never, AttestProblem> {
  return fail({ code, message });
}
