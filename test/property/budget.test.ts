import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { epochMillis, millis } from "../../router/core/base/quantity.ts";
import type { BudgetPolicy } from "../../router/core/budget/budget-plan.ts";
import type { BudgetRule, RateRule } from "../../router/core/budget/budget-rule.ts";
import { type BudgetNow, BudgetTime } from "../../router/core/budget/budget-time.ts";
import { Budgets, type Reservation } from "../../router/core/budget/budgets.ts";
import { parseState, stateForm } from "../../router/core/budget/ledger-state.ts";

const runs = { numRuns: Number(process.env["SLUICE_TEST_RUNS"] ?? 300) };
const T = Date.UTC(2026, 11, 31, 23, 50);
const MODELS = ["m", "n"];
const LENGTH = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

interface Call {
  readonly model: string;
  readonly admitted: number;
  readonly tokens: number;
  readonly cost: number;
  ended: number | undefined;
  usedTokens: number;
  usedCost: number;
}

const windows: fc.Arbitrary<BudgetRule["window"]> = fc.oneof(
  fc
    .constantFrom("request" as const, "minute" as const, "hour" as const, "day" as const, "month" as const)
    .map((kind) => ({ kind })),
  fc.integer({ min: 1, max: 7_200_000 }).map((length) => ({ kind: "rolling" as const, millis: length })),
);
const someModels = fc.constantFrom(undefined, new Set(["m"]), new Set(["n"]), new Set(MODELS));
const budgetRules: fc.Arbitrary<readonly BudgetRule[]> = fc
  .array(
    fc.record({
      unit: fc.constantFrom("tokens" as const, "requests" as const, "cost" as const),
      limit: fc.integer({ min: 1, max: 2_000 }),
      window: windows,
      scope: fc.constantFrom("pod" as const, "model" as const),
      models: someModels,
      cut: fc.boolean(),
    }),
    { maxLength: 5 },
  )
  .map((rules) => rules.map((rule, index) => ({ id: `b${index}`, ...rule })));
const rateRules: fc.Arbitrary<readonly RateRule[]> = fc
  .array(
    fc.record({
      unit: fc.constantFrom("tokens" as const, "requests" as const, "concurrent" as const),
      limit: fc.integer({ min: 1, max: 1_000 }),
      models: someModels,
    }),
    { maxLength: 3 },
  )
  .map((rules) => rules.map((rule, index) => ({ id: `r${index}`, ...rule })));

const share = fc.double({ min: 0, max: 1, noNaN: true });
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant("reserve" as const),
        model: fc.constantFrom(...MODELS),
        input: fc.nat(120),
        output: fc.nat(300),
        choices: fc.integer({ min: 1, max: 3 }),
        least: fc.nat(20),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("settle" as const), which: fc.nat(50), of: share }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const), which: fc.nat(50) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("wait" as const),
        by: fc.oneof(fc.nat(2_000), fc.nat(90_000), fc.nat(900_000)),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("reload" as const) }) },
  ),
  { maxLength: 60 },
);
const price = { input: 1, output: 2.5, request: 0.5 };

function nowAt(wall: number): BudgetNow {
  return { wall: epochMillis(wall), steady: millis(wall - T + 5_000_000) };
}

function windowStart(window: BudgetRule["window"], now: number): number {
  if (window.kind === "rolling") return now - window.millis + 1;
  const date = new Date(now);
  if (window.kind === "month") return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
  return window.kind === "request" ? now : now - (now % LENGTH[window.kind]);
}

/** What calls come to under a rule, added up from nothing. */
function counted(rule: BudgetRule, calls: readonly Call[], model: string, now: number): number {
  const start = windowStart(rule.window, now);
  let sum = 0;
  for (const call of calls) {
    if (rule.models?.has(call.model) === false || (rule.scope === "model" && call.model !== model)) continue;
    if (rule.unit === "requests") sum += call.admitted >= start ? 1 : 0;
    else if (call.ended === undefined) sum += rule.unit === "tokens" ? call.tokens : call.cost;
    else if (call.ended >= start) sum += rule.unit === "tokens" ? call.usedTokens : call.usedCost;
  }
  return sum;
}

