import { fieldValues } from "./fields.ts";
import type { RequestHead } from "./message-head.ts";

/** W3C Trace Context: which trace a caller says it is in. Its word only: for finding a record again, never for a decision. */
export interface TraceContext {
  /** 32 digits of lower-case hex, not all zero. */
  readonly trace: string;
  /** The caller's span: 16 digits, not all zero. */
  readonly span: string;
}

const FORM = /^(?<version>[0-9a-f]{2})-(?<trace>[0-9a-f]{32})-(?<span>[0-9a-f]{16})-[0-9a-f]{2}(?<more>-.*)?$/;

/** The one `traceparent` field of a request; undefined where it has none, several, or one of another form (section 3.2). */
export function traceContext(head: Pick<RequestHead, "fields">): TraceContext | undefined {
  const values = fieldValues(head, "traceparent");
  const [value] = values;
  if (value === undefined || values.length > 1) return undefined;
  const groups = FORM.exec(value)?.groups;
  if (groups === undefined) return undefined;
  const { version, trace = "", span = "", more } = groups;
  // Version 00 ends here; a later one may go on; ff is none.
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  return /[1-9a-f]/.test(trace) && /[1-9a-f]/.test(span) ? { trace, span } : undefined;
}
