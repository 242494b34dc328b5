/** Why a bundle, an envelope or a statement is refused. Closed: the codes are part of what `sluice attest --json` says. */
export type AttestCode =
  | "bundle_malformed"
  | "unsigned"
  | "payload_type"
  | "statement_malformed"
  | "not_canonical"
  | "statement_type"
  | "predicate_type"
  | "predicate_malformed"
  | "name_repeated"
  | "subject_mismatch"
  | "no_subject"
  | "origin_mismatch"
  | "key_malformed"
  | "key_mismatch"
  | "checkpoint_malformed"
  | "checkpoint_signature"
  | "checkpoint_mismatch";

export interface AttestProblem {
  readonly code: AttestCode;
  /** One sentence, without a word of what was read: that is whoever wrote it's choice. */
  readonly message: string;
}
