import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import type { CallEstimate } from "../../../../router/core/budget/amount.ts";
import type { BudgetRule, RateRule } from "../../../../router/core/budget/budget-rule.ts";
import type { Budgets, Reservation } from "../../../../router/core/budget/budgets.ts";
import { at, budget, budgetsOf, call, charge, policyOf, rate, TEN } from "./budget-fixture.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MIDNIGHT = TEN + 14 * HOUR;
const MOST = Number.MAX_SAFE_INTEGER;

function reserved(budgets: Budgets, changes: Partial<CallEstimate> = {}, now = at(TEN)): Reservation {
  const result = budgets.reserve(call(changes), now);
  assert.ok(result.ok, result.ok ? "" : result.problem.sentence);
  return result.value;
}

function remaining(budgets: Budgets, now = at(TEN)): readonly number[] {
  return budgets.view(now).map((view) => view.remaining);
}

interface Admission {
  readonly name: string;
  readonly budgets?: readonly BudgetRule[];
  readonly rates?: readonly RateRule[];
  readonly call?: Partial<CallEstimate>;
  /** [cap, clamped by, cut, tokens, cost] or [kind, id, resetAt, remaining] */
  readonly expected: readonly unknown[];
}

const admissions: readonly Admission[] = [
  { name: "no rule at all", expected: [100, undefined, undefined, 200, 300_005] },
  { name: "all fits", budgets: [budget()], expected: [100, undefined, undefined, 200, 300_005] },
  {
    name: "the tightest budget clamps",
    budgets: [
      budget({ id: "a", limit: 180 }),
      budget({ id: "b", limit: 170, window: { kind: "request" } }),
      budget({ id: "c", unit: "cost", limit: 250_005 }),
    ],
    expected: [70, "b", undefined, 170, 240_005],
  },
  {
    name: "the least output still fits",
    budgets: [budget({ limit: 140 })],
    call: { least: 40 },
    expected: [40, "b", undefined, 140, 180_005],
  },
  {
    name: "less than the least output fits",
    budgets: [budget({ limit: 139 })],
    call: { least: 40 },
    expected: ["budget", "b", undefined, 139],
  },
  {
    name: "an embedding that fits exactly",
    budgets: [budget({ limit: 100, cut: true })],
    call: { output: 0 },
    expected: [0, undefined, 0, 100, 100_005],
  },
  {
    name: "an embedding that does not fit",
    budgets: [budget({ limit: 99 })],
    call: { output: 0 },
    expected: ["budget", "b", undefined, 99],
  },
  {
    name: "choices share what is left, and a cut counts them together",
    budgets: [budget({ limit: 300, cut: true })],
    call: { choices: 3 },
    expected: [66, "b", 198, 298, 496_005],
  },
  {
    name: "a budget of requests cuts nothing",
    budgets: [budget({ unit: "requests", cut: true })],
    expected: [100, undefined, undefined, 200, 300_005],
  },
  {
    name: "a budget in dollars and a model without a price",
    budgets: [budget({ unit: "cost", limit: MOST })],
    call: { price: undefined },
    expected: ["unpriced", undefined, undefined, undefined],
  },
  {
    name: "a budget in dollars of another model",
    budgets: [budget({ unit: "cost", models: new Set(["n"]) })],
    call: { price: undefined },
    expected: [100, undefined, undefined, 200, 0],
  },
  {
    name: "a model that the policy does not name",
    budgets: [budget()],
    call: { model: "x" },
    expected: ["unknown_model", undefined, undefined, undefined],
  },
  {
    name: "of two budgets that refuse, the one that does so for longer",
    budgets: [
      budget({ id: "hour", unit: "requests", limit: 1, window: { kind: "hour" } }),
      budget({ id: "call", limit: 100, window: { kind: "request" } }),
    ],
    expected: ["budget", "call", undefined, 100],
  },
  {
    name: "a rate clamps to what a whole minute allows",
    rates: [rate({ unit: "tokens", limit: 150 })],
    expected: [50, "r", undefined, 150, 200_005],
  },
  {
    name: "a rate that no minute allows",
    rates: [rate({ unit: "tokens", limit: 100 })],
    expected: ["rate", "r", undefined, 100],
  },
  {
    name: "amounts at the end of whole numbers",
    budgets: [budget({ limit: MOST }), budget({ id: "c", unit: "cost", limit: MOST })],
    call: { output: MOST, choices: 128 },
    expected: [35_184_372_086, "c", undefined, 4_503_599_627_108, MOST],
  },
];

