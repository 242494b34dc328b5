import { assertNever } from "../base/assert-never.ts";
import { TIER_BOUNDS } from "../peer/trust.ts";
import type { HostPattern } from "../policy/egress-policy.ts";
import type { ArgumentTest, Condition, NumberTest, TextTest } from "./governance-policy.ts";
import { compileTextTest, type PatternCache } from "./text-test.ts";
import { YES } from "./truth.ts";
import type { TextMatcher } from "./text-pattern.ts";

/** For warnings: what is not seen to be wider counts as not wider. Keeps the matchers of the tests that it met. */
export class ConditionCover {
  readonly #patterns: PatternCache = new Map();
  readonly #matchers = new Map<TextTest, TextMatcher>();

  /** Whether all of `wide` holds wherever all of `narrow` does; an empty list holds everywhere. */
  covers(wide: readonly Condition[], narrow: readonly Condition[]): boolean {
    return wide.every((one) => narrow.some((other) => this.#implies(other, one)));
  }

  /** Whether a text passes for certain. */
  passes(test: TextTest, text: string): boolean {
    const matcher = this.#matchers.get(test) ?? compileTextTest(test, this.#patterns);
    this.#matchers.set(test, matcher);
    return matcher(text) === YES;
  }

  #implies(narrow: Condition, wide: Condition): boolean {
    switch (wide.kind) {
      case "text":
        return narrow.kind === "text" && narrow.fact === wide.fact && this.#coversText(wide.test, narrow.test);
      case "texts":
        return narrow.kind === "texts" && narrow.of === wide.of && this.#coversText(wide.test, narrow.test);
      case "label":
        return narrow.kind === "label" && narrow.name === wide.name && this.#coversText(wide.test, narrow.test);
      case "argument":
        return narrow.kind === "argument" && narrow.at === wide.at && this.#coversArgument(wide.test, narrow.test);
      case "number":
        return narrow.kind === "number" && narrow.fact === wide.fact && coversNumber(wide.test, narrow.test);
      case "flag":
        return narrow.kind === "flag" && narrow.value === wide.value;
      case "host":
        return (
          narrow.kind === "host" &&
          narrow.patterns.every((one) => wide.patterns.some((other) => coversHost(other, one))) &&
          narrow.ranges.every((range) => wide.ranges.includes(range))
        );
      case "path":
        return narrow.kind === "path" && narrow.globs.every((glob) => wide.globs.includes(glob));
      case "time":
        return narrow.kind === "time" && timeText(narrow) === timeText(wide);
      case "tier":
        return narrow.kind === "tier" && coversTier(wide, narrow);
      default:
        return assertNever(wide);
    }
  }

  #coversText(wide: TextTest, narrow: TextTest): boolean {
    const takesAll = takesEveryText(wide);
    return (
      narrow.in.every((text) => takesAll || this.passes(wide, text)) &&
      narrow.glob.every((glob) => takesAll || wide.glob.includes(glob)) &&
      narrow.pattern.every((pattern) => takesAll || wide.pattern.includes(pattern))
    );
  }

  #coversArgument(wide: ArgumentTest, narrow: ArgumentTest): boolean {
    switch (wide.kind) {
      case "text":
        return narrow.kind === "text" && this.#coversText(wide, narrow);
      case "number":
        return narrow.kind === "number" && coversNumber(wide, narrow);
      case "flag":
        return narrow.kind === "flag" && narrow.value === wide.value;
      default:
        return assertNever(wide);
    }
  }
}

export function takesEveryText({ glob }: TextTest): boolean {
  return glob.includes("*");
}

/** It holds of every action that has the fact; where that is missing, a rule that refuses matches as well. */
export function isAlways(condition: Condition): boolean {
  if (condition.kind === "path") return condition.globs.includes("/**");
  return condition.kind === "text" && takesEveryText(condition.test);
}

function coversNumber(wide: NumberTest, narrow: NumberTest): boolean {
  const inRange = (value: number): boolean => value >= (wide.from ?? -Infinity) && value <= (wide.to ?? Infinity);
  if (narrow.in.length > 0) {
    return narrow.in.every((value) => inRange(value) && (wide.in.length === 0 || wide.in.includes(value)));
  }
  return wide.in.length === 0 && inRange(narrow.from ?? -Infinity) && inRange(narrow.to ?? Infinity);
}

function coversHost(wide: HostPattern, narrow: HostPattern): boolean {
  if (wide.kind === narrow.kind && wide.name === narrow.name) return true;
  switch (wide.kind) {
    case "exact":
      return false;
    case "one-label":
      return narrow.kind === "exact" && narrow.name.slice(narrow.name.indexOf(".") + 1) === wide.name;
    case "deep":
      return narrow.name.endsWith(`.${wide.name}`) || (narrow.kind === "one-label" && narrow.name === wide.name);
    default:
      return assertNever(wide.kind);
  }
}

type TierCondition = Extract<Condition, { kind: "tier" }>;

function coversTier(wide: TierCondition, narrow: TierCondition): boolean {
  const bound = (tier: string | undefined, none: number): number =>
    tier === undefined ? none : TIER_BOUNDS.findIndex(([name]) => name === tier);
  return bound(wide.from, 0) <= bound(narrow.from, 0) && bound(wide.below, Infinity) >= bound(narrow.below, Infinity);
}

function timeText({ hours }: Extract<Condition, { kind: "time" }>): string {
  const days = Array.from({ length: 7 }, (_, day) => (hours.days.has(day) ? day : "-"));
  return `${days.join("")} ${hours.from} ${hours.to} ${hours.offset}`;
}
