import { defaulted, optional, required } from "../document/field.ts";
import { boolean } from "../document/boolean-shape.ts";
import { integer } from "../document/integer-shape.ts";
import { object } from "../document/object-shape.ts";
import { quoted } from "../document/quoted.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { ruleId } from "../policy/rule-parts.ts";
import { listUpTo } from "../document/bounded-list.ts";
import { decimal } from "./decimal-shape.ts";
import type { ModelRule, ModelTarget, Price } from "./inference-policy.ts";
import { modelName } from "./model-parts.ts";

/** Dollars a million tokens are millionths of a dollar a token: six places make trillionths. */
const perMillion = decimal({ places: 6, maximum: 1_000_000 });
const perCall = decimal({ places: 12, maximum: 1000 });

const price: Shape<Price> = refined(
  object({
    input: required(perMillion, "Dollars per million input tokens."),
    cacheRead: optional(perMillion, "Of them, read from a cache; without it, as input."),
    cacheWrite: optional(perMillion, "Of them, written to a cache; without it, as input."),
    cacheWriteHour: optional(perMillion, "Of them, written for an hour; without it, as cacheWrite."),
    audioInput: optional(perMillion, "Of them, audio; without it, as input."),
    output: required(perMillion, "Dollars per million output tokens; 0 for a model that only embeds."),
    audioOutput: optional(perMillion, "Of them, audio; without it, as output."),
    request: optional(perCall, "Dollars per call; without it, nothing."),
    toolCall: optional(perCall, "Dollars per search or fetch of the provider's; without it, nothing."),
  }),
  ({ input, output, cacheWrite = input, ...given }) => ({
    input,
    cacheRead: given.cacheRead ?? input,
    cacheWrite,
    cacheWriteHour: given.cacheWriteHour ?? cacheWrite,
    audioInput: given.audioInput ?? input,
    output,
    audioOutput: given.audioOutput ?? output,
    request: given.request ?? 0,
    toolCall: given.toolCall ?? 0,
  }),
);

const writtenTarget = object({
  provider: required(ruleId, "The id of a provider."),
  model: required(modelName, "The provider's own name of the model; Azure: of the deployment."),
  weight: optional(
    integer({ minimum: 0, maximum: 1_000_000 }),
    "The chance to be tried first, relative to the others; 0: only when others fail.",
  ),
});

const targets: Shape<readonly ModelTarget[]> = refined(
  listUpTo(16, writtenTarget),
  (given, node, report): readonly ModelTarget[] | undefined => {
    const places = node.kind === "list" ? node.items : [];
    const seen = new Set<string>();
    const before = report.count;
    for (const [at, target] of given.entries()) {
      const key = `${target.provider} ${target.model}`;
      const message = `${quoted(target.model)} at ${quoted(target.provider)} is a target of this model already.`;
      if (seen.has(key)) report.add(places[at] ?? node, "duplicate_target", message);
      seen.add(key);
    }
    const isWeighted = given.some(({ weight }) => weight !== undefined);
    if (isWeighted && given.every(({ weight = 0 }) => weight === 0)) {
      report.add(node, "no_weight", "Where weights are given, one of them must be more than 0.");
    }
    if (report.count > before) return undefined;
    return given.map(({ provider, model, weight }, at) => ({
      provider,
      model,
      weight: isWeighted ? (weight ?? 0) : at === 0 ? 1 : 0,
    }));
  },
);

const tokens = integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

const fields = object({
  name: required(modelName, "What a request calls it, letter by letter; unique among names and aliases."),
  aliases: defaulted(
    listUpTo(64, modelName, { unique: true, mayBeEmpty: true }),
    [],
    "Other names that a request may use.",
  ),
  context: optional(tokens, "The most input tokens that it takes."),
  maxOutput: required(tokens, "The most output tokens of one choice; the cap where a request names none."),
  hostedTools: defaulted(
    boolean,
    false,
    "Whether calls may name tools that the provider runs (web search, MCP servers): those reach beyond the egress policy.",
  ),
  price: optional(price, "US dollars per million tokens; without it, no budget in dollars may cover the model."),
  targets: required(targets, "Where calls go: in this order, the first of a call drawn by weight."),
});

export const model: Shape<ModelRule> = refined(fields, (given, node, report) => ({
  ...given,
  line: report.lineOf(node.at),
}));