for (const { name, budgets: rules = [], rates = [], call: changes, expected } of admissions) {
  test(`admitted or not: ${name}`, () => {
    const budgets = budgetsOf(rules, rates);
    const result = budgets.reserve(call(changes), at(TEN));
    if (result.ok) {
      const { outputCap, clampedBy, cut, tokens, cost } = result.value;
      if (name.startsWith("amounts")) {
        assert.ok(cost <= MOST && cost > MOST - 1e6 && clampedBy === "c", `${cost}`);
      } else assert.deepEqual([outputCap, clampedBy, cut, tokens, cost], expected);
    } else {
      const { kind } = result.problem;
      const rule = "id" in result.problem ? result.problem : undefined;
      assert.deepEqual([kind, rule?.id, rule?.resetAt, rule?.remaining], expected);
      assert.match(result.problem.sentence, /^[A-Z].*\.$/);
      assert.equal(budgets.open, 0);
    }
  });
}

test("a refusal says when to come again", () => {
  const rules = [
    budget({ id: "minute", unit: "requests", limit: 1, window: { kind: "minute" } }),
    budget({ id: "day", unit: "tokens", limit: 250 }),
  ];
  const budgets = budgetsOf(rules);
  const first = reserved(budgets);
  const held = budgets.reserve(call({ least: 100 }), at(TEN + 1_000));
  assert.ok(!held.ok && held.problem.kind === "budget");
  // The day's budget is only held by a call in progress, which may end at any time.
  assert.deepEqual([held.problem.id, held.problem.resetAt], ["minute", TEN + MINUTE]);
  budgets.settle(first.id, charge(200), at(TEN + 2_000));
  const spent = budgets.reserve(call({ least: 100 }), at(TEN + MINUTE));
  assert.ok(!spent.ok && spent.problem.kind === "budget");
  assert.deepEqual([spent.problem.id, spent.problem.resetAt, spent.problem.remaining], ["day", MIDNIGHT, 50]);
  assert.equal(
    spent.problem.sentence,
    'The budget "day" is 250 tokens a UTC day: 50 tokens left, and this call needs at least 200 tokens.' +
      " Try again after 2026-11-21T00:00:00Z.",
  );
});

test("INV-BUDGET-UNKNOWN: settled with less, as much, more, or what nobody knows", () => {
  const cases: readonly (readonly [
    given: ReturnType<typeof charge> | undefined,
    tokens: number,
    estimated: boolean,
  ])[] = [
    [charge(50), 50, false],
    [charge(200), 200, false],
    [charge(5_000), 5_000, false],
    [charge(50, 0, true), 50, true],
    [charge(0), 0, false],
    [undefined, 200, true],
    [charge(-1), 200, true],
    [charge(Number.NaN), 200, true],
    [charge(Number.POSITIVE_INFINITY), MOST, true],
    [charge(2 ** 60), MOST, true],
    [charge(10.2), 11, true],
  ];
  for (const [given, tokens, estimated] of cases) {
    const budgets = budgetsOf([budget({ limit: 1_000_000 })]);
    const { id } = reserved(budgets);
    assert.deepEqual(remaining(budgets), [999_800]);
    const settled = budgets.settle(id, given, at(TEN));
    assert.deepEqual([settled?.tokens, settled?.estimated], [tokens, estimated], `${given?.tokens}`);
    assert.deepEqual(remaining(budgets), [Math.max(0, 1_000_000 - tokens)]);
    assert.equal(budgets.settle(id, charge(1), at(TEN)), undefined, "charged once");
    assert.equal(budgets.release(id, at(TEN)), undefined);
    assert.deepEqual(remaining(budgets), [Math.max(0, 1_000_000 - tokens)]);
  }
});

