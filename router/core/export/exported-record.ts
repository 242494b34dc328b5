import type { AuditValue } from "../audit/audit-event.ts";
import { type AuditRecord, parseRecord } from "../audit/parse-record.ts";

/** Every member of a record of version 1. */
export interface ExportedRecord extends AuditRecord {
  readonly v: number;
  readonly actor: { readonly namespace: string; readonly pod: string; readonly agent: string };
  readonly action: string;
  readonly target: string;
  readonly decision: "allow" | "deny" | "none";
  readonly reason: string | null;
  readonly rule: string | null;
  readonly policy: { readonly name: string; readonly version: number; readonly digest: string } | null;
  readonly request: string | null;
  /** Milliseconds since the stream was opened. */
  readonly uptime: number;
}

/** A durable record as the disk has it. */
export interface DurableRecord {
  /** Without the newline. */
  readonly line: string;
  /** In lower-case hex: SHA-256(0x00 || line). */
  readonly leaf: string;
}

/** Undefined where the line is no record of this version in its only form: then nothing can be said of it. */
export function readRecord(line: string): ExportedRecord | undefined {
  // What `parseRecord` admits is such an object and no other; what it returns shows only some of the members.
  return parseRecord(line).ok ? (JSON.parse(line) as ExportedRecord) : undefined;
}

/** Unique over all streams of all pods, for ever: the stream is a nonce of 128 bits. */
export function recordId(record: ExportedRecord): string {
  return `${record.stream}/${record.seq}`;
}

/** Below it, the sum of two counts is still exact. */
const COUNT_LIMIT = 2 ** 52;

/** A count of the detail; undefined where it is absent, or no number that every receiver reads exactly. */
export function countOf(value: AuditValue | undefined): number | undefined {
  const isCount = typeof value === "number" && Number.isInteger(value) && value >= 0 && value < COUNT_LIMIT;
  return isCount ? value : undefined;
}

export function textOf(value: AuditValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function membersOf(value: AuditValue | undefined): { readonly [name: string]: AuditValue } | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as { readonly [name: string]: AuditValue }) : undefined;
}
