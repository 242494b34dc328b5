import type { ExportedRecord } from "./exported-record.ts";

/** How much a record asks of whoever watches: each format has its own scale for it. */
export type Gravity = "information" | "warning" | "error";

/** What is wrong with the log or the policy itself, and not with one request. */
const ERRORS: ReadonlySet<string> = new Set(["gap", "recovery", "policy.refused"]);

/** `budget`: a clock was set, or a process ended without settling; nothing is wrong with what was counted. */
const WARNINGS: ReadonlySet<string> = new Set(["budget"]);

export function gravityOf({ kind, decision }: ExportedRecord): Gravity {
  if (ERRORS.has(kind)) return "error";
  return decision === "deny" || WARNINGS.has(kind) ? "warning" : "information";
}