test("a counter at the end of whole numbers stays there", () => {
  const rules = [budget({ limit: MOST }), budget({ id: "h", limit: MOST, window: { kind: "rolling", millis: HOUR } })];
  const budgets = budgetsOf(rules);
  for (let round = 0; round < 2; round += 1) {
    const { id } = reserved(budgets, { output: 1, input: 0 }, at(TEN + round * 10 * MINUTE));
    budgets.settle(id, charge(MOST - 10), at(TEN + round * 10 * MINUTE));
  }
  assert.deepEqual(remaining(budgets, at(TEN + 20 * MINUTE)), [0, 0]);
  assert.deepEqual(remaining(budgets, at(TEN + 65 * MINUTE)), [0, 10], "the first hour's part is forgotten exactly");
  assert.deepEqual(remaining(budgets, at(MIDNIGHT)), [MOST, MOST]);
});

test("a reservation stands over the end of its window, and is charged to the one in which it ends", () => {
  const budgets = budgetsOf([budget({ id: "t" }), budget({ id: "c", unit: "cost", limit: 1_000_000 })]);
  const before = at(MIDNIGHT - 1);
  const { id } = reserved(budgets, {}, before);
  assert.deepEqual(remaining(budgets, before), [800, 699_995]);
  assert.deepEqual(remaining(budgets, at(MIDNIGHT)), [800, 699_995]);
  budgets.settle(id, charge(150, 200_000), at(MIDNIGHT + 5));
  assert.deepEqual(remaining(budgets, at(MIDNIGHT + 5)), [850, 800_000]);
});

test("a request is counted where it was admitted; one that never left is given back there only", () => {
  const windows: readonly BudgetRule["window"][] = [{ kind: "minute" }, { kind: "rolling", millis: 10 * MINUTE }];
  const budgets = budgetsOf(
    windows.map((window, index) => budget({ id: `${index}`, unit: "requests", limit: 5, window })),
  );
  const first = reserved(budgets);
  const second = reserved(budgets);
  assert.deepEqual(remaining(budgets), [3, 3]);
  budgets.release(first.id, at(TEN + 1_000));
  assert.deepEqual(remaining(budgets, at(TEN + 1_000)), [4, 4]);
  reserved(budgets, {}, at(TEN + MINUTE));
  assert.deepEqual(remaining(budgets, at(TEN + MINUTE)), [4, 3]);
  budgets.release(second.id, at(TEN + MINUTE));
  assert.deepEqual(remaining(budgets, at(TEN + MINUTE)), [4, 4], "the last minute's request is not this minute's");
  const fourth = reserved(budgets, {}, at(TEN + MINUTE));
  budgets.settle(fourth.id, charge(1), at(TEN + MINUTE));
  assert.deepEqual(remaining(budgets, at(TEN + MINUTE)), [3, 3]);
});

test("scope model: a counter for each model of the policy; scope pod: one for all that the rule names", () => {
  const budgets = budgetsOf([
    budget({ id: "each", scope: "model" }),
    budget({ id: "all" }),
    budget({ id: "only", models: new Set(["n"]) }),
  ]);
  reserved(budgets, { model: "m" });
  const rows = budgets.view(at(TEN)).map(({ id, model, reserved: held }) => [id, model, held]);
  assert.deepEqual(rows, [
    ["each", "m", 200],
    ["each", "n", 0],
    ["all", undefined, 200],
    ["only", undefined, 0],
  ]);
});

test("a rate of requests counts the last minute, one of calls at the same time those that are open", () => {
  const budgets = budgetsOf([], [rate({ id: "r", limit: 2 }), rate({ id: "c", unit: "concurrent", limit: 1 })]);
  const first = reserved(budgets);
  const second = budgets.reserve(call(), at(TEN + 100));
  assert.ok(!second.ok && second.problem.kind === "rate");
  assert.deepEqual([second.problem.id, second.problem.resetAt], ["c", TEN + 1_100]);
  budgets.settle(first.id, undefined, at(TEN + 200));
  budgets.settle(reserved(budgets, {}, at(TEN + 1_500)).id, undefined, at(TEN + 1_600));
  const third = budgets.reserve(call(), at(TEN + 2_000));
  assert.ok(!third.ok && third.problem.kind === "rate");
  assert.deepEqual([third.problem.id, third.problem.resetAt], ["r", TEN + 61_000]);
  assert.deepEqual(budgets.rates("m", at(TEN + 2_000)), {
    requests: { limit: 2, remaining: 0, reset: 60_000 },
    tokens: undefined,
  });
  assert.ok(!budgets.reserve(call(), at(TEN + 60_999)).ok);
  budgets.release(reserved(budgets, {}, at(TEN + 61_000)).id, at(TEN + 61_001));
  assert.equal(budgets.rates("m", at(TEN + 61_001)).requests?.remaining, 1, "what never left is given back");
  assert.deepEqual(budgets.rates("x", at(TEN)), { requests: undefined, tokens: undefined });
});

