import type { DocumentProblem } from "../../core/base/problem.ts";

/** Why a document's signature was refused. Stable: audit, status and `sluice policy check` show these. */
export type TrustCode =
  | "kind_not_covered"
  | "document_too_large"
  | "document_not_text"
  | "document_unreadable"
  | "unsigned"
  | "bundle_too_large"
  | "bundle_malformed"
  | "bundle_format"
  | "bundle_media_type"
  | "too_many_bundles"
  | "digest_mismatch"
  | "payload_type"
  | "statement_malformed"
  | "predicate_type"
  | "subject_mismatch"
  | "signer_unknown"
  | "signature_invalid"
  | "certificate_invalid"
  | "identity_unusable"
  | "timestamp_invalid"
  | "log_invalid"
  | "threshold_not_met";

/** Why one bundle did not count. */
export interface Refusal {
  readonly code: TrustCode;
  /** One sentence. */
  readonly message: string;
}

/** A refusal of a document as a whole: line and column are 0. */
export interface TrustProblem extends DocumentProblem {
  readonly code: TrustCode;
}

export function trustProblem(file: string, { code, message }: Refusal): TrustProblem {
  return { file, line: 0, column: 0, code, message };
}
