import type { AuditValue } from "../audit/audit-event.ts";
import { utf8 } from "../tlog/utf8.ts";
import { parseEitherBase64 } from "./either-base64.ts";
import { type Flaw, listOf, matching, members, text } from "./members.ts";

/** A DSSE envelope (Dead Simple Signing Envelope 1.0). Nothing in it is true before a signature has been checked. */
export interface Envelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  /** In the envelope's order. A `keyid` is not kept: it is not signed, and no decision may rest on it. */
  readonly signatures: readonly Uint8Array[];
}

/** A statement of the router has some 2 KiB; one about every document that a pod can mount stays far below this. */
export const MAXIMUM_PAYLOAD = 256 * 1024;
const MAXIMUM_PAYLOAD_TEXT = Math.ceil(MAXIMUM_PAYLOAD / 3) * 4;
const MAXIMUM_SIGNATURES = 16;
/** ML-DSA-87 has 4,627 octets. */
const MAXIMUM_SIGNATURE_TEXT = 8 * 1024;

/** What is signed (DSSE protocol, "Signature Definition"): type and payload, each behind its length in octets. */
export function dssePreAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = utf8(payloadType.toWellFormed());
  const [head, length] = [utf8(`DSSEv1 ${type.length} `), utf8(` ${payload.length} `)];
  const encoded = new Uint8Array(head.length + type.length + length.length + payload.length);
  let at = 0;
  for (const part of [head, type, length, payload]) {
    encoded.set(part, at);
    at += part.length;
  }
  return encoded;
}

const possiblyEmpty =
  (maximum: number): Flaw =>
  (value) =>
    value === "" ? undefined : text(maximum)(value);

/** `keyid` may stand there, and says nothing. */
export const envelopeMembers: Flaw = members({
  payload: possiblyEmpty(MAXIMUM_PAYLOAD_TEXT),
  payloadType: possiblyEmpty(256),
  signatures: listOf(
    members({ sig: text(MAXIMUM_SIGNATURE_TEXT) }, { keyid: matching(/^[\x20-\x7e]{0,256}$/) }),
    MAXIMUM_SIGNATURES,
  ),
});

interface EnvelopeJson {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly sig: string }[];
}

/** Strict, and bounded by the sizes above. Undefined: not an envelope. */
export function readEnvelope(value: AuditValue): Envelope | undefined {
  if (envelopeMembers(value) !== undefined) return undefined;
  const envelope = value as unknown as EnvelopeJson;
  const payload = parseEitherBase64(envelope.payload);
  const signatures = envelope.signatures
    .map(({ sig }) => parseEitherBase64(sig))
    .filter((octets) => octets !== undefined);
  if (payload === undefined || signatures.length !== envelope.signatures.length) return undefined;
  return { payloadType: envelope.payloadType, payload, signatures };
}

/** The JSON form, with one signature. No `keyid`: cosign 3 refuses an envelope that names a key it does not know by that id. */
export function envelopeJson(payloadType: string, payload: Uint8Array, signature: Uint8Array): EnvelopeJson {
  return { payload: payload.toBase64(), payloadType, signatures: [{ sig: signature.toBase64() }] };
}