function rated(rule: RateRule, calls: readonly Call[], now: number): number {
  const of = calls.filter(({ model }) => rule.models?.has(model) !== false);
  if (rule.unit === "concurrent") return of.filter(({ ended }) => ended === undefined).length;
  const recent = of.filter(({ admitted }) => admitted > now - 60_000);
  if (rule.unit === "requests") return recent.length;
  return recent.reduce((sum, { ended, tokens, usedTokens }) => sum + (ended === undefined ? tokens : usedTokens), 0);
}

function checkAll(policy: BudgetPolicy, calls: readonly Call[], now: number, rates: boolean): void {
  for (const rule of policy.budgets) {
    if (rule.window.kind === "request") continue;
    for (const model of MODELS) assert.ok(counted(rule, calls, model, now) <= rule.limit, `${rule.id} is overrun`);
  }
  if (!rates) return;
  for (const rule of policy.rates) assert.ok(rated(rule, calls, now) <= rule.limit, `${rule.id} is overrun`);
}

/** The same budgets, from what a ledger keeps. */
function restarted(budgets: Budgets, policy: BudgetPolicy, now: BudgetNow): Budgets {
  const state = parseState(JSON.parse(JSON.stringify(stateForm(budgets.state(now)))));
  assert.ok(state !== undefined);
  return new Budgets(policy, now, state);
}

function remaining(budgets: Budgets, now: BudgetNow): readonly number[] {
  return budgets.view(now).map((view) => view.remaining);
}

test("INV-BUDGET-BOUND: whatever calls run side by side, no budget and no rate is ever overrun, over restarts and reloads too", () => {
  fc.assert(
    fc.property(budgetRules, rateRules, steps, (rules, rates, moves) => {
      const policy: BudgetPolicy = { budgets: rules, rates, models: MODELS };
      let now = T;
      let budgets = new Budgets(policy, nowAt(now));
      let lives = true;
      const calls: Call[] = [];
      const open = new Map<Reservation, Call>();
      const pick = (index: number): readonly [Reservation, Call] | undefined =>
        [...open][open.size === 0 ? 0 : index % open.size];
      for (const move of moves) {
        if (move.do === "reserve") {
          const { do: _, ...estimate } = move;
          const result = budgets.reserve({ ...estimate, price }, nowAt(now));
          if (result.ok) {
            const { outputCap, tokens, cost } = result.value;
            assert.equal(tokens, move.input + outputCap * move.choices);
            assert.ok(outputCap <= move.output && outputCap >= Math.min(move.output, Math.max(1, move.least)));
            const call: Call = {
              model: move.model,
              admitted: now,
              tokens,
              cost,
              ended: undefined,
              usedTokens: 0,
              usedCost: 0,
            };
            calls.push(call);
            open.set(result.value, call);
            for (const rule of rules) {
              if (rule.window.kind !== "request" || rule.models?.has(move.model) === false) continue;
              const amount = { tokens, cost, requests: 1 }[rule.unit];
              assert.ok(amount <= rule.limit, "a call above the budget of one call");
            }
          } else {
            assert.ok(rules.length + rates.length > 0, "refused by nobody");
          }
        } else if (move.do === "settle" || move.do === "release") {
          const [reservation, call] = pick(move.which) ?? [];
          if (reservation === undefined || call === undefined) continue;
          open.delete(reservation);
          if (move.do === "settle") {
            call.usedTokens = Math.floor(call.tokens * move.of);
            call.usedCost = Math.floor(call.cost * move.of);
            call.ended = now;
            const charge = { tokens: call.usedTokens, cost: call.usedCost, estimated: false };
            assert.ok(budgets.settle(reservation.id, charge, nowAt(now)) !== undefined || !reservation.durable);
          } else {
            budgets.release(reservation.id, nowAt(now));
            calls.splice(calls.indexOf(call), 1);
          }
        } else if (move.do === "wait") now += move.by;
        else if (move.do === "reload") {
          const before = remaining(budgets, nowAt(now));
          budgets.reconfigure({ budgets: [], rates: [], models: [] }, nowAt(now));
          budgets.reconfigure(policy, nowAt(now));
          assert.deepEqual(remaining(budgets, nowAt(now)), before);
        } else {
          const before = remaining(budgets, nowAt(now));
          budgets = restarted(budgets, policy, nowAt(now));
          assert.deepEqual(remaining(budgets, nowAt(now)), before);
          // Rates are of one life: their calls before it are no longer counted.
          lives = false;
        }
        checkAll(policy, calls, now, lives);
      }
      const before = remaining(budgets, nowAt(now));
      const next = restarted(budgets, policy, nowAt(now));
      next.settleAll(nowAt(now));
      for (const [index, left] of remaining(next, nowAt(now)).entries()) assert.ok(left <= (before[index] ?? 0));
    }),
    runs,
  );
});

