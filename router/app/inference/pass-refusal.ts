import type { EpochMillis } from "../../core/base/quantity.ts";
import { holdsSecret, redactSecrets } from "../../core/credential/secret-forms.ts";
import { retryHint } from "../../core/inference/retry-hint.ts";
import type { Json } from "../../core/json/json.ts";
import type { Translation } from "../../core/translate/translation.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import type { AttemptEnd, ProviderRefusal } from "./answer-relay.ts";
import type { Call } from "./call.ts";
import type { AdmittedCallParts } from "./admitted-call.ts";
import { type CallProblem, refusalOf } from "./call-problem.ts";
import { writeLocal, writeRefusal } from "./local-answer.ts";

type Failed = Extract<AttemptEnd, { readonly kind: "failed" }>;

/** What of a provider's refusal the agent's client decides by. */
const PASSED: ReadonlySet<string> = new Set([
  "content-type",
  "x-request-id",
  "request-id",
  "x-amzn-errortype",
  "x-amzn-requestid",
]);

/** The wait that it asks for. */
const WAITS: ReadonlySet<string> = new Set(["retry-after", "retry-after-ms"]);
/** The longest wait that is asked of an SDK: one of them sleeps for any. */
const LONGEST_WAIT = 60_000;

const LIMITS = /^(?:x-ratelimit-|anthropic-ratelimit-)/;

/** Of these the detail names addresses, which are the operator's to know. */
const FOR_LOGS: ReadonlySet<string> = new Set(["upstream_unreachable", "dns_failure", "address_not_allowed"]);

export interface RefusalTelling {
  /** What must not be told (`secretForms`). */
  readonly forms: readonly string[];
  readonly translation: Translation | undefined;
  readonly now: EpochMillis;
}

/**
 * Tells the agent why its call failed after every target: the provider's own refusal where there is one, in the
 * caller's API and without anything of the router's credential; else the router's.
 */
export function passRefusal(
  agent: AgentSocket,
  call: Call,
  parts: Pick<AdmittedCallParts, "request" | "rails">,
  end: Failed,
  { forms, translation, now }: RefusalTelling,
): "again" | "done" {
  const keepAlive = parts.request.keepAlive;
  const { answer } = end;
  // What the provider thinks of the router's credential is no matter of the agent's, whose client would ask for another.
  // And where answers are judged, the words of a refusal, which may repeat the prompt, are not passed on unjudged.
  const judged = parts.rails.some(({ on }) => on.includes("output"));
  const told = answer === undefined ? undefined : tellable(answer, translation, forms);
  if (answer === undefined || told === undefined || answer.status === 401 || answer.status < 400 || judged) {
    const problem: CallProblem = {
      reason: end.reason,
      detail: FOR_LOGS.has(end.reason) ? undefined : end.detail,
      ...(end.rule === undefined ? {} : { rule: end.rule }),
      ...(judged && answer !== undefined && answer.status !== 401 && answer.status >= 400
        ? { status: answer.status }
        : {}),
      ...(end.reason === "idle_timeout" || end.reason === "lifetime_limit" ? { status: 504 } : {}),
      ...(end.late === true ? { paid: true } : {}),
    };
    call.aborted(end.reason, end.detail, end.rule);
    writeRefusal(agent, call.start.family, refusalOf(problem, call), keepAlive);
    return keepAlive ? "again" : "done";
  }
  const fields = answer.fields
    .filter(({ name }) => (PASSED.has(name) || LIMITS.test(name)) && !holdsSecret(name, forms))
    .map(({ rawName, value }) => [rawName, redactSecrets(value, forms)] as const);
  call.completed();
  const native = { ...told, fields: [...fields, ...retryFields(answer.fields, now)] };
  writeLocal(agent, call.start.request, native, keepAlive);
  return keepAlive ? "again" : "done";
}

/** Status and body as the caller's API has them; undefined: the credential cannot be kept out of it. */
function tellable(
  { status, body }: ProviderRefusal,
  translation: Translation | undefined,
  forms: readonly string[],
): { readonly status: number; readonly body: string } | undefined {
  const told = translation?.error(parsed(body), status);
  const text = redactSecrets(told === undefined ? body.toString("utf8") : JSON.stringify(told.body), forms);
  return holdsSecret(text, forms) ? undefined : { status: told?.status ?? status, body: text };
}

/** What an SDK reads before it asks again. A wait that it is not to sleep for, or may read otherwise, is not passed on. */
function retryFields(fields: readonly Field[], now: EpochMillis): readonly (readonly [name: string, value: string])[] {
  const waits = fields.filter(({ name }) => WAITS.has(name));
  const told = waits.map((field) => [field, retryHint([field], now)] as const);
  if (told.some(([, wait]) => wait !== undefined && wait > LONGEST_WAIT)) return [["x-should-retry", "false"]];
  const understood = told.filter(([, wait]) => wait !== undefined).map(([field]) => field);
  const should = fields.filter(({ name, value }) => name === "x-should-retry" && /^(?:true|false)$/i.test(value));
  return [...understood, ...should].map(({ rawName, value }) => [rawName, value] as const);
}

function parsed(body: Buffer): Json | undefined {
  try {
    return JSON.parse(body.toString("utf8")) as Json;
  } catch {
    return undefined;
  }
}
