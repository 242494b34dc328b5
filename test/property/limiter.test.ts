import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { type NamedLimit, RateLimiter } from "../../router/core/limiter/rate-limiter.ts";
import type { Taken } from "../../router/core/limiter/taken.ts";

const runs = { numRuns: Number(process.env["SLUICE_TEST_RUNS"] ?? 300) };

const TOOLS = ["a", "b", "c", "d", undefined];
const NOTHING = { model: undefined, destination: undefined, peer: undefined };

const rates = fc.record({
  count: fc.integer({ min: 1, max: 12 }),
  window: fc.integer({ min: 1, max: 50 }),
  burst: fc.integer({ min: 1, max: 6 }),
});
const limitSets: fc.Arbitrary<readonly NamedLimit[]> = fc
  .array(
    fc.record({
      per: fc.constantFrom("all" as const, "tool" as const, "action" as const),
      rate: fc.option(rates, { nil: undefined }),
      concurrent: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((limits) => limits.map((limit, index) => ({ id: `l${index}`, ...limit })));

type Step =
  | { readonly kind: "take"; readonly tool: string | undefined; readonly action: string; readonly which: number }
  | { readonly kind: "release"; readonly which: number }
  | { readonly kind: "pass"; readonly by: number };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("take" as const),
        tool: fc.constantFrom(...TOOLS),
        action: fc.constantFrom("tool", "exec"),
        which: fc.integer({ min: 1, max: 15 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("release" as const), which: fc.nat({ max: 9 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), by: fc.integer({ min: -20, max: 40 }) }) },
  ),
  { maxLength: 120 },
);

const nameOf = (limit: NamedLimit, step: { readonly tool: string | undefined; readonly action: string }): string =>
  limit.per === "all" ? "" : ((limit.per === "tool" ? step.tool : step.action) ?? "");

const subset = (limits: readonly NamedLimit[], which: number): readonly NamedLimit[] =>
  limits.filter((_, index) => ((which >> index) & 1) === 1);

/** What was admitted under one limit and name. */
interface History {
  readonly limit: NamedLimit;
  readonly times: number[];
  held: number;
}

/**
 * Runs the steps, checks that no name ever has more than its limit in any window, and returns how each take came out. The
 * clock also steps back, and its time is then that of before.
 */
function run(limits: readonly NamedLimit[], list: readonly Step[], most: number): readonly boolean[] {
  const limiter = new RateLimiter(most);
  limiter.apply(limits, 0);
  const histories = new Map<string, History>();
  const open: { readonly taken: Taken; readonly histories: readonly History[] }[] = [];
  const results: boolean[] = [];
  let clock = 0;
  let time = 0;
  for (const step of list) {
    if (step.kind === "pass") {
      clock += step.by;
    } else if (step.kind === "release") {
      const ended = open.splice(step.which % Math.max(1, open.length), 1)[0];
      ended?.taken.release();
      ended?.taken.release();
      for (const history of ended?.histories ?? []) history.held -= 1;
    } else {
      time = Math.max(time, clock);
      const some = subset(limits, step.which);
      const result = limiter.take(some, { ...NOTHING, tool: step.tool, action: step.action }, clock);
      results.push(result.ok);
      if (!result.ok) {
        assert.ok(some.some(({ id }) => id === result.problem.limit));
        assert.ok(result.problem.retryAfter >= 1);
        continue;
      }
      const counted = some.map((limit) => {
        const key = `${limit.id} ${nameOf(limit, step)}`;
        const history = histories.get(key) ?? { limit, times: [], held: 0 };
        histories.set(key, history);
        history.times.push(time);
        history.held += 1;
        return history;
      });
      for (const history of counted) assertWithin(history);
      open.push({ taken: result.value, histories: counted });
    }
  }
  return results;
}

function assertWithin({ limit, times, held }: History): void {
  assert.ok(limit.concurrent === undefined || held <= limit.concurrent, `${held} at the same time`);
  const { rate } = limit;
  if (rate === undefined) return;
  const last = times.at(-1) ?? 0;
  for (const [index, first] of times.entries()) {
    const count = times.length - index;
    const bound: number = rate.burst + Math.floor(((last - first) * rate.count) / rate.window);
    assert.ok(count <= bound, `${count} in ${last - first} ms of ${JSON.stringify(rate)}`);
  }
}

test("no name has more than burst + rate * t in any t, nor more at the same time, however few buckets there are", () => {
  fc.assert(
    fc.property(limitSets, steps, fc.constantFrom(0, 1, 2, 3, 4_096), (limits, list, most) => {
      run(limits, list, most);
    }),
    runs,
  );
});

/** The same limits by rational numbers, written down as plainly as it goes. */
function reference(limits: readonly NamedLimit[], list: readonly Step[]): readonly boolean[] {
  const levels = new Map<string, { parts: bigint; at: number }>();
  const held = new Map<string, number>();
  const open: (readonly string[])[] = [];
  const results: boolean[] = [];
  let clock = 0;
  let time = 0;
  for (const step of list) {
    if (step.kind === "pass") {
      clock += step.by;
      continue;
    }
    if (step.kind === "release") {
      for (const key of open.splice(step.which % Math.max(1, open.length), 1)[0] ?? []) {
        held.set(key, (held.get(key) ?? 0) - 1);
      }
      continue;
    }
    time = Math.max(time, clock);
    const some = subset(limits, step.which).map((limit) => ({ limit, key: `${limit.id} ${nameOf(limit, step)}` }));
    const fits = some.every(({ limit: { rate, concurrent }, key }) => {
      if (concurrent !== undefined && (held.get(key) ?? 0) >= concurrent) return false;
      if (rate === undefined) return true;
      const capacity = BigInt(rate.burst * rate.window);
      const bucket = levels.get(key) ?? { parts: capacity, at: time };
      const parts = bucket.parts + BigInt((time - bucket.at) * rate.count);
      levels.set(key, { parts: parts < capacity ? parts : capacity, at: time });
      return (levels.get(key)?.parts ?? 0n) >= BigInt(rate.window);
    });
    results.push(fits);
    if (!fits) continue;
    for (const { limit, key } of some) {
      const bucket = levels.get(key);
      if (bucket !== undefined) bucket.parts -= BigInt(limit.rate?.window ?? 0);
      if (limit.concurrent !== undefined) held.set(key, (held.get(key) ?? 0) + 1);
    }
    open.push(some.filter(({ limit }) => limit.concurrent !== undefined).map(({ key }) => key));
  }
  return results;
}

test("take from all or from none: with buckets for all names it is what exact arithmetic says", () => {
  fc.assert(
    fc.property(limitSets, steps, (limits, list) => {
      assert.deepEqual(run(limits, list, 4_096), reference(limits, list));
    }),
    runs,
  );
});

test("retry-after is honest: not a millisecond before, and then", () => {
  const rated = limitSets.map((limits) => limits.filter(({ rate }) => rate !== undefined));
  const uses = fc.array(fc.tuple(fc.constantFrom(...TOOLS), fc.integer({ min: 0, max: 30 })), { maxLength: 40 });
  fc.assert(
    fc.property(rated, uses, fc.constantFrom(0, 1, 4_096), (limits, list, most) => {
      const free = limits.map((limit) => ({ ...limit, concurrent: undefined }));
      const limiter = new RateLimiter(most);
      limiter.apply(free, 0);
      let now = 0;
      for (const [tool, by] of list) {
        now += by;
        const at = { ...NOTHING, tool, action: "tool" };
        const result = limiter.take(free, at, now);
        if (result.ok) continue;
        const { retryAfter } = result.problem;
        const early = limiter.take(free, at, now + retryAfter - 1);
        assert.ok(!early.ok && early.problem.retryAfter === 1);
        now += retryAfter;
        assert.ok(limiter.take(free, at, now).ok);
      }
    }),
    runs,
  );
});

test("a reload in the middle never gives a name more than the most generous of its limits", () => {
  fc.assert(
    fc.property(
      fc.array(rates, { minLength: 1, maxLength: 5 }),
      fc.array(fc.tuple(fc.constantFrom(...TOOLS), fc.nat({ max: 20 }), fc.boolean()), { maxLength: 80 }),
      fc.constantFrom(0, 1, 2, 4_096),
      (definitions, list, most) => {
        const limiter = new RateLimiter(most);
        const applied = definitions.map((rate): NamedLimit => ({ id: "l", per: "tool", rate, concurrent: undefined }));
        const burst = Math.max(...definitions.map((rate) => rate.burst));
        const perMilli = Math.max(...definitions.map(({ count, window }) => count / window));
        let turn = 0;
        let now = 0;
        const next = (): void => limiter.apply([applied[turn++ % applied.length] as NamedLimit], now);
        next();
        const times = new Map<string | undefined, number[]>();
        for (const [tool, by, reload] of list) {
          now += by;
          if (reload) next();
          if (!limiter.take([{ id: "l" }], { ...NOTHING, tool, action: "tool" }, now).ok) continue;
          const own = times.get(tool) ?? [];
          times.set(tool, own);
          own.push(now);
          for (const [index, first] of own.entries()) {
            assert.ok(own.length - index <= burst + (now - first) * perMilli + 1e-9);
          }
        }
      },
    ),
    runs,
  );
});
