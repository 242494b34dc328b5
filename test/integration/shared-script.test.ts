import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as fc from "fast-check";
import { epochMillis, millis } from "../../router/core/base/quantity.ts";
import { type CallEstimate, costOf, leastAmount, outputThatFits, tokensOf } from "../../router/core/budget/amount.ts";
import type { BudgetRule } from "../../router/core/budget/budget-rule.ts";
import { calendarWindow } from "../../router/core/budget/calendar-window.ts";
import { COUNTER_LUA } from "../../router/core/budget/shared-counter-lua.ts";
import { readEnded, readLook, readReserve, type SharedCount } from "../../router/core/budget/shared-answer.ts";
import { aliveKey, type SharedRule } from "../../router/core/budget/shared-key.ts";
import {
  chargeRequest,
  lookRequest,
  releaseRequest,
  reserveRequest,
  settleRequest,
  type SharedHold,
} from "../../router/core/budget/shared-request.ts";
import { IDENTITY, shared, type TimedLedger, timedLedger } from "../fakes/ledger-link.ts";
import { requirement } from "../require.ts";
import { startValkey, VALKEY, type Valkey } from "../fakes/valkey.ts";

const needs = requirement("valkey", VALKEY !== undefined, "no valkey-server or redis-server (apt: redis-server)");
const runs = { numRuns: Number(process.env["SLUICE_TEST_RUNS"] ?? 150) };
/** 2026-11-20T10:00:00Z */
const TEN = Date.UTC(2026, 10, 20, 10);
const MINUTE = 60_000;
const FAR = epochMillis(1e14);

let valkey: Valkey;
let ledger: TimedLedger;
before(async () => {
  if (needs.skip !== false) return;
  valkey = await startValkey();
  ledger = await timedLedger(valkey.port);
});
after(async () => {
  if (needs.skip !== false) return;
  ledger[Symbol.dispose]();
  await valkey[Symbol.asyncDispose]();
});

function call(changes: Partial<CallEstimate> = {}): CallEstimate {
  const price = { input: 1000, output: 2000, request: 5 };
  return { model: "m", input: 100, output: 100, choices: 1, least: 1, price, ...changes };
}

function holdOf(id: string, rules: readonly SharedRule[], life = 10 * MINUTE): SharedHold {
  return { id, rules, life: millis(life) };
}

async function reserve(hold: SharedHold, at: number, asked = call(), notAfter = FAR) {
  const reply = await ledger.run(reserveRequest(hold, asked, notAfter), epochMillis(at));
  assert.ok(reply.ok, JSON.stringify(reply));
  const answer = readReserve(reply.value, hold.id, hold.rules.length, asked.output);
  assert.ok(answer, JSON.stringify(reply.value));
  return answer;
}

async function end(request: Parameters<TimedLedger["run"]>[0], hold: SharedHold, at: number) {
  const reply = await ledger.run(request, epochMillis(at));
  assert.ok(reply.ok, JSON.stringify(reply));
  const answer = readEnded(reply.value, hold.id, hold.rules.length);
  assert.ok(answer, JSON.stringify(reply.value));
  return { ...answer, found: (reply.value as readonly unknown[])[3] };
}

async function look(rules: readonly SharedRule[], at: number): Promise<readonly SharedCount[]> {
  const reply = await ledger.run(lookRequest("look", aliveKey(IDENTITY), rules), epochMillis(at));
  const answer = reply.ok ? readLook(reply.value, "look", rules.length) : undefined;
  assert.ok(answer, JSON.stringify(reply));
  return answer.counts;
}

const flush = async (): Promise<void> => void (await ledger.send("FLUSHALL"));

