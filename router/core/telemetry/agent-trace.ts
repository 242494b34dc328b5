import { fieldValues } from "../wire/fields.ts";
import type { RequestHead } from "../wire/message-head.ts";
import { type TraceContext, traceContext } from "../wire/traceparent.ts";

/**
 * The trace that an agent says its call is part of, with what it says to those behind it (W3C Trace Context Level 2). Its
 * word only: whether a span is kept may follow it, and nothing else may.
 */
export interface AgentTrace extends TraceContext {
  readonly sampled: boolean;
  /** The trace id is random; passed on as it came. */
  readonly random: boolean;
  /** Undefined where there is none, or one that is not well-formed, or longer than 512 characters. */
  readonly state: string | undefined;
}

/** What has to be passed on (section 3.3.1.5); longer lists may be left out. */
const LONGEST_STATE = 512;
const MOST_MEMBERS = 32;
const KEY = /^[a-z0-9][a-z0-9_*/@-]{0,255}$/;
const VALUE = /^[\u0020-\u002b\u002d-\u003c\u003e-\u007e]{0,255}[\u0021-\u002b\u002d-\u003c\u003e-\u007e]$/;

/** Undefined where the request has no `traceparent`, or one that `traceContext` does not read; then its state is void too. */
export function agentTrace(head: Pick<RequestHead, "fields">): AgentTrace | undefined {
  const context = traceContext(head);
  if (context === undefined) return undefined;
  // `traceContext` has seen that there is one value, with two digits of hex at this place in every version.
  const [value = ""] = fieldValues(head, "traceparent");
  const flags = Number.parseInt(value.slice(53, 55), 16);
  return {
    ...context,
    sampled: (flags & 1) === 1,
    random: (flags & 2) === 2,
    state: stateOf(fieldValues(head, "tracestate")),
  };
}

/** Several fields are one list (section 3.3.1.1). It is passed on as it came, or not at all. */
function stateOf(values: readonly string[]): string | undefined {
  if (values.length === 0 || values.length > MOST_MEMBERS) return undefined;
  const list = values.join(",");
  if (list.length > LONGEST_STATE) return undefined;
  const members = list.split(",").map((member) => member.trim());
  const named = members.filter((member) => member !== "");
  if (named.length === 0 || named.length > MOST_MEMBERS || !named.every(isMember)) return undefined;
  return named.join(",");
}

function isMember(member: string): boolean {
  const equals = member.indexOf("=");
  return equals > 0 && KEY.test(member.slice(0, equals)) && VALUE.test(member.slice(equals + 1));
}
