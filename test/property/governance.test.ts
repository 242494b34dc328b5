import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { epochMillis, millis, portOf } from "../../router/core/base/quantity.ts";
import type { Action, ActionContext, ToolAction } from "../../router/core/governance/action.ts";
import type { ActionKind } from "../../router/core/governance/action-kind.ts";
import { compileGovernancePolicy } from "../../router/core/governance/compile-governance-policy.ts";
import { decide, mustSeeArguments, verdictBy } from "../../router/core/governance/decide.ts";
import { explainGovernance } from "../../router/core/governance/explain-governance.ts";
import type {
  Condition,
  Effect,
  GovernancePolicyDocument,
  GovernanceRule,
  TextFact,
  TextTest,
} from "../../router/core/governance/governance-policy.ts";
import { judgedAction } from "../../router/core/governance/judged-action.ts";
import { textGlob } from "../../router/core/governance/text-glob.ts";
import { parseTextPattern } from "../../router/core/governance/text-pattern.ts";
import { NO, YES } from "../../router/core/governance/truth.ts";
import type { Verdict } from "../../router/core/governance/verdict.ts";
import type { Json } from "../../router/core/json/json.ts";
import { parseHost } from "../../router/core/wire/host.ts";
import { DIGEST, governanceDocument, NOON } from "../unit/core/governance/engine-fixture.ts";

const runs = { numRuns: Number(process.env["SLUICE_TEST_RUNS"] ?? 400) };

/** Few words of few letters, so that random rules and random actions meet. */
const word = fc.constantFrom("a", "ab", "abc", "ac", "b", "ba", "");
const maybe = <Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 4 });
const glob = fc.constantFrom("a*", "ab*", "abb*", "*b", "a?", "*", "abc", "b*a", "?*");
const textTest = fc
  .record({
    in: fc.uniqueArray(word, { maxLength: 2 }),
    glob: fc.uniqueArray(glob, { maxLength: 2 }),
    pattern: fc.uniqueArray(fc.constantFrom("^a+b?$", "^b.*$"), { maxLength: 1 }),
  })
  .filter((given) => given.in.length + given.glob.length + given.pattern.length > 0);
const program = word.map((text) => `/${text}`);
const programTest = textTest.map((given) => ({
  in: given.in.map((text) => `/${text}`),
  glob: given.glob.map((text) => `/${text}`),
  pattern: [],
}));
const programs = programTest.filter((given) => given.in.length + given.glob.length > 0);
const numberTest = fc.record({
  in: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
  from: maybe(fc.integer({ min: 0, max: 2 })),
  to: maybe(fc.integer({ min: 1, max: 3 })),
});

const text = (fact: TextFact, of: fc.Arbitrary<TextTest> = textTest): fc.Arbitrary<Condition> =>
  of.map((given) => ({ kind: "text", fact, test: given }));
const argument: fc.Arbitrary<Condition> = fc.oneof(
  textTest.map((given): Condition => ({ kind: "argument", at: "/x", test: { kind: "text", ...given } })),
  numberTest.map((given): Condition => ({ kind: "argument", at: "/x", test: { kind: "number", ...given } })),
);
const host: fc.Arbitrary<Condition> = fc
  .record({
    patterns: fc.array(
      fc.record({
        kind: fc.constantFrom("exact", "one-label", "deep"),
        name: fc.constantFrom("a.x", "x", "b.a.x"),
      }),
      { maxLength: 2 },
    ),
    ranges: fc.uniqueArray(fc.constantFrom("10.0.0.0/8", "10.1.0.0/16", "10.0.0.1/32", "fd00::/8"), { maxLength: 2 }),
  })
  .map((given) => ({ kind: "host", ...given }) as const);
const label = textTest.map((given): Condition => ({ kind: "label", name: "l", test: given }));

