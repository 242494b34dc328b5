import { holdsSecret, redactSecrets } from "../../core/credential/secret-forms.ts";
import type { Json } from "../../core/json/json.ts";
import type { Translation } from "../../core/translate/translation.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import type { AttemptEnd } from "./answer-relay.ts";
import type { Call } from "./call.ts";
import type { AdmittedCallParts } from "./admitted-call.ts";
import { type CallProblem, refusalOf } from "./call-problem.ts";
import { writeLocal, writeRefusal } from "./local-answer.ts";

type Failed = Extract<AttemptEnd, { readonly kind: "failed" }>;

/** What of a provider's refusal the agent's client decides by. */
const PASSED: ReadonlySet<string> = new Set([
  "content-type",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  "x-request-id",
  "request-id",
  "x-amzn-errortype",
  "x-amzn-requestid",
]);

const LIMITS = /^(?:x-ratelimit-|anthropic-ratelimit-)/;

/** Of these the detail names addresses, which are the operator's to know. */
const FOR_LOGS: ReadonlySet<string> = new Set(["upstream_unreachable", "dns_failure", "address_not_allowed"]);

/**
 * Tells the agent why its call failed after every target: the provider's own refusal where there is one, in the
 * caller's API and without anything of the router's credential; else the router's.
 */
export function passRefusal(
  agent: AgentSocket,
  call: Call,
  parts: Pick<AdmittedCallParts, "request" | "rails">,
  end: Failed,
  { forms, translation }: { readonly forms: readonly string[]; readonly translation: Translation | undefined },
): "again" | "done" {
  const keepAlive = parts.request.keepAlive;
  const { answer } = end;
  // What the provider thinks of the router's credential is no matter of the agent's, whose client would ask for another.
  // And where answers are judged, the words of a refusal, which may repeat the prompt, are not passed on unjudged.
  const judged = parts.rails.some(({ on }) => on.includes("output"));
  if (answer === undefined || answer.status === 401 || answer.status < 400 || judged) {
    const problem: CallProblem = {
      reason: end.reason,
      detail: FOR_LOGS.has(end.reason) ? undefined : end.detail,
      ...(end.rule === undefined ? {} : { rule: end.rule }),
      ...(judged && answer !== undefined && answer.status !== 401 && answer.status >= 400
        ? { status: answer.status }
        : {}),
      ...(end.reason === "idle_timeout" || end.reason === "lifetime_limit" ? { status: 504 } : {}),
    };
    call.aborted(end.reason, end.detail, end.rule);
    writeRefusal(agent, call.start.family, refusalOf(problem, call), keepAlive);
    return keepAlive ? "again" : "done";
  }
  const fields = answer.fields
    .filter(({ name }) => (PASSED.has(name) || LIMITS.test(name)) && !holdsSecret(name, forms))
    .map(({ rawName, value }) => [rawName, redactSecrets(value, forms)] as const);
  const told = translation?.error(parsed(answer.body), answer.status);
  const status = told?.status ?? answer.status;
  const text = told === undefined ? answer.body.toString("utf8") : JSON.stringify(told.body);
  call.completed();
  writeLocal(agent, call.start.request, { status, fields, body: redactSecrets(text, forms) }, keepAlive);
  return keepAlive ? "again" : "done";
}

function parsed(body: Buffer): Json | undefined {
  try {
    return JSON.parse(body.toString("utf8")) as Json;
  } catch {
    return undefined;
  }
}