test("a rate of tokens counts what is reserved until it is known what was used", () => {
  const budgets = budgetsOf([], [rate({ unit: "tokens", limit: 500 }), rate({ id: "s", unit: "tokens", limit: 450 })]);
  const first = reserved(budgets);
  const second = reserved(budgets);
  assert.deepEqual(budgets.rates("m", at(TEN)).tokens, { limit: 450, remaining: 50, reset: 61_000 });
  const third = budgets.reserve(call(), at(TEN));
  assert.ok(!third.ok && third.problem.kind === "rate");
  assert.equal(third.problem.sentence, 'The rate limit "r" is 500 tokens a minute: 100 left, and this call needs 200.');
  budgets.settle(first.id, charge(20), at(TEN + 5_000));
  assert.equal(budgets.rates("m", at(TEN + 5_000)).tokens?.remaining, 230);
  budgets.settle(second.id, charge(230), at(TEN + 5_000));
  assert.equal(budgets.rates("m", at(TEN + 5_000)).tokens?.remaining, 200);
  assert.equal(budgets.rates("m", at(TEN + 61_000)).tokens?.remaining, 420, "what went beyond is younger");
});

test("another policy: counts go on by id, unit and window, also of rules that were gone for a while", () => {
  const budgets = budgetsOf([budget(), budget({ id: "h", window: { kind: "hour" } })]);
  budgets.settle(reserved(budgets).id, charge(200), at(TEN));
  const open = reserved(budgets);
  budgets.reconfigure(policyOf([budget({ limit: 300 })]), at(TEN));
  assert.deepEqual(remaining(budgets), [0], "the limit is below what is used and reserved");
  assert.equal(budgets.reserve(call(), at(TEN)).ok, false);
  budgets.reconfigure(policyOf([]), at(TEN));
  budgets.settle(open.id, charge(100), at(TEN));
  budgets.reconfigure(
    policyOf([budget({ scope: "namespace" }), budget({ id: "h", window: { kind: "hour" } })]),
    at(TEN),
  );
  assert.deepEqual(remaining(budgets), [700, 700], "another scope of the same pod's calls is no refill");
  budgets.reconfigure(policyOf([budget({ window: { kind: "month" } }), budget({ unit: "requests" })]), at(TEN));
  assert.deepEqual(remaining(budgets), [1000, 1000], "another window or unit is another budget");
  budgets.reconfigure(policyOf([budget(), budget({ id: "h", window: { kind: "hour" } })]), at(TEN + HOUR));
  assert.deepEqual(remaining(budgets, at(TEN + HOUR)), [700, 1000], "the hour is over");
});

test("reloads while nothing is counted yet lose nothing of what is counted next", () => {
  const budgets = budgetsOf([budget()], [rate({ unit: "tokens", limit: 1000 })]);
  const first = reserved(budgets);
  budgets.reconfigure(policyOf([budget()], [rate({ unit: "tokens", limit: 1000 })]), at(TEN + 70_000));
  budgets.settle(first.id, charge(400), at(TEN + 70_000));
  assert.deepEqual(remaining(budgets, at(TEN + 70_000)), [600]);
  assert.equal(budgets.rates("m", at(TEN + 70_000)).tokens?.remaining, 800, "200 beyond what was reserved");
});

test("an estimate that is none is a bug of the caller, and admits nothing", () => {
  const budgets = budgetsOf([budget()]);
  const nonsense: readonly Partial<CallEstimate>[] = [
    { input: Number.NaN },
    { input: -1 },
    { output: 0.5 },
    { output: Number.POSITIVE_INFINITY },
    { choices: 0 },
    { least: -1 },
    { price: { input: Number.NaN, output: 1, request: 0 } },
    { price: { input: 1, output: -1, request: 0 } },
  ];
  for (const changes of nonsense) assert.throws(() => budgets.reserve(call(changes), at(TEN)), RangeError);
  assert.equal(budgets.open, 0);
});