const conditionsOf: Readonly<Record<ActionKind, fc.Arbitrary<Condition>>> = {
  inference: fc.oneof(text("model"), text("model"), text("provider"), label),
  egress: fc.oneof(
    host,
    host,
    text("method"),
    fc.constantFrom("/a", "/a/**").map((at): Condition => ({ kind: "path", globs: [at] })),
  ),
  exec: fc.oneof(
    text("program", programs),
    text("program", programs),
    fc
      .tuple(fc.constantFrom("some" as const, "every" as const), textTest)
      .map(([of, given]): Condition => ({ kind: "texts", fact: "argv", of, test: given })),
  ),
  spawn: fc.oneof(
    text("agent"),
    numberTest.map((given): Condition => ({ kind: "number", fact: "depth", test: given })),
  ),
  tool: fc.oneof(text("server"), text("tool"), text("tool"), argument),
  "mesh.send": fc.oneof(
    text("peer"),
    fc
      .constantFrom("known" as const, "verified" as const)
      .map((from): Condition => ({ kind: "tier", from, below: undefined })),
  ),
  admin: fc.oneof(text("operation"), text("target"), label),
};
const kind = fc.constantFrom<ActionKind>("inference", "egress", "exec", "spawn", "tool", "tool", "mesh.send", "admin");

type Draft = Omit<GovernanceRule, "id" | "line" | "message" | "limit">;
const draft: fc.Arbitrary<Draft> = kind.chain((of) =>
  fc.record({
    effect: fc.constantFrom<Effect>("deny", "require_approval", "rate_limit", "allow", "allow"),
    actions: fc.constant([of]),
    when: fc.array(conditionsOf[of], { maxLength: 3 }),
    unless: fc.array(conditionsOf[of], { maxLength: 2 }),
    obligations: fc.record({
      redact: fc.uniqueArray(fc.constantFrom("/x", "/y"), { maxLength: 2 }),
      resultBytes: maybe(fc.integer({ min: 1, max: 9 })),
      log: fc.constantFrom("digest", "full"),
    }),
  }),
);

const EMPTY = governanceDocument([]);
function documentOf(drafts: readonly Draft[], delegate = false): GovernancePolicyDocument {
  const rules = drafts.map((given, index): GovernanceRule => ({
    ...given,
    id: `r${index}`,
    line: index,
    message: undefined,
    limit: given.effect === "rate_limit" ? { per: "all", rate: undefined, concurrent: 1 } : undefined,
  }));
  return { ...EMPTY, rules, delegate: new Set(delegate ? (["egress", "inference"] as const) : []) };
}
const compiled = (document: GovernancePolicyDocument) => compileGovernancePolicy(document, DIGEST, millis(0));

const hosts = ["x", "a.x", "b.a.x", "c.b.a.x", "y", "10.0.0.1", "10.1.2.3", "[fd00::1]", "[::ffff:10.1.0.1]"].map(
  (given) => {
    const parsed = parseHost(given);
    if (!parsed.ok) throw new Error(parsed.problem);
    return parsed.value;
  },
);
const json: fc.Arbitrary<Json> = fc.oneof(word, fc.integer({ min: 0, max: 4 }), fc.constant(null));
const known = json.map((x): ToolAction["arguments"] => ({ state: "known", value: { x } }));
const action: fc.Arbitrary<Action> = kind.chain((of): fc.Arbitrary<Action> => {
  const base = { kind: fc.constant(of) };
  const made = {
    inference: fc.record({
      ...base,
      model: maybe(word),
      provider: maybe(word),
      api: maybe(word),
      stream: maybe(fc.boolean()),
      bytes: maybe(fc.nat(4)),
    }),
    egress: fc.record({
      ...base,
      host: maybe(fc.constantFrom(...hosts)),
      port: fc.constant(portOf(443)),
      protocol: fc.constant("tls"),
      method: maybe(word),
      path: maybe(fc.constantFrom("/a", "/a/b", "/c", "/a/..", "/a;x/b")),
    }),
    exec: fc.record({
      ...base,
      program: maybe(fc.oneof(program, word)),
      argv: maybe(fc.array(word, { maxLength: 3 })),
      directory: fc.constant(undefined),
    }),
    spawn: fc.record({ ...base, agent: maybe(word), image: maybe(word), depth: maybe(fc.nat(4)) }),
    tool: fc.record({
      ...base,
      server: maybe(word),
      tool: maybe(word),
      model: maybe(word),
      arguments: fc.oneof(known, fc.constantFrom({ state: "pending" }, { state: "missing" })),
    }),
    "mesh.send": fc.record({ ...base, peer: maybe(word), topic: maybe(word), bytes: maybe(fc.nat(4)) }),
    admin: fc.record({ ...base, operation: maybe(word), target: maybe(word) }),
  };
  return made[of] as fc.Arbitrary<Action>;
});
const context: fc.Arbitrary<ActionContext> = fc.record({
  now: fc.constant(NOON),
  labels: fc.constantFrom(undefined, new Map(), new Map([["l", "a"]])),
  scoreOf: fc.constantFrom<ActionContext["scoreOf"]>(
    () => undefined,
    () => 400,
    () => 700,
  ),
});

