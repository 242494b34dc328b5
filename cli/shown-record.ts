import type { AuditValue } from "../router/core/audit/audit-event.ts";
import { parseRecord } from "../router/core/audit/parse-record.ts";
import type { Actor } from "../router/core/audit/record.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";

/** A record as people ask about it. Text in it is as its writer was told: an agent's, in part. */
export interface ShownRecord {
  readonly stream: string;
  readonly seq: number;
  /** RFC 3339, UTC, milliseconds: two of them compare as texts. */
  readonly time: string;
  readonly kind: string;
  readonly actor: Actor;
  readonly action: string;
  readonly target: string;
  readonly decision: "allow" | "deny" | "none";
  readonly reason: string | null;
  readonly rule: string | null;
  readonly request: string | null;
  readonly policy: { readonly name: string; readonly version: number } | null;
  readonly detail: { readonly [key: string]: AuditValue };
}

/**
 * The record in a line, which is undefined where it could not be read as text. It is judged as the verifier judges it, as
 * far as that goes without its neighbours. The problem says what it is instead.
 */
export function readRecord(line: string | undefined): Result<ShownRecord, string> {
  if (line === undefined) return fail("malformed: longer than any record, or not UTF-8");
  const parsed = parseRecord(line);
  // It has every member, of the right type, or it would not be a record.
  if (parsed.ok) return ok(JSON.parse(line) as ShownRecord);
  return fail(parsed.problem === "malformed" ? "malformed: no audit record" : "not canonical: not written like this");
}
