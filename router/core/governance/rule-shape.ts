import { choice } from "../document/choice-shape.ts";
import { atLeastOneOf } from "../document/conditions.ts";
import { listUpTo } from "../document/bounded-list.ts";
import { entryOf, type MapEntry, type MapNode } from "../document/document-node.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { type Condition as Between, object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Report } from "../document/report.ts";
import type { Shape } from "../document/shape.ts";
import { size } from "../document/size-shape.ts";
import { text } from "../document/text-shape.ts";
import type { Limit } from "../limiter/limit.ts";
import { ruleId } from "../policy/rule-parts.ts";
import type { ActionKind } from "./action-kind.ts";
import { actions } from "./actions-shape.ts";
import { jsonPointer } from "./argument-shape.ts";
import { conditions } from "./conditions-shape.ts";
import { ACTIONS_WITH_FACT, isFact } from "./facts.ts";
import type { Condition, Effect, GovernanceRule } from "./governance-policy.ts";
import { reportKey } from "./limit-key.ts";
import { limit } from "./limit-shape.ts";
import { NO_OBLIGATIONS } from "./obligations.ts";

const obligations = object(
  {
    redact: defaulted(
      listUpTo(64, jsonPointer, { unique: true, mayBeEmpty: true }),
      [],
      "JSON pointers into a tool's arguments whose values records and logs show as a digest only.",
    ),
    resultBytes: optional(size, "Octets of the result at most."),
    log: defaulted(choice("digest", "full"), "digest", "full: records hold the redacted arguments as well."),
  },
  atLeastOneOf(
    ["redact", "resultBytes", "log"],
    "empty_obligations",
    'Empty "obligations" oblige to nothing: leave the key out.',
  ),
);

interface Rule {
  readonly effect: Effect;
  readonly actions: readonly ActionKind[];
  readonly limit: Limit | undefined;
  readonly unless: readonly Condition[] | undefined;
}

function atKey({ value, keyAt }: MapEntry): { readonly at: number; readonly origin?: string } {
  return { ...value, at: keyAt };
}

const limitOfRateLimit: Between<Rule> = {
  schema: {
    oneOf: [
      { properties: { effect: { const: "rate_limit" } }, required: ["limit"] },
      { properties: { effect: { enum: ["deny", "require_approval", "allow"] } }, not: { required: ["limit"] } },
    ],
  },
  check({ effect }, map, report) {
    if (effect === undefined) return;
    const entry = entryOf(map, "limit");
    if (effect === "rate_limit" && entry === undefined && !map.damaged) {
      report.add(map, "missing_limit", 'A rule with "effect: rate_limit" needs a "limit".');
    } else if (effect !== "rate_limit" && entry !== undefined) {
      report.add(atKey(entry), "limit_not_applicable", '"limit" belongs to "effect: rate_limit".');
    }
  },
};

const nothingAfterDeny: Between<Rule> = {
  schema: {
    anyOf: [
      { properties: { effect: { enum: ["require_approval", "rate_limit", "allow"] } } },
      { not: { required: ["obligations"] } },
    ],
  },
  check({ effect }, map, report) {
    const entry = entryOf(map, "obligations");
    if (effect !== "deny" || entry === undefined) return;
    report.add(
      atKey(entry),
      "obligations_not_applicable",
      "What is denied happens not at all, and obliges to nothing.",
    );
  },
};

/** A fact that one of the actions lacks would be missing there for ever: never allowed, or always denied. */
const factsOfAllActions: Between<Rule> = {
  check({ actions: kinds }, map, report) {
    if (kinds === undefined) return;
    for (const key of ["when", "unless"]) {
      const written = entryOf(map, key)?.value;
      if (written?.kind === "map") for (const entry of written.entries) reportFact(entry, kinds, report);
    }
    const duties = entryOf(map, "obligations")?.value;
    const redact = duties?.kind === "map" ? entryOf(duties, "redact") : undefined;
    const other = kinds.find((kind) => !ACTIONS_WITH_FACT.arguments.includes(kind));
    if (redact === undefined || other === undefined) return;
    const message = `Only tools have arguments to redact, and this rule is about ${other}.`;
    report.add(atKey(redact), "redact_not_applicable", message);
  },
};

function reportFact(entry: MapEntry, kinds: readonly ActionKind[], report: Report): void {
  if (!isFact(entry.key)) return;
  const owners = ACTIONS_WITH_FACT[entry.key];
  const other = kinds.find((kind) => !owners.includes(kind));
  if (other === undefined) return;
  const message = `Only ${owners.join(" and ")} actions have "${entry.key}", and this rule is about ${other}.`;
  report.add(atKey(entry), "fact_not_applicable", message);
}

const keyOfAllActions: Between<Rule> = {
  check({ actions: kinds }, map, report) {
    const written = entryOf(map, "limit")?.value;
    if (written?.kind === "map") reportKey(written, kinds, report);
  },
};

/** `unless: {}` would except nothing, and reads as if it excepted everything. */
const someException: Between<Rule> = {
  schema: { properties: { unless: { not: { const: {} } } } },
  check(_values, map, report) {
    const written = entryOf(map, "unless")?.value;
    if (isEmptyMap(written))
      report.add(written, "empty_unless", 'An empty "unless" excepts nothing: leave the key out.');
  },
};

function isEmptyMap(node: { readonly kind: string } | undefined): node is MapNode {
  return (
    node !== undefined && node.kind === "map" && (node as MapNode).entries.length === 0 && !(node as MapNode).damaged
  );
}

const fields = object(
  {
    id: required(ruleId, "Unique among rules, limits and detectors; in refusals, audit and metrics."),
    effect: required(
      choice("deny", "require_approval", "rate_limit", "allow"),
      "What follows where the rule matches; an earlier one of this list wins over a later one, whatever the order of the rules.",
    ),
    actions: required(actions, "Which kinds of action it is about."),
    when: defaulted(conditions, {}, "What must hold, all of it; without it, the rule is about every such action."),
    unless: optional(conditions, "The rule does not match where all of this holds."),
    limit: optional(limit, "How often what matches is allowed; of rate_limit, and needed there."),
    obligations: optional(obligations, "What must be done with what is allowed."),
    message: optional(text({ maximum: 256 }), "A sentence for who is refused."),
  },
  limitOfRateLimit,
  nothingAfterDeny,
  factsOfAllActions,
  keyOfAllActions,
  someException,
);

export const rule: Shape<GovernanceRule> = refined(fields, (given, node, report) => ({
  ...given,
  unless: given.unless ?? [],
  obligations: given.obligations ?? NO_OBLIGATIONS,
  line: report.lineOf(node.at),
}));
