import { millis } from "../base/quantity.ts";
import type { BudgetRule, BudgetWindow, RateRule } from "../budget/budget-rule.ts";
import { boolean } from "../document/boolean-shape.ts";
import { choice } from "../document/choice-shape.ts";
import { exactlyOneOf } from "../document/conditions.ts";
import { didYouMean } from "../document/did-you-mean.ts";
import { entryOf } from "../document/document-node.ts";
import { duration } from "../document/duration-shape.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { quoted } from "../document/quoted.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { ruleId } from "../policy/rule-parts.ts";
import { decimal } from "./decimal-shape.ts";
import type { Located } from "./inference-policy.ts";
import { ruleModels } from "./model-parts.ts";

const CALENDAR = ["request", "minute", "hour", "day", "month"] as const;
const rolling = duration();

/** One of the names, or a duration: the last so long, always. */
const window: Shape<BudgetWindow> = {
  schema: { anyOf: [{ enum: CALENDAR }, rolling.schema] },
  read(node, report) {
    if (node.kind === "scalar") {
      const kind = CALENDAR.find((name) => name === node.text);
      if (kind !== undefined) return { kind };
      if (/^[A-Za-z]+$/.test(node.text)) {
        const known = `${CALENDAR.join(", ")}, or a duration such as 6h`;
        report.add(
          node,
          "unknown_value",
          `${quoted(node.text)} is none of ${known}${didYouMean(node.text, CALENDAR)}.`,
        );
        return undefined;
      }
    }
    const length = rolling.read(node, report);
    return length === undefined ? undefined : { kind: "rolling", millis: millis(length) };
  },
};

const count = integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const id = required(ruleId, "Unique among budgets, rate limits and guardrails; in refusals, audit and metrics.");
const models = optional(ruleModels, "Names of models; without it, every model.");

/** What would be accepted and never have an effect. */
const meaningful: Condition<{ window: BudgetWindow }> = {
  check({ window: begins }, map, report) {
    const refuse = (key: string, message: string): void => {
      const entry = entryOf(map, key);
      if (entry !== undefined) report.add({ ...entry.value, at: entry.keyAt }, `${key}_not_applicable`, message);
    };
    if (begins?.kind === "request") {
      refuse("scope", "A budget for each request counts nothing together, so it has no scope.");
      refuse("requests", "A request is always one request: bound its tokens or its price.");
    }
    if (entryOf(map, "requests") !== undefined)
      refuse("cut", "A stream is one request from its beginning: there is nothing to cut.");
  },
};

export const budget: Shape<BudgetRule & Located> = refined(
  object(
    {
      id,
      tokens: optional(count, "Tokens, in and out."),
      requests: optional(count, "Calls."),
      usd: optional(decimal({ places: 9, maximum: 9_000_000, aboveZero: true }), "US dollars, by the models' prices."),
      window: required(window, "When it begins anew, by UTC; a duration such as 6h is the last so long, always."),
      scope: defaulted(
        choice("pod", "agent", "namespace", "model"),
        "pod",
        "Whose calls are counted together; agent and namespace need a shared ledger.",
      ),
      models,
      cut: defaulted(boolean, false, "Whether a stream that reaches what was reserved for it is ended."),
    },
    exactlyOneOf(["tokens", "requests", "usd"], "bad_budget", 'A budget counts one of "tokens", "requests" and "usd".'),
    meaningful,
  ),
  ({ tokens, requests, usd, ...given }, node, report) => {
    const line = report.lineOf(node.at);
    if (tokens !== undefined) return { ...given, unit: "tokens", limit: tokens, line };
    if (requests !== undefined) return { ...given, unit: "requests", limit: requests, line };
    return usd === undefined ? undefined : { ...given, unit: "cost", limit: usd, line };
  },
);

export const rateLimit: Shape<RateRule & Located> = refined(
  object(
    {
      id,
      requestsPerMinute: optional(count, "Calls in the last minute."),
      tokensPerMinute: optional(count, "Tokens, in and out, in the last minute."),
      concurrent: optional(count, "Calls at the same time."),
      models,
    },
    exactlyOneOf(
      ["requestsPerMinute", "tokensPerMinute", "concurrent"],
      "bad_rate_limit",
      'A rate limit counts one of "requestsPerMinute", "tokensPerMinute" and "concurrent".',
    ),
  ),
  ({ requestsPerMinute, tokensPerMinute, concurrent, ...given }, node, report) => {
    const line = report.lineOf(node.at);
    if (requestsPerMinute !== undefined) return { ...given, unit: "requests", limit: requestsPerMinute, line };
    if (tokensPerMinute !== undefined) return { ...given, unit: "tokens", limit: tokensPerMinute, line };
    return concurrent === undefined ? undefined : { ...given, unit: "concurrent", limit: concurrent, line };
  },
);
