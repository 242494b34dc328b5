import type { AuditValue } from "../audit/audit-event.ts";
import { logOrigin } from "../audit/log-origin.ts";
import { type ExportedRecord, recordId } from "./exported-record.ts";
import { traceOf } from "./trace-context.ts";

/** What a CloudEvents String must not hold (CloudEvents 1.0.2, type system): controls and noncharacters. */
const NOT_IN_STRINGS = /[\p{Cc}\p{Noncharacter_Code_Point}]/gu;

/** The largest `seq` has as many digits: as text, padded, sequences sort in their order. */
const SEQUENCE_DIGITS = 16;

/**
 * The context attributes of a record as a CloudEvent, version 1.0.2: the whole event but for `data`, which is the record
 * itself. Extensions: `sequence` (of the Sequence extension, without `sequencetype`, whose only defined value counts from
 * 1 and wraps), `traceparent` (Distributed Tracing; a record knows no trace flags, and 00 claims none), and `sluiceleaf`,
 * the leaf by which the record can be looked up in its log.
 */
export function cloudEventContext(record: ExportedRecord, leaf: string): { readonly [name: string]: AuditValue } {
  const subject = record.target.replace(NOT_IN_STRINGS, "\ufffd");
  const trace = traceOf(record);
  return {
    specversion: "1.0",
    id: recordId(record),
    source: logOrigin(record.actor, record.stream).split("/").map(encodeURIComponent).join("/"),
    type: `dev.sluice.audit.${record.kind}.v1`,
    time: record.time,
    // Must not be empty where it is present.
    ...(subject === "" ? {} : { subject }),
    datacontenttype: "application/json",
    sequence: String(record.seq).padStart(SEQUENCE_DIGITS, "0"),
    sluiceleaf: leaf,
    ...(trace === undefined ? {} : { traceparent: `00-${trace.traceId}-${trace.spanId}-00` }),
  };
}

/**
 * The event in the JSON event format. Its `data` is the very text of the record, so that whoever cuts it out can hash it;
 * the line must be one that `readRecord` has read.
 */
export function cloudEventText(record: ExportedRecord, line: string, leaf: string): string {
  return `${JSON.stringify(cloudEventContext(record, leaf)).slice(0, -1)},"data":${line}}`;
}
