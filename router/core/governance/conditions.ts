import { assertNever } from "../base/assert-never.ts";
import type { WorkingHours } from "../behavior/detector.ts";
import { withinHours } from "../behavior/working-hours.ts";
import { type Tier, TIER_BOUNDS } from "../peer/trust.ts";
import { allowsPath, deniesPath, parsePathPattern, type PathPattern } from "../policy/path-pattern.ts";
import { type NumberReader, numberFact, type TextReader, textFact } from "./action-facts.ts";
import { argumentAt, pointerTokens } from "./argument-at.ts";
import { type ArgumentMatcher, compileArgumentText, isAboutPlaces } from "./argument-text.ts";
import type { ArgumentTest, Condition, NumberTest, TextTest } from "./governance-policy.ts";
import { hostCondition } from "./host-condition.ts";
import type { Json } from "../json/json.ts";
import type { JudgedAction } from "./judged-action.ts";
import type { TextMatcher } from "./text-pattern.ts";
import { compileTextTest, type PatternCache } from "./text-test.ts";
import { NO, OPEN, type Truth, UNKNOWN, YES } from "./truth.ts";

/** What a condition says of an action. Never throws, whatever the texts of the action are. */
export type CompiledCondition = (judged: JudgedAction) => Truth;

/** Throws where the document's parser should have refused: a pattern, a range, a pointer that it did not check. */
export function compileCondition(condition: Condition, patterns: PatternCache): CompiledCondition {
  switch (condition.kind) {
    case "text": {
      const matcher = compileTextTest(condition.test, patterns);
      return textCondition(textFact(condition.fact), condition.fact === "method" ? methodTest(matcher) : matcher);
    }
    case "number":
      return numberCondition(numberFact(condition.fact), numberTest(condition.test));
    case "flag":
      return ({ action }) =>
        action.kind !== "inference" || action.stream === undefined ? UNKNOWN : said(action.stream === condition.value);
    case "texts":
      return argvCondition(condition.of, argvTest(condition.test, patterns));
    case "host":
      return hostCondition(condition.patterns, condition.ranges);
    case "path":
      return pathCondition(condition.globs.map(pathPattern));
    case "argument":
      return argumentCondition(pointerTokens(condition.at), argumentTest(condition.test, patterns));
    case "label":
      return labelCondition(condition.name, compileTextTest(condition.test, patterns));
    case "time":
      return timeCondition(condition.hours);
    case "tier":
      return tierCondition(boundOf(condition.from, -Infinity), boundOf(condition.below, Infinity));
    default:
      return assertNever(condition);
  }
}

function said(holds: boolean): Truth {
  return holds ? YES : NO;
}

function textCondition(read: TextReader, test: TextMatcher): CompiledCondition {
  return ({ action }) => {
    const text = read(action);
    return text === undefined ? UNKNOWN : test(text);
  };
}

/**
 * Methods differ by case (RFC 9110 section 9.1), but not to every origin: one that would match in upper case is unknown,
 * so that it neither gets leave nor gets around a deny rule.
 */
function methodTest(test: TextMatcher): TextMatcher {
  return (method) => {
    const found = test(method);
    return found === NO && test(method.toUpperCase()) !== NO ? UNKNOWN : found;
  };
}

function numberTest({ in: values, from = -Infinity, to = Infinity }: NumberTest): (value: number) => Truth {
  const set = new Set(values);
  return (value) => said(value >= from && value <= to && (set.size === 0 || set.has(value)));
}

function numberCondition(read: NumberReader, test: (value: number) => Truth): CompiledCondition {
  return ({ action }) => {
    const value = read(action);
    return value === undefined || !Number.isFinite(value) ? UNKNOWN : test(value);
  };
}

/** Words of a program are resolved for tests about places alone: "./push" is another word than "push". */
function argvTest(test: TextTest, patterns: PatternCache): ArgumentMatcher {
  return isAboutPlaces(test) ? compileArgumentText(test, patterns) : compileTextTest(test, patterns);
}

/** `some`: the best that one of them is; `every`: the worst. */
function argvCondition(of: "some" | "every", test: ArgumentMatcher): CompiledCondition {
  const end = of === "some" ? YES : NO;
  return ({ action, reading }) => {
    if (action.kind !== "exec" || action.argv === undefined) return UNKNOWN;
    let found = of === "some" ? NO : YES;
    for (const argument of action.argv) {
      const truth = argument.isWellFormed() ? test(argument, reading) : UNKNOWN;
      if (truth === end) return end;
      if (truth === UNKNOWN) found = UNKNOWN;
    }
    return found;
  };
}

function pathPattern(glob: string): PathPattern {
  const pattern = parsePathPattern(glob);
  if (!pattern.ok) throw new Error(`a path pattern came unchecked: ${pattern.problem}`);
  return pattern.value;
}

/** A path that origins may read in several ways, or of which a lenient origin makes one that matches, is unknown. */
function pathCondition(patterns: readonly PathPattern[]): CompiledCondition {
  return (judged) => {
    const path = judged.path();
    if (path === undefined) return UNKNOWN;
    if (patterns.some((pattern) => allowsPath(pattern, path))) return YES;
    return patterns.some((pattern) => deniesPath(pattern, path)) ? UNKNOWN : NO;
  };
}

type ValueTest = (value: Json | undefined, judged: JudgedAction) => Truth;

function argumentTest(test: ArgumentTest, patterns: PatternCache): ValueTest {
  switch (test.kind) {
    case "text": {
      const matcher = compileArgumentText(test, patterns);
      return (value, { reading }) =>
        typeof value === "string" && value.isWellFormed() ? matcher(value, reading) : UNKNOWN;
    }
    case "number": {
      const matcher = numberTest(test);
      return (value) => (typeof value === "number" && Number.isFinite(value) ? matcher(value) : UNKNOWN);
    }
    case "flag":
      return (value) => (typeof value === "boolean" ? said(value === test.value) : UNKNOWN);
    default:
      return assertNever(test);
  }
}

function argumentCondition(tokens: readonly string[], test: ValueTest): CompiledCondition {
  return (judged) => {
    const { action } = judged;
    if (action.kind !== "tool") return UNKNOWN;
    const { arguments: given } = action;
    if (given.state === "pending") return OPEN;
    return given.state === "known" ? test(argumentAt(given.value, tokens), judged) : UNKNOWN;
  };
}

/** A label that the pod does not have is missing. */
function labelCondition(name: string, test: TextMatcher): CompiledCondition {
  return ({ context }) => {
    const label = context.labels?.get(name);
    return label === undefined || !label.isWellFormed() ? UNKNOWN : test(label);
  };
}

function timeCondition(hours: WorkingHours): CompiledCondition {
  return ({ context }) => (Number.isFinite(context.now) ? said(withinHours(hours, context.now)) : UNKNOWN);
}

function tierCondition(from: number, below: number): CompiledCondition {
  return ({ action, context }) => {
    const peer = action.kind === "mesh.send" ? action.peer : undefined;
    const score = peer === undefined ? undefined : context.scoreOf(peer);
    return score === undefined || !Number.isFinite(score) ? UNKNOWN : said(score >= from && score < below);
  };
}

/** Its lowest score. */
function boundOf(tier: Tier | undefined, otherwise: number): number {
  if (tier === undefined) return otherwise;
  const row = TIER_BOUNDS.find(([name]) => name === tier);
  if (row === undefined) throw new Error("a tier came unchecked");
  return row[1];
}
