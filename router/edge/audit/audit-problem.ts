/**
 * Why nothing can be recorded. `locked`: another writer holds the directory. `log_full`: `maximumBytes` is reached.
 * `altered`: somebody else cut or wrote to the segment. `deadline`: the disk did not answer in time. The others are what
 * the file system said.
 */
export type AuditProblemCode =
  | "locked"
  | "log_full"
  | "altered"
  | "deadline"
  | "disk_full"
  | "not_permitted"
  | "missing"
  | "io_error";

export interface AuditProblem {
  readonly code: AuditProblemCode;
  /** One sentence for the operator. */
  readonly message: string;
}

/** Carries a problem of our own through code that expects the file system's errors. */
export class AuditFailure extends Error {
  readonly problem: AuditProblem;

  constructor(code: AuditProblemCode, message: string) {
    super(message);
    this.problem = { code, message };
  }
}

const CODES: Readonly<Record<string, AuditProblemCode>> = {
  ENOSPC: "disk_full",
  EDQUOT: "disk_full",
  EROFS: "not_permitted",
  EACCES: "not_permitted",
  EPERM: "not_permitted",
  ENOENT: "missing",
  ENOTDIR: "missing",
};

export function problemOf(error: unknown): AuditProblem {
  if (error instanceof AuditFailure) return error.problem;
  if (!(error instanceof Error)) return { code: "io_error", message: String(error) };
  const code = "code" in error && typeof error.code === "string" ? CODES[error.code] : undefined;
  return { code: code ?? "io_error", message: error.message };
}
