import type { AuditValue } from "../router/core/audit/audit-event.ts";
import { parseRecord } from "../router/core/audit/parse-record.ts";
import type { Actor } from "../router/core/audit/record.ts";
import { ok, type Result } from "../router/core/base/result.ts";

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

/** Judges the line as the verifier does, as far as that goes without its neighbours. */
export function readRecord(line: string): Result<ShownRecord, "malformed" | "not_canonical"> {
  const parsed = parseRecord(line);
  // It has every member, of the right type, or it would not be a record.
  return parsed.ok ? ok(JSON.parse(line) as ShownRecord) : parsed;
}
