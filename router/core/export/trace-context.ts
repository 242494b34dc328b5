import { type ExportedRecord, textOf } from "./exported-record.ts";

/** The trace that the agent says a request is part of, and its span there (W3C Trace Context, section 3.2.2). */
export interface RecordTrace {
  /** 32 digits of lower-case hex, not all 0. */
  readonly traceId: string;
  /** 16 digits, not all 0. */
  readonly spanId: string;
}

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/;

/** Undefined where the detail names none, or what it names has another form (a hidden one, say). */
export function traceOf({ detail }: ExportedRecord): RecordTrace | undefined {
  const traceId = textOf(detail["trace"]) ?? "";
  const spanId = textOf(detail["span"]) ?? "";
  return TRACE_ID.test(traceId) && SPAN_ID.test(spanId) ? { traceId, spanId } : undefined;
}
