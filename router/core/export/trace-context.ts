import type { AuditValue } from "../audit/audit-event.ts";

/** W3C Trace Context, section 3.2. */
export interface TraceContext {
  /** The field as a whole, in lower case. */
  readonly traceparent: string;
  /** 32 hex digits, not all 0. */
  readonly traceId: string;
  /** 16 hex digits, not all 0. */
  readonly spanId: string;
  readonly flags: number;
}

const TRACEPARENT = /^00-(?!0{32})(?<traceId>[0-9a-f]{32})-(?!0{16})(?<spanId>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})$/;

/** Reads the `trace` of a record's detail: a `traceparent` of version 00. Undefined for anything else. */
export function parseTrace(value: AuditValue | undefined): TraceContext | undefined {
  const groups = typeof value === "string" ? TRACEPARENT.exec(value)?.groups : undefined;
  if (typeof value !== "string" || groups === undefined) return undefined;
  const { traceId = "", spanId = "", flags = "" } = groups;
  return { traceparent: value, traceId, spanId, flags: Number.parseInt(flags, 16) };
}
