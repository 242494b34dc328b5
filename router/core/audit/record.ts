import type { Millis } from "../base/quantity.ts";
import type { PolicyIdentity } from "../policy/permit.ts";
import { safeText } from "../wire/safe-text.ts";
import type { AuditEvent, AuditValue } from "./audit-event.ts";
import { canonicalJson, mendValue } from "./canonical-json.ts";

/**
 * A record is one line: its RFC 8785 form in UTF-8 and a newline (0x0A). Its leaf, in lower-case hex, is
 * SHA-256(0x00 || the octets of the line without the newline), an RFC 6962 leaf; the next record holds it as `prev`.
 */
export const RECORD_VERSION = 1;

/** No record is longer, newline included: what a reader needs to hold at most, and what a hostile text can cost. */
export const MAXIMUM_LINE_BYTES = 131_072;

/** In UTF-16 units; at most six octets each once escaped. Callers cut with `safeText`; this is the last bound. */
const MAXIMUM_TEXT = 1_024;
const MAXIMUM_DETAIL = 8_192;

/** Who acts: the pod's own identity, from the downward API and never from a request. */
export interface Actor {
  readonly namespace: string;
  readonly pod: string;
  readonly agent: string;
}

/** Where a record stands in its chain. */
export interface RecordPosition {
  /** Counts from 0 within a stream: the index of its leaf. Order comes from this and never from time. */
  readonly seq: number;
  readonly prev: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string;
  /** Since the stream was opened, by a clock that never steps back. */
  readonly uptime: Millis;
}

/**
 * Renders the records of one stream. Every event has a rendering, at most `MAXIMUM_LINE_BYTES` long, whatever text
 * reached it; the members are written in canonical order, so that only `detail` is sorted at run time.
 */
export function recordRenderer(actor: Actor, stream: string): (event: AuditEvent, at: RecordPosition) => string {
  const actorText = `{"agent":${quote(actor.agent)},"namespace":${quote(actor.namespace)},"pod":${quote(actor.pod)}}`;
  const streamText = quote(stream);
  let policy: PolicyIdentity | null = null;
  let policyText = "null";
  return (event, at) => {
    if (event.policy !== policy) {
      policy = event.policy;
      policyText = policyOf(policy);
    }
    return (
      `{"action":${quote(event.action)},"actor":${actorText},"decision":"${event.decision}"` +
      `,"detail":${detailOf(event.detail)},"kind":"${event.kind}","policy":${policyText},"prev":"${at.prev}"` +
      `,"reason":${event.reason === null ? "null" : `"${event.reason}"`},"request":${quoteOrNull(event.request)}` +
      `,"rule":${quoteOrNull(event.rule)},"seq":${at.seq},"stream":${streamText},"target":${quote(event.target)}` +
      `,"time":"${at.time}","uptime":${Math.max(0, Math.round(at.uptime))},"v":${RECORD_VERSION}}`
    );
  };
}

function quote(text: string): string {
  return JSON.stringify(text.length <= MAXIMUM_TEXT && text.isWellFormed() ? text : safeText(text, MAXIMUM_TEXT));
}

function quoteOrNull(text: string | null): string {
  return text === null ? "null" : quote(text);
}

function policyOf(policy: PolicyIdentity | null): string {
  if (policy === null) return "null";
  return `{"digest":${quote(policy.digest)},"name":${quote(policy.name)},"version":${policy.version}}`;
}

function detailOf(detail: { readonly [key: string]: AuditValue } | undefined): string {
  if (detail === undefined) return "{}";
  const text = canonicalJson(detail) ?? canonicalJson(mendValue(detail)) ?? "{}";
  return text.length <= MAXIMUM_DETAIL ? text : `{"oversize":${text.length}}`;
}
