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

test(
  "a reservation that nobody ends is charged in full at its deadline, and no later settlement changes that",
  needs,
  async () => {
    await flush();
    const rules = [
      shared(),
      shared({ id: "r", unit: "requests", limit: 5 }),
      shared({ id: "c", unit: "cost", limit: 1e9 }),
    ];
    const hold = holdOf("h", rules, MINUTE);
    await reserve(hold, TEN);
    const counted = async (at: number) => (await look(rules, at)).map(({ used, reserved }) => [used, reserved]);
    assert.deepEqual(await counted(TEN + MINUTE - 1), [
      [0, 200],
      [1, 0],
      [0, 300_005],
    ]);
    assert.deepEqual(await counted(TEN + MINUTE), [
      [200, 0],
      [1, 0],
      [300_005, 0],
    ]);
    assert.equal((await end(settleRequest(hold, 10, 10), hold, TEN + MINUTE)).found, 0);
    assert.equal((await end(releaseRequest(hold), hold, TEN + 2 * MINUTE)).found, 0);
    assert.deepEqual(await counted(TEN + 3 * MINUTE), [
      [200, 0],
      [1, 0],
      [300_005, 0],
    ]);
  },
);

test("a deadline that passes after the window's end is charged to the window in which it passes", needs, async () => {
  await flush();
  const rules = [shared({ window: { kind: "minute" } })];
  await reserve(holdOf("h", rules, MINUTE), TEN + 30_000);
  const at = async (time: number) => (await look(rules, time)).map(({ used, reserved }) => [used, reserved]);
  assert.deepEqual(await at(TEN + 89_999), [[0, 200]], "held over the window's end");
  assert.deepEqual(await at(TEN + 90_000), [[200, 0]]);
  assert.deepEqual(await at(TEN + 120_000), [[0, 0]]);
  await flush();
  await reserve(holdOf("h", rules, MINUTE), TEN + 30_000);
  assert.deepEqual(await at(TEN + 300_000), [[0, 0]], "looked at only when that window was over too");
});

test("two pods with different limits count together, and each keeps its own", needs, async () => {
  await flush();
  const [small, large] = [[shared({ limit: 300 })], [shared({ limit: 1000 })]];
  assert.equal((await reserve(holdOf("1", large), TEN)).kind, "admitted");
  assert.equal((await reserve(holdOf("2", large), TEN)).kind, "admitted");
  assert.equal((await reserve(holdOf("3", small), TEN)).kind, "refused");
  assert.equal((await reserve(holdOf("4", large), TEN)).kind, "admitted");
  assert.deepEqual((await look(large, TEN))[0]?.reserved, 600);
});

test("a reservation that comes too late by the server's clock does nothing", needs, async () => {
  await flush();
  const rules = [shared()];
  assert.deepEqual(await reserve(holdOf("h", rules), TEN + 1, call(), epochMillis(TEN)), {
    kind: "late",
    now: TEN + 1,
  });
  assert.equal((await look(rules, TEN))[0]?.reserved, 0);
});

test("all rules or none: what one refuses is reserved in no other", needs, async () => {
  await flush();
  const rules = [shared(), shared({ id: "small", limit: 150, scope: "namespace" })];
  const first = await reserve(holdOf("1", rules), TEN);
  assert.equal(first.kind === "admitted" && first.output, 50);
  assert.equal(first.kind === "admitted" && first.clamp, 1);
  const second = await reserve(holdOf("2", rules), TEN);
  assert.equal(second.kind, "refused");
  assert.deepEqual(
    (await look(rules, TEN)).map(({ reserved }) => reserved),
    [150, 150],
  );
});

test("a server whose clock goes back begins no window anew", needs, async () => {
  await flush();
  const rules = [
    shared({ limit: 200 }),
    shared({ id: "roll", limit: 200, window: { kind: "rolling", millis: millis(MINUTE) } }),
  ];
  const hold = holdOf("1", rules);
  assert.equal((await reserve(hold, TEN)).kind, "admitted");
  await end(settleRequest(hold, 200, 0), hold, TEN);
  for (const back of [1, MINUTE, 86_400_000, 40 * 86_400_000]) {
    assert.equal((await reserve(holdOf(`b${back}`, rules), TEN - back)).kind, "refused", `${back} ms back`);
  }
  assert.deepEqual(
    (await look(rules, TEN)).map(({ used }) => used),
    [200, 200],
  );
});