test("INV-BUDGET-CLOCK: no step of the clock and no restart gives anything back, and no window ends before its time", () => {
  const jumps = fc.array(
    fc.record({
      use: fc.nat(300),
      wait: fc.oneof(fc.nat(1_000), fc.nat(3_000_000)),
      jump: fc.oneof(
        fc.constant(0),
        fc.integer({ min: -4_000, max: 4_000 }),
        fc.integer({ min: -7_200_000, max: 7_200_000 }),
        fc.integer({ min: -3e10, max: 3e10 }),
      ),
      restart: fc.boolean(),
    }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(budgetRules, jumps, (rules, moves) => {
      const policy: BudgetPolicy = { budgets: rules, rates: [], models: MODELS };
      let [wall, uptime] = [T, 10_000];
      const reading = () => ({ wall: epochMillis(wall), uptime: millis(uptime) });
      let time = new BudgetTime("boot", reading());
      let budgets = new Budgets(policy, time);
      for (const { use, wait, jump, restart } of moves) {
        const call = { model: "m", input: use, output: 100, choices: 1, least: 1, price };
        const reserved = budgets.reserve(call, time);
        if (reserved.ok) budgets.settle(reserved.value.id, { tokens: use, cost: use, estimated: false }, time);
        wall += wait;
        uptime += wait;
        time.tick(reading());
        const before = budgets.view(time);
        const { wall: wallBefore, steady } = time;
        wall += jump;
        if (restart) {
          const state = parseState(JSON.parse(JSON.stringify(stateForm(budgets.state(time)))));
          assert.ok(state !== undefined);
          budgets = new Budgets(policy, time, state);
          const next = new BudgetTime("boot", reading());
          const step = next.resume(time.anchor, time.wall, reading());
          time = next;
          if (step !== undefined) budgets.carry(step, time);
        } else {
          const step = time.tick(reading());
          if (step !== undefined) budgets.carry(step, time);
        }
        assert.ok(time.steady >= steady, "steady time goes back");
        const passed = time.steady - steady;
        assert.ok(passed <= 5_000 + 1, "a step passes time");
        for (const [index, view] of budgets.view(time).entries()) {
          const old = before[index];
          assert.ok(old !== undefined);
          if (old.resetAt === undefined || old.resetAt - wallBefore <= passed) continue;
          assert.ok(
            view.remaining <= old.remaining || (view.window.kind === "rolling" && passed > 0),
            `${view.id} was refilled`,
          );
          if (old.used === 0) continue;
          assert.ok(
            (view.resetAt ?? 0) - time.wall >= old.resetAt - wallBefore - passed - 5_000,
            `${view.id} ends early`,
          );
        }
      }
    }),
    runs,
  );
});