test("10,000 open calls, and no more than 65,536", () => {
  const budgets = budgetsOf([budget({ limit: MOST })]);
  const ids = Array.from({ length: 65_536 }, () => reserved(budgets).id);
  const more = budgets.reserve(call(), at(TEN));
  assert.ok(!more.ok && more.problem.kind === "too_many_open");
  for (const id of ids) budgets.settle(id, charge(1), at(TEN));
  assert.deepEqual([budgets.open, ...remaining(budgets)], [0, MOST - 65_536]);
});

test("a clock step, forwards or back, ends no window, and does not bring its end nearer", () => {
  const windows = (["minute", "hour", "day", "month"] as const).map((kind) => budget({ id: kind, window: { kind } }));
  const rolling = budget({ id: "rolling", window: { kind: "rolling", millis: HOUR } });
  for (const to of [TEN + 1, TEN + 30 * 24 * HOUR, MIDNIGHT - 1, MIDNIGHT, TEN - 400 * 24 * HOUR, 0]) {
    const budgets = budgetsOf([...windows, rolling]);
    budgets.settle(reserved(budgets).id, charge(200), at(TEN));
    const ends = budgets.view(at(TEN)).map(({ resetAt = 0 }) => resetAt - TEN);
    const stepped = at(to, at(TEN).steady);
    budgets.carry({ from: at(TEN).wall, to: stepped.wall }, stepped);
    const views = budgets.view(stepped);
    assert.deepEqual(
      views.map(({ used }) => used),
      [200, 200, 200, 200, 200],
    );
    for (const [index, { resetAt = 0, id }] of views.entries()) {
      assert.ok(resetAt - to >= (ends[index] ?? 0), `${id}: no sooner`);
      const end = at(resetAt, stepped.steady + resetAt - to);
      assert.equal(budgets.view(end)[index]?.used, 0, `${id}: it ends`);
    }
  }
});

test("a clock that is set to just before midnight again and again begins no new day each time", () => {
  const budgets = budgetsOf([budget()]);
  budgets.settle(reserved(budgets).id, charge(900), at(TEN));
  let now = at(TEN);
  for (let round = 0; round < 20; round += 1) {
    const stepped = at(MIDNIGHT - 1_000, now.steady);
    budgets.carry({ from: now.wall, to: stepped.wall }, stepped);
    now = at(MIDNIGHT + 1_000, millis(stepped.steady + 2_000));
    assert.deepEqual(remaining(budgets, now), [100]);
  }
});

test("after a step a window ends when that of the new time does, or later; one that was over is over", () => {
  const cases: readonly (readonly [from: number, to: number, used: number, end: number])[] = [
    [TEN, MIDNIGHT + HOUR, 200, MIDNIGHT + 24 * HOUR],
    [TEN, TEN - 2 * HOUR, 200, MIDNIGHT],
    [TEN, MIDNIGHT - HOUR, 200, MIDNIGHT - HOUR + 14 * HOUR],
    [MIDNIGHT + 1, MIDNIGHT - HOUR, 0, MIDNIGHT],
  ];
  for (const [from, to, used, end] of cases) {
    const budgets = budgetsOf([budget()]);
    budgets.settle(reserved(budgets).id, charge(200), at(TEN));
    const stepped = at(to, at(from).steady);
    budgets.carry({ from: at(from).wall, to: stepped.wall }, stepped);
    const [view] = budgets.view(stepped);
    assert.deepEqual([view?.used, view?.resetAt], [used, end], `${from} -> ${to}`);
  }
});

test("a reload forgets counters that hold nothing, with what a step did to their window", () => {
  const budgets = budgetsOf([budget()]);
  const stepped = at(MIDNIGHT - HOUR, at(TEN).steady);
  budgets.carry({ from: at(TEN).wall, to: stepped.wall }, stepped);
  assert.equal(budgets.view(stepped)[0]?.resetAt, MIDNIGHT + 13 * HOUR);
  budgets.reconfigure(policyOf([budget()]), stepped);
  assert.equal(budgets.view(stepped)[0]?.resetAt, MIDNIGHT);
});
