import { APIS, type Family, type Operation } from "../inference/api.ts";
import type { CallOutcome } from "../outcome/inference-outcome.ts";
import { callEnding } from "./call-ending.ts";
import { callError } from "./call-error.ts";
import { PROVIDER_NAMES } from "./provider-name.ts";

/** Where a provider is, as the policy says. */
export interface ProviderPlace {
  readonly family: Family;
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean | string[]>>;

/** A call as a span. */
export interface CallSpanText {
  readonly name: string;
  readonly attributes: SpanAttributes;
  /** `error.type`; undefined: the status is not set. */
  readonly error: string | undefined;
}

/**
 * The span of a call (OpenTelemetry GenAI semantic conventions, kind CLIENT); undefined where no operation was asked for,
 * since the request was not read so far. `latest`: semantic-conventions-genai, schema gen-ai/1.42.0, instead of what
 * dashboards know (1.41 of the core repository and before).
 *
 * Nothing of a prompt or an answer is ever in it: content is opt-in in the conventions, and there is no opting in here. Of
 * what a provider chose, ids and words are in it only where they have the form of one.
 */
export function callSpan(
  outcome: CallOutcome,
  place: ProviderPlace | undefined,
  latest: boolean,
): CallSpanText | undefined {
  const { start, facts } = outcome;
  if (start.api === undefined) return undefined;
  const { operation } = APIS[start.api];
  const error = callError(outcome);
  // What the provider is asked for; of a call that got to none, what the agent asked for.
  const model = facts.target ?? facts.model;
  const attributes: Record<string, string | number | boolean | string[]> = {};
  const put = (name: string, value: string | number | boolean | string[] | undefined): void => {
    if (value !== undefined) attributes[name] = value;
  };
  put("gen_ai.operation.name", operation);
  put("gen_ai.provider.name", PROVIDER_NAMES[place?.family ?? start.family]);
  put("gen_ai.request.model", model);
  put("gen_ai.response.id", wordOf(facts.responseId));
  put("gen_ai.response.model", wordOf(facts.responseModel));
  put("gen_ai.response.finish_reasons", finishReasons(outcome, latest, operation));
  put("error.type", error);
  put("openai.api.type", OPENAI_TYPES[start.api]);
  if (facts.provider !== undefined && place !== undefined) {
    put("server.address", place.host);
    put("server.port", place.port);
  }
  put("network.peer.address", facts.address);
  if (latest && facts.stream) {
    put("gen_ai.request.stream", true);
    put("gen_ai.response.time_to_first_chunk", facts.firstToken === undefined ? undefined : facts.firstToken / 1000);
  }
  putUsage(put, outcome, latest);
  put("sluice.request", start.request);
  put("sluice.outcome", callEnding(outcome));
  put("sluice.model", facts.model);
  put("sluice.provider", facts.provider);
  put("sluice.rule", outcome.rule);
  put("sluice.attempts", facts.attempts === 0 ? undefined : facts.attempts);
  return { name: model === undefined ? operation : `${operation} ${model}`, attributes, error };
}

type Put = (name: string, value: string | number | boolean | undefined) => void;

/** What the provider counted; what the router estimated stands under names of ours. */
function putUsage(put: Put, { facts: { usage, charged } }: CallOutcome, latest: boolean): void {
  if (charged !== undefined) {
    put("sluice.tokens", charged.tokens);
    put("sluice.cost_usd", charged.cost === undefined ? undefined : charged.cost / 1e9);
    put("sluice.estimated", charged.estimated);
  }
  if (usage === undefined || charged?.estimated === true) return;
  put("gen_ai.usage.input_tokens", usage.input);
  put("gen_ai.usage.output_tokens", usage.output);
  const some = (name: string, count: number): void => put(name, count === 0 ? undefined : count);
  some("gen_ai.usage.cache_read.input_tokens", usage.cacheRead);
  some(`gen_ai.usage.${latest ? "cache_write" : "cache_creation"}.input_tokens`, usage.cacheWrite);
  some("gen_ai.usage.reasoning.output_tokens", usage.reasoning);
  if (!latest) return;
  some("gen_ai.usage.audio.input_tokens", usage.audioInput);
  some("gen_ai.usage.audio.output_tokens", usage.audioOutput);
}

const OPENAI_TYPES: Readonly<Record<string, string>> = { chat: "chat_completions", responses: "responses" };

const MOST_REASONS = 16;

function finishReasons({ kind, facts }: CallOutcome, latest: boolean, operation: Operation): string[] | undefined {
  const reasons = facts.finishReasons.slice(0, MOST_REASONS).map((reason) => wordOf(reason) ?? "_OTHER");
  if (reasons.length > 0) return reasons;
  // The newest conventions want to be told that a generation never came to its end.
  const cut = latest && kind === "aborted" && operation !== "embeddings" && operation !== "count_tokens";
  return cut ? ["error"] : undefined;
}

/** An id, a name of a model, a word: no text that somebody wrote. */
const WORD = /^[A-Za-z0-9][A-Za-z0-9_.:/@+=-]{0,199}$/;

function wordOf(text: string | undefined): string | undefined {
  return text !== undefined && WORD.test(text) ? text : undefined;
}