const tokens = shared();
const rolling = shared({ window: { kind: "rolling", millis: millis(MINUTE) } });
const damages: readonly (readonly [name: string, rule: SharedRule, ...commands: (readonly string[])[]])[] = [
  ["a text instead of a hash", tokens, ["SET", tokens.key, "0"]],
  ["a list instead of a hash", tokens, ["RPUSH", tokens.key, "0"]],
  ["a negative sum", tokens, ["HSET", tokens.key, "w", String(TEN), "u", "-1000", "r", "0", "d", "0"]],
  ["a negative reserve", tokens, ["HSET", tokens.key, "w", String(TEN), "u", "0", "r", "-5", "d", "0"]],
  ["a fraction", tokens, ["HSET", tokens.key, "w", String(TEN), "u", "0.5", "r", "0", "d", "0"]],
  ["not a number", tokens, ["HSET", tokens.key, "w", String(TEN), "u", "nan", "r", "0", "d", "0"]],
  ["infinity", tokens, ["HSET", tokens.key, "w", String(TEN), "u", "0", "r", "-inf", "d", "0"]],
  ["an exponent", tokens, ["HSET", tokens.key, "w", String(TEN), "u", "1e3", "r", "0", "d", "0"]],
  ["hexadecimal digits", tokens, ["HSET", tokens.key, "w", String(TEN), "u", "0x10", "r", "0", "d", "0"]],
  ["2^53", tokens, ["HSET", tokens.key, "w", String(TEN), "u", "9007199254740992", "r", "0", "d", "0"]],
  ["a field too few", tokens, ["HSET", tokens.key, "w", String(TEN), "u", "0", "r", "0"]],
  ["foreign fields only", tokens, ["HSET", tokens.key, "count", "5"]],
  ["a window in the far future", tokens, ["HSET", tokens.key, "w", "9007199254740000", "u", "0", "r", "0", "d", "0"]],
  [
    "a broken reservation that is due",
    tokens,
    ["HSET", tokens.key, "w", String(TEN), "u", "0", "r", "5", "d", "1", "=x", "-5 1 1"],
  ],
  [
    "a broken slot",
    rolling,
    ["HSET", rolling.key, "w", String(TEN / 1000 - 1), "r", "0", "d", "0", "u", "0", "5", "-7"],
  ],
  [
    "a slot number in the far future",
    rolling,
    ["HSET", rolling.key, "w", "9007199254740000", "r", "0", "d", "0", "u", "0"],
  ],
];
for (const [name, rule, ...commands] of damages) {
  test(`damage admits nothing, and is left as it is: ${name}`, needs, async () => {
    await flush();
    for (const command of commands) await ledger.send(...command);
    const dump = async () => (await ledger.send("DUMP", rule.key)).ok && (await ledger.send("DUMP", rule.key));
    const before = await dump();
    const rules = [shared({ id: "sound", scope: "namespace" }), rule];
    const answer = await reserve(holdOf("h", rules), TEN);
    assert.deepEqual(answer, { kind: "damaged", now: TEN, rule: 1 });
    assert.equal((await look(rules, TEN))[1]?.used, undefined);
    assert.equal((await look(rules, TEN))[0]?.reserved, 0, "nothing was reserved in the sound one either");
    assert.equal((await end(settleRequest(holdOf("h", rules), 5, 5), holdOf("h", rules), TEN)).found, 0);
    assert.deepEqual(await dump(), before);
  });
}