test("the script's calendar is the router's own, from 1970 to 9999", needs, async () => {
  const ask = `${COUNTER_LUA}local start, finish = window_of(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])) return { digits(start), digits(finish) }`;
  const lengths = { minute: 60_000, hour: 3_600_000, day: 86_400_000, month: 0 } as const;
  const edges = [1970, 1972, 1999, 2000, 2024, 2026, 2028, 2100, 2400, 9999].flatMap((year) =>
    Array.from({ length: 12 }, (_, month) => Date.UTC(year, month)).flatMap((first) => [first - 1, first, first + 1]),
  );
  const kinds = ["minute", "hour", "day", "month"] as const;
  async function same(kind: (typeof kinds)[number], at: number): Promise<void> {
    const name = kind === "month" ? "month" : "fixed";
    const reply = await ledger.send("EVAL", ask, "1", name, String(lengths[kind]), String(at));
    const { start, end: finish } = calendarWindow(kind, epochMillis(at));
    assert.deepEqual(reply.ok && reply.value, [String(start), String(finish)], `${kind} of ${at}`);
  }
  for (const at of edges.filter((edge) => edge >= 0)) await same("month", at);
  await fc.assert(fc.asyncProperty(fc.constantFrom(...kinds), fc.nat(Date.UTC(9999, 11, 31)), same), runs);
});

const sizes = {
  input: fc.nat(40),
  output: fc.nat(60),
  choices: fc.integer({ min: 1, max: 3 }),
  least: fc.integer({ min: 0, max: 20 }),
  price: fc.record({ input: fc.nat(3), output: fc.constantFrom(0, 1, 0.4, 2.5), request: fc.nat(9) }),
};
const ruleChanges = fc.record({
  unit: fc.constantFrom("tokens" as const, "requests" as const, "cost" as const),
  limit: fc.integer({ min: 1, max: 400 }),
  window: fc.oneof(
    fc.constantFrom("minute" as const, "hour" as const, "day" as const, "month" as const).map((kind) => ({ kind })),
    fc.integer({ min: 1, max: 600_000 }).map((length) => ({ kind: "rolling" as const, millis: length })),
  ),
  scope: fc.constantFrom("agent" as const, "namespace" as const),
});
const pauses = fc.oneof(fc.nat(200), fc.nat(60_000), fc.nat(40 * 86_400_000));
const share = fc.double({ min: 0, max: 1.3, noNaN: true });
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("reserve" as const), wait: fc.nat(9_000), ...sizes }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("settle" as const), wait: pauses, which: share, used: share }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const), wait: fc.nat(9_000), which: share }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("charge" as const), wait: fc.nat(9_000), amount: fc.nat(50) }),
    },
  ),
  { maxLength: 30 },
);

/** What a rule has counted, kept as a list of everything that ever happened. */
class Model {
  readonly rule: BudgetRule;
  readonly charges: { at: number; amount: number; by: string }[] = [];
  readonly held = new Map<string, { readonly amount: number; readonly deadline: number }>();

  constructor(rule: BudgetRule) {
    this.rule = rule;
  }

  expire(now: number): void {
    for (const [id, { amount, deadline }] of this.held) {
      if (deadline > now) continue;
      this.held.delete(id);
      this.charges.push({ at: deadline, amount, by: id });
    }
  }

  used(now: number): number {
    const { window } = this.rule;
    if (window.kind === "request") throw new Error("not shared");
    let counts = (at: number): boolean => at >= calendarWindow(window.kind as "day", epochMillis(now)).start;
    if (window.kind === "rolling") {
      const width = Math.max(1, Math.ceil(window.millis / 60));
      const slots = Math.ceil(window.millis / width) + 1;
      counts = (at) => Math.floor(at / width) > Math.floor(now / width) - slots;
    }
    return this.charges.reduce((sum, { at, amount }) => (counts(at) ? sum + amount : sum), 0);
  }

  reserved(): number {
    return [...this.held.values()].reduce((sum, { amount }) => sum + amount, 0);
  }
}