/** The rules of governance-policy.ts once more, as plainly as they can be said. `undefined`: unknown. */
type Answer = boolean | undefined;

function worst(answers: readonly Answer[]): Answer {
  return answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;
}

function testText(
  given: { in: readonly string[]; glob: readonly string[]; pattern: readonly string[] },
  value: string,
): boolean {
  const asRegExp = (source: string): RegExp => new RegExp(`^${source.replaceAll("*", "[^]*").replaceAll("?", "[^]")}$`);
  return (
    given.in.includes(value) ||
    given.glob.some((one) => asRegExp(one).test(value)) ||
    given.pattern.some((one) => new RegExp(one).test(value))
  );
}

function answerOf(condition: Condition, asked: Action, around: ActionContext): Answer {
  switch (condition.kind) {
    case "text": {
      const facts = asked as unknown as Readonly<Record<string, string | undefined>>;
      const value = facts[condition.fact];
      if (value === undefined) return undefined;
      if (condition.fact === "program" && !/^(?:\/(?!\.{0,2}(?:\/|$))[^/]+)+$/.test(value)) return undefined;
      if (testText(condition.test, value)) return true;
      return condition.fact === "method" && testText(condition.test, value.toUpperCase()) ? undefined : false;
    }
    case "number": {
      const value = asked.kind === "spawn" ? asked.depth : undefined;
      return value === undefined ? undefined : inNumbers(condition.test, value);
    }
    case "texts": {
      if (asked.kind !== "exec" || asked.argv === undefined) return undefined;
      const passes = (value: string): boolean => testText(condition.test, value);
      return condition.of === "some" ? asked.argv.some(passes) : asked.argv.every(passes);
    }
    case "host": {
      const value = asked.kind === "egress" ? asked.host : undefined;
      if (value === undefined) return undefined;
      if (value.kind === "name") {
        return condition.patterns.some((pattern) => {
          const extra = value.text.split(".").length - pattern.name.split(".").length;
          if (pattern.kind === "exact") return value.text === pattern.name;
          return value.text.endsWith(`.${pattern.name}`) && (pattern.kind === "deep" || extra === 1);
        });
      }
      const inside: Readonly<Record<string, readonly string[]>> = {
        "10.0.0.1": ["10.0.0.0/8", "10.0.0.1/32"],
        "10.1.2.3": ["10.0.0.0/8", "10.1.0.0/16"],
        "fd00::1": ["fd00::/8"],
      };
      if (condition.ranges.some((range) => inside[value.text]?.includes(range) === true)) return true;
      const carries =
        value.text === "::ffff:10.1.0.1" && condition.ranges.some((range) => /^10\.[01]\.0\.0\//.test(range));
      return carries ? undefined : false;
    }
    case "path": {
      const value = asked.kind === "egress" ? asked.path : undefined;
      if (value === undefined || value === "/a/..") return undefined;
      const [only] = condition.globs;
      if (only === "/a") return value === "/a";
      return value === "/a;x/b" ? undefined : value === "/a" || value === "/a/b";
    }
    case "argument": {
      if (asked.kind !== "tool" || asked.arguments.state !== "known") return undefined;
      const { x } = asked.arguments.value as { readonly x: Json };
      if (condition.test.kind === "text") return typeof x === "string" ? testText(condition.test, x) : undefined;
      return condition.test.kind === "number" && typeof x === "number" ? inNumbers(condition.test, x) : undefined;
    }
    case "label": {
      const value = around.labels?.get("l");
      return value === undefined ? undefined : testText(condition.test, value);
    }
    case "tier": {
      const peer = asked.kind === "mesh.send" ? asked.peer : undefined;
      const score = peer === undefined ? undefined : around.scoreOf(peer);
      return score === undefined ? undefined : score >= (condition.from === "known" ? 400 : 600);
    }
    case "flag":
    case "time":
    default:
      throw new Error("no such condition is made here");
  }
}

function inNumbers(given: Extract<Condition, { kind: "number" }>["test"], value: number): boolean {
  if (given.from !== undefined && value < given.from) return false;
  if (given.to !== undefined && value > given.to) return false;
  return given.in.length === 0 || given.in.includes(value);
}

function reference(document: GovernancePolicyDocument, asked: Action, around: ActionContext): string {
  const by: Record<Effect, string[]> = { deny: [], require_approval: [], rate_limit: [], allow: [] };
  const limits: string[] = [];
  const terms: GovernanceRule["obligations"][] = [];
  for (const rule of document.rules) {
    if (!rule.actions.includes(asked.kind)) continue;
    const when = worst(rule.when.map((one) => answerOf(one, asked, around)));
    const except = rule.unless.length === 0 ? false : worst(rule.unless.map((one) => answerOf(one, asked, around)));
    const answer = worst([when, except === undefined ? undefined : !except]);
    if (answer === false) continue;
    if (rule.effect === "rate_limit") limits.push(rule.id);
    if (answer === undefined && rule.effect === "allow") continue;
    if (rule.effect !== "deny") terms.push(rule.obligations);
    if (answer === true || rule.effect === "deny" || rule.effect === "require_approval") by[rule.effect].push(rule.id);
  }
  const [deny] = by.deny;
  if (deny !== undefined) return `deny ${deny}`;
  const sizes = terms.map(({ resultBytes }) => resultBytes ?? Infinity);
  const redact = [...new Set(terms.flatMap((one) => one.redact))].join();
  const full = terms.some(({ log }) => log === "full") ? "full" : "digest";
  const rest = `[${limits.join()}] ${redact} ${Math.min(Infinity, ...sizes)} ${full}`;
  const [ask] = by.require_approval;
  if (ask !== undefined) return `require_approval ${ask} ${rest}`;
  const allowing = by.rate_limit[0] ?? by.allow[0];
  const delegated = (asked.kind === "egress" || asked.kind === "inference") && document.delegate.has(asked.kind);
  return allowing === undefined && !delegated ? "deny -" : `allow ${allowing ?? "-"} ${rest}`;
}

function said(verdict: Verdict): string {
  if (verdict.effect === "deny") return `deny ${verdict.rule ?? "-"}`;
  const { redact, resultBytes, log } = verdict.obligations;
  const limits = verdict.limits.map(({ id }) => id).join();
  return `${verdict.effect} ${verdict.rule ?? "-"} [${limits}] ${redact.join()} ${resultBytes ?? Infinity} ${log}`;
}

const drafts = fc.array(draft, { maxLength: 12 });
const isPending = (asked: Action): boolean => asked.kind === "tool" && asked.arguments.state === "pending";

test("a verdict is that of the rules read one by one, as plainly as they can be said", () => {
  fc.assert(
    fc.property(drafts, action, context, fc.boolean(), (given, asked, around, delegate) => {
      fc.pre(!isPending(asked));
      const document = documentOf(given, delegate);
      assert.equal(said(decide(compiled(document), asked, around)), reference(document, asked, around));
    }),
    runs,
  );
});

test("INV-GOV-INDEX: the index leaves out no rule that matters, also while arguments are pending", () => {
  fc.assert(
    fc.property(drafts, fc.array(action, { minLength: 1, maxLength: 8 }), context, (given, all, around) => {
      const policy = compiled(documentOf(given));
      for (const asked of all) {
        const judged = judgedAction(asked, around);
        const naive = verdictBy(policy, judged, [policy.rulesOf(asked.kind)]);
        assert.deepEqual(decide(policy, asked, around), naive);
      }
    }),
    runs,
  );
});

test("INV-GOV-ORDER: the order of rules changes which of one effect is named, and nothing else", () => {
  const effectOf = (document: GovernancePolicyDocument, verdict: Verdict): readonly unknown[] => [
    verdict.effect,
    document.rules.find(({ id }) => id === verdict.rule)?.effect,
    ...(verdict.effect === "deny"
      ? []
      : [
          verdict.limits.length,
          [...verdict.obligations.redact].toSorted(),
          verdict.obligations.resultBytes,
          verdict.obligations.log,
        ]),
  ];
  fc.assert(
    fc.property(drafts, action, context, fc.nat(), (given, asked, around, seed) => {
      const shuffled = given.map((one, index) => [one, (index * 7919 + seed * 104_729) % 65_537] as const);
      const other = documentOf(shuffled.toSorted(([, left], [, right]) => left - right).map(([one]) => one));
      const first = documentOf(given);
      assert.deepEqual(
        effectOf(first, decide(compiled(first), asked, around)),
        effectOf(other, decide(compiled(other), asked, around)),
      );
    }),
    runs,
  );
});

test("INV-GOV-MISSING: a fact that goes missing never allows what was not allowed before", () => {
  fc.assert(
    fc.property(drafts, action, context, fc.nat(6), fc.boolean(), (given, asked, around, at, delegate) => {
      fc.pre(!isPending(asked));
      const document = documentOf(given, delegate);
      const facts = Object.keys(asked).filter((name) => name !== "kind");
      const lost = facts[at % facts.length] ?? "";
      const poorer = { ...asked, [lost]: lost === "arguments" ? { state: "missing" } : undefined } as Action;
      const before = decide(compiled(document), asked, around);
      const after = decide(compiled(document), poorer, { ...around, labels: undefined, scoreOf: () => undefined });
      if (after.effect === "allow") assert.equal(before.effect, "allow");
    }),
    runs,
  );
});

test("INV-GOV-PENDING: what pending arguments are refused, all arguments are; what need not be seen changes nothing", () => {
  fc.assert(
    fc.property(drafts, action, known, context, (given, asked, args, around) => {
      fc.pre(asked.kind === "tool");
      const policy = compiled(documentOf(given.map((one) => ({ ...one, actions: ["tool"] }))));
      const waiting = { ...asked, arguments: { state: "pending" } } as ToolAction;
      const early = decide(policy, waiting, around);
      const late = decide(policy, { ...waiting, arguments: args }, around);
      if (early.effect === "deny") assert.equal(late.effect, "deny");
      if (early.effect === "require_approval") assert.notEqual(late.effect, "allow");
      if (mustSeeArguments(policy, waiting, around)) return;
      if (early.effect === "deny") assert.equal(late.effect, "deny");
      else assert.deepEqual(late, early);
    }),
    { numRuns: runs.numRuns * 3 },
  );
});

test("the explanation has the verdict, names the rule that decided as one that matches, and counts all rules", () => {
  fc.assert(
    fc.property(drafts, action, context, (given, asked, around) => {
      const policy = compiled(documentOf(given));
      const explanation = explainGovernance(policy, asked, around);
      assert.deepEqual(explanation.verdict, decide(policy, asked, around));
      assert.equal(explanation.rules.length + explanation.others, given.length);
      const { rule } = explanation.verdict;
      if (rule === undefined) return;
      const found = explanation.rules.find((one) => one.rule === rule);
      assert.ok(found !== undefined && (found.matches || isPending(asked)));
    }),
    runs,
  );
});

test("globs and patterns agree with regular expressions", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "\n", "😀"), maxLength: 12 });
  const globs = fc.string({ unit: fc.constantFrom("a", "b", "*", "?", "😀"), maxLength: 8 });
  fc.assert(
    fc.property(globs, letters, (source, given) => {
      const expected = new RegExp(`^${source.replaceAll("*", "[^]*").replaceAll("?", "[^]")}$`, "u").test(given);
      assert.equal(textGlob(source)(given), expected ? YES : NO);
    }),
    { numRuns: runs.numRuns * 3 },
  );
  const patterns = fc.string({
    unit: fc.constantFrom("a", "b", "(a|b)", "(?:ab)*", "[^a]", "b+", "a?", "(a*)*"),
    maxLength: 5,
  });
  fc.assert(
    fc.property(patterns, fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 }), (source, given) => {
      const parsed = parseTextPattern(`^${source}$`);
      assert.ok(parsed.ok);
      assert.equal(parsed.value(given), new RegExp(`^${source}$`).test(given) ? YES : NO);
    }),
    runs,
  );
});

test("whatever the texts are, nothing throws", () => {
  const any = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom("__proto__", "constructor", "/", "//", "\ud800"),
  );
  fc.assert(
    fc.property(drafts, any, any, fc.jsonValue(), (given, one, other, value) => {
      const policy = compiled(documentOf(given));
      const around = { now: epochMillis(NOON), labels: new Map([["l", one]]), scoreOf: () => 1 };
      const actions: readonly Action[] = [
        { kind: "exec", program: one, argv: [other, one], directory: other },
        { kind: "tool", server: one, tool: other, arguments: { state: "known", value: value as Json }, model: one },
        { kind: "egress", host: undefined, port: undefined, protocol: undefined, method: one, path: other },
        { kind: "mesh.send", peer: one, topic: other, bytes: Number.NaN },
      ];
      for (const asked of actions) explainGovernance(policy, asked, around);
    }),
    { numRuns: runs.numRuns / 4 },
  );
});