test("sums stop at 2^53-1, and that is exhausted", needs, async () => {
  await flush();
  const most = Number.MAX_SAFE_INTEGER;
  const rules = [shared({ limit: most }), shared({ id: "c", unit: "cost", limit: most })];
  const hold = holdOf("1", rules);
  const asked = call({ input: most, output: 0, price: { input: 1e9, output: 0, request: 0 } });
  const answer = await reserve(hold, TEN, asked);
  assert.deepEqual(answer.kind === "admitted" && [answer.tokens, answer.cost], [most, most]);
  assert.equal((await reserve(holdOf("2", rules), TEN)).kind, "refused");
  assert.equal((await end(settleRequest(hold, most, most), hold, TEN)).found, 2);
  const more = holdOf("3", rules);
  await end(chargeRequest(more, [most, most]), more, TEN);
  assert.deepEqual(
    (await look(rules, TEN)).map(({ used, reserved }) => [used, reserved]),
    [
      [most, 0],
      [most, 0],
    ],
  );
  assert.equal((await reserve(holdOf("4", rules), TEN)).kind, "refused");
});

test("every key expires after its window's end and its last deadline, and not before", needs, async () => {
  await flush();
  const now = Date.now();
  const life = 3 * 3_600_000;
  const rules = (["minute", "hour", "day", "month"] as const).map((kind) => shared({ id: kind, window: { kind } }));
  const all = [...rules, shared({ id: "r", window: { kind: "rolling", millis: millis(7_200_000) } })];
  const hold = holdOf("1", all, life);
  await reserve(hold, now);
  const short = holdOf("2", all, 1);
  await reserve(short, now);
  await end(settleRequest(short, 1, 1), short, now);
  for (const { key, rule } of all) {
    const ttl = await ledger.send("PTTL", key);
    const finish =
      rule.window.kind === "rolling"
        ? now + rule.window.millis
        : calendarWindow(rule.window.kind as "day", epochMillis(now)).end;
    assert.ok(ttl.ok && typeof ttl.value === "number", rule.id);
    assert.ok(ttl.value > finish - now + life - 1_000, `${rule.id} lives long enough`);
    assert.ok(ttl.value < finish - now + life + 600_000, `${rule.id} does not live for ever`);
  }
});

test("an open hold of many is swept without losing any", needs, async () => {
  await flush();
  const rules = [shared({ limit: 1_000_000 })];
  for (let at = 0; at < 2_500; at += 1) await reserve(holdOf(`h${at}`, rules, at % 2 === 0 ? 1_000 : 10_000), TEN);
  assert.deepEqual(
    (await look(rules, TEN + 1_000)).map(({ used, reserved }) => [used, reserved]),
    [[250_000, 250_000]],
  );
  await reserve(holdOf("last", rules, 1), TEN + 1_000);
  const fields = await ledger.send("HLEN", rules[0]?.key ?? "");
  assert.equal(fields.ok && fields.value, 4 + 1_250 + 1, "what was charged is gone");
});

test("a request that is released in a later window is taken from no other", needs, async () => {
  for (const window of [{ kind: "minute" as const }, { kind: "rolling" as const, millis: millis(MINUTE) }]) {
    await flush();
    const rules = [shared({ id: "n", unit: "requests", limit: 5, window })];
    const [first, second] = [holdOf("1", rules), holdOf("2", rules)];
    await reserve(first, TEN);
    await reserve(second, TEN + 2 * MINUTE);
    assert.equal((await end(releaseRequest(first), first, TEN + 2 * MINUTE)).found, 1);
    assert.equal((await look(rules, TEN + 2 * MINUTE))[0]?.used, 1);
    assert.equal((await end(releaseRequest(second), second, TEN + 2 * MINUTE + 1)).found, 1);
    assert.equal((await look(rules, TEN + 2 * MINUTE + 1))[0]?.used, 0);
  }
});

test("a window of a millisecond that nobody looked at for a month costs the server no time", needs, async () => {
  await flush();
  const rules = [shared({ window: { kind: "rolling", millis: millis(1) } })];
  await reserve(holdOf("1", rules, 1), TEN);
  const began = performance.now();
  assert.equal((await reserve(holdOf("2", rules), TEN + 30 * 86_400_000)).kind, "admitted");
  assert.ok(performance.now() - began < 5_000);
});

test("a refusal tidies up too", needs, async () => {
  await flush();
  const rules = [shared({ limit: 200 })];
  await reserve(holdOf("1", rules, 1_000), TEN);
  assert.equal((await reserve(holdOf("2", rules), TEN + 1_000)).kind, "refused");
  const fields = await ledger.send("HLEN", rules[0]?.key ?? "");
  assert.equal(fields.ok && fields.value, 4);
});
