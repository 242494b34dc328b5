import type { Writable } from "node:stream";
import { pino } from "pino";
import type { Millis } from "../../core/base/quantity.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { CallOutcome } from "../../core/outcome/inference-outcome.ts";
import type { Outcome } from "../../core/outcome/outcome.ts";
import { targetText } from "../../core/outcome/target.ts";
import { BoundedOutput } from "./bounded-output.ts";

/** An undefined one is left out. */
export type LogFacts = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  /** The one line of an exchange; `admitted` says that its permission is on record. */
  exchange(outcome: Outcome, admitted: boolean): void;
  /** The one line of an inference call. */
  call(outcome: CallOutcome): void;
  /** Something else that happened. The facts are the caller's to choose: nothing of a request's content, no credential. */
  event(level: "debug" | "info" | "warn" | "error", event: string, facts?: LogFacts): void;
  /** A signed head of the audit log, whole: whoever keeps the log keeps an anchor. Written at every level but `silent`. */
  checkpoint(note: string, event: string): void;
  /** From here on destinations stand in exchange lines as the audit log has them: hidden. */
  hide(hidden: HiddenFacts): void;
  /** Lines that the reader of the log did not take. */
  readonly lost: number;
  /** Resolves when everything is written, or after `deadline`. */
  flush(deadline: Millis): Promise<void>;
}

/** What is to be hidden, and by what it is replaced. */
export interface HiddenFacts {
  /** Of `host:port`, and of an address; undefined: that is shown. */
  readonly target: ((text: string) => string) | undefined;
  readonly address: ((text: string) => string) | undefined;
}

/** About 2,500 lines. */
const MAXIMUM_BUFFER_LENGTH = 1024 * 1024;
const MAXIMUM_TEXT_LENGTH = 1024;
const MAXIMUM_ACTION_LENGTH = 32;
/** Of the policy's digest: enough to tell two policies apart. */
const DIGEST_LENGTH = "sha256:".length + 12;

/** RFC 3339, in the form that pino splices into its line; made once a millisecond, since it costs 0.5 us (measured). */
function stamper(): () => string {
  let at = 0;
  let stamp = "";
  return () => {
    const now = Date.now();
    if (now !== at) {
      at = now;
      stamp = `,"time":"${new Date(now).toISOString()}"`;
    }
    return stamp;
  };
}

/** JSON lines to `stream` (standard output). Writing never waits and never fails: see `BoundedOutput`. */
export function openLog(level: RouterConfig["log"]["level"], stream: Writable): Log {
  const output = new BoundedOutput(stream, MAXIMUM_BUFFER_LENGTH, (lost) =>
    event("warn", "log lines were lost", { lost }),
  );
  const stamp = stamper();
  let members = "";
  const timestamp = (): string => {
    const text = stamp() + members;
    members = "";
    return text;
  };
  const lines = pino({ level, base: null, timestamp, formatters: { level: (label) => ({ level: label }) } }, output);

  let hidden: HiddenFacts = { target: undefined, address: undefined };
  const notes = lines.child({}, { level: level === "silent" ? level : "info" });

  function event(severity: "debug" | "info" | "warn" | "error", name: string, facts: LogFacts = {}): void {
    if (!lines.isLevelEnabled(severity)) return;
    const clean: Record<string, LogFacts[string]> = {};
    for (const [key, value] of Object.entries(facts)) clean[key] = typeof value === "string" ? printable(value) : value;
    lines[severity](clean, name);
  }

  /**
   * The same line as `lines.info(fields, name)`, for less than half of the memory: the engine makes one text of all members, which
   * goes into the line behind its time, where pino makes two of each.
   */
  function often(fields: LogFacts, name: string): void {
    members = `,${JSON.stringify(fields).slice(1, -1)}`;
    lines.info(name);
  }

  return {
    event,
    exchange(outcome, admitted) {
      if (lines.isLevelEnabled("info")) often(exchangeFields(outcome, admitted, hidden), "exchange");
    },
    call(outcome) {
      if (lines.isLevelEnabled("info")) often(callFields(outcome), "call");
    },
    hide(facts) {
      hidden = facts;
    },
    checkpoint(note, name) {
      notes.info({ checkpoint: note }, name);
    },
    get lost() {
      return output.lost;
    },
    flush: (deadline) => output.flush(deadline),
  };
}

/**
 * Every field that an exchange's line can have, and no other; one that says nothing is left out (a null costs pino
 * 0.3 us). What else an outcome may carry one day (heads, bodies, credentials) is not written. What the agent chose of it
 * is parsed (host, port) or cut short (a method).
 */
function exchangeFields(outcome: Outcome, admitted: boolean, hidden: HiddenFacts): LogFacts {
  const { start, facts, policy } = outcome;
  const { target, address } = hidden;
  return {
    request: start.request,
    via: printable(start.action.slice(0, MAXIMUM_ACTION_LENGTH)),
    target: target?.(targetText(start)),
    host: target === undefined ? start.host?.text : undefined,
    port: target === undefined ? start.port : undefined,
    decision: outcome.kind === "refused" ? "deny" : admitted ? "allow" : "none",
    outcome: outcome.kind,
    reason: outcome.kind === "completed" ? undefined : outcome.reason,
    rule: outcome.rule,
    status: facts.status,
    address: facts.address === undefined ? undefined : (address?.(facts.address) ?? facts.address),
    bytesOut: facts.bytesOut,
    bytesIn: facts.bytesIn,
    ms: Math.round(facts.total * 10) / 10,
    policy: policy?.digest.slice(0, DIGEST_LENGTH),
    trace: start.trace?.trace,
  };
}

/** Names in it are the policy's; of the content there is nothing. */
function callFields({ start, facts, policy, rule, ...how }: CallOutcome): LogFacts {
  const { usage, charged } = facts;
  return {
    request: start.request,
    api: start.api,
    model: facts.model,
    provider: facts.provider,
    outcome: how.kind,
    reason: how.kind === "completed" ? undefined : how.reason,
    detail: how.kind === "completed" || how.detail === undefined ? undefined : printable(how.detail),
    rule,
    status: facts.status,
    stream: facts.stream ? true : undefined,
    attempts: facts.attempts > 1 ? facts.attempts : undefined,
    input: usage?.input,
    output: usage?.output,
    estimated: charged?.estimated === true ? true : undefined,
    firstTokenMs: facts.firstToken === undefined ? undefined : Math.round(facts.firstToken * 10) / 10,
    ms: Math.round(facts.total * 10) / 10,
    policy: policy?.digest.slice(0, DIGEST_LENGTH),
    trace: start.trace?.trace,
  };
}

/** JSON escapes line ends; this also takes what steers a terminal or hides text, and bounds the length. */
function printable(text: string): string {
  return text.slice(0, MAXIMUM_TEXT_LENGTH).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}
