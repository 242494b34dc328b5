import { createHash } from "node:crypto";
import { quoted } from "../../core/document/quoted.ts";
import type { Sigstore, SigstoreBundle } from "./load-sigstore.ts";
import { readStatement } from "./statement.ts";
import type { Refusal } from "./trust-problem.ts";

/** The octets of a document with their SHA-256. */
export interface Artifact {
  readonly octets: Uint8Array;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
}

export function artifactOf(octets: Uint8Array): Artifact {
  return { octets, sha256: createHash("sha256").update(octets).digest("hex") };
}

/**
 * What an attestation must say to count as approval of a policy document. An attestation of another type by
 * the same signer ("this was scanned", "this was rejected") is about the document, and no approval of it.
 */
export const APPROVAL: ReadonlySet<string> = new Set(["https://sluice.dev/attestation/policy/v1"]);

/**
 * Whether the bundle speaks of this document at all: undefined, or why not. The library looks at a DSSE
 * envelope's signature only, never at the document, and compares log entries with the digest that the bundle
 * claims, never with the document's (CVE-2026-22703 was such a gap).
 */
export function checkContent(
  sigstore: Sigstore,
  bundle: SigstoreBundle,
  artifact: Artifact,
  predicateTypes: ReadonlySet<string>,
): Refusal | undefined {
  const { content } = bundle;
  if (content.$case === "messageSignature") {
    const { algorithm, digest } = content.messageSignature.messageDigest;
    if (algorithm !== sigstore.sha256) {
      return {
        code: "digest_mismatch",
        message: "The bundle's message digest is not SHA-256; sign with a P-256 or RSA key.",
      };
    }
    if (digest.toString("hex") === artifact.sha256) return undefined;
    return {
      code: "digest_mismatch",
      message: "The bundle signs another content: the document was changed, or the bundle belongs to another file.",
    };
  }
  const { payloadType, payload } = content.dsseEnvelope;
  const statement = readStatement(payloadType, payload);
  if (!statement.ok) return statement.problem;
  const { predicateType, subjectSha256 } = statement.value;
  if (!predicateTypes.has(predicateType)) {
    const needed = [...predicateTypes].map(quoted).join(" or ");
    return {
      code: "predicate_type",
      message: `The attestation's type is ${quoted(predicateType)}, but needed is ${needed}.`,
    };
  }
  if (subjectSha256 === artifact.sha256) return undefined;
  return {
    code: "subject_mismatch",
    message:
      "The attestation is about another content: the document was changed, or the bundle belongs to another file.",
  };
}