test("any interleaving counts as a list of all that happened does", needs, async () => {
  const rulesOf = fc.array(ruleChanges, { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(rulesOf, fc.nat(86_400_000), steps, async (changes, begin, doing) => {
      await flush();
      const rules = changes.map((change, at) => shared({ id: `b${at}`, ...change }));
      const models = rules.map(({ rule }) => new Model(rule));
      const open: SharedHold[] = [];
      const made = new Map<string, { readonly tokens: number; readonly cost: number; readonly at: number }>();
      let now = TEN + begin;
      const check = (counts: readonly SharedCount[], why: string): void => {
        const seen = counts.map(({ used, reserved }) => [used, reserved]);
        assert.deepEqual(
          seen,
          models.map((model) => [model.used(now), model.reserved()]),
          why,
        );
      };
      for (const [index, step] of doing.entries()) {
        now += step.wait;
        for (const model of models) model.expire(now);
        if (step.do === "reserve") {
          const asked = call(step);
          const hold = holdOf(`h${index}`, rules, 7_000);
          const fits = models.map((model) =>
            outputThatFits(model.rule.unit, model.rule.limit - model.used(now) - model.reserved(), asked),
          );
          const least = Math.min(asked.output, Math.max(1, asked.least));
          const admits = fits.every((fit) => fit >= least);
          const answer = await reserve(hold, now, asked);
          assert.equal(answer.kind, admits ? "admitted" : "refused");
          if (answer.kind === "admitted") {
            assert.equal(answer.output, Math.min(asked.output, ...fits));
            assert.equal(answer.tokens, tokensOf(asked, answer.output));
            assert.equal(answer.cost, asked.price && costOf(asked, asked.price, answer.output));
            for (const model of models) {
              const { unit } = model.rule;
              const amount = unit === "requests" ? 0 : unit === "tokens" ? answer.tokens : answer.cost;
              model.held.set(hold.id, { amount, deadline: now + 7_000 });
              if (unit === "requests") model.charges.push({ at: now, amount: 1, by: `${hold.id} admitted` });
              assert.ok(model.used(now) + model.reserved() <= model.rule.limit, "never above the limit");
            }
            open.push(hold);
            made.set(hold.id, { tokens: answer.tokens, cost: answer.cost, at: now });
          }
          if (answer.kind === "refused") {
            for (const [at, { resetAt }] of answer.counts.entries()) {
              const model = models[at];
              if (model === undefined || (fits[at] ?? 0) >= least) continue;
              assert.equal(resetAt === undefined, leastAmount(model.rule.unit, asked) > model.rule.limit);
              if (resetAt !== undefined) assert.ok(resetAt > now, "the room comes later");
            }
          }
          if (answer.kind === "admitted" || answer.kind === "refused") check(answer.counts, "after a reservation");
        } else if (step.do === "charge") {
          const hold = holdOf(`c${index}`, rules, 7_000);
          for (const model of models) model.charges.push({ at: now, amount: step.amount, by: hold.id });
          const request = chargeRequest(
            hold,
            rules.map(() => step.amount),
          );
          check((await end(request, hold, now)).counts, "after a charge");
          check((await end(request, hold, now)).counts, "the same charge again is none");
        } else {
          const hold = open[Math.floor(Math.min(step.which, 0.99) * open.length)];
          const sums = hold && made.get(hold.id);
          if (hold === undefined || sums === undefined) continue;
          const tokens = step.do === "settle" ? Math.ceil(sums.tokens * step.used) : 0;
          const cost = step.do === "settle" ? Math.ceil(sums.cost * step.used) : 0;
          for (const model of models) {
            if (!model.held.delete(hold.id)) continue;
            const { unit } = model.rule;
            if (unit !== "requests")
              model.charges.push({ at: now, amount: unit === "tokens" ? tokens : cost, by: hold.id });
            else if (step.do === "release") {
              const at = model.charges.findIndex(({ by }) => by === `${hold.id} admitted`);
              model.charges.splice(at, 1);
            }
          }
          const request = step.do === "settle" ? settleRequest(hold, tokens, cost) : releaseRequest(hold);
          check((await end(request, hold, now)).counts, `after a ${step.do}`);
          const again = await end(request, hold, now);
          assert.equal(again.found, 0);
          check(again.counts, `the same ${step.do} again is none`);
        }
      }
    }),
    runs,
  );
});
