import assert from "node:assert/strict";
import { test } from "node:test";
import type { LimitNames } from "../../../../router/core/limiter/limit-pool.ts";
import { type NamedLimit, RateLimiter, type Refused } from "../../../../router/core/limiter/rate-limiter.ts";
import type { Taken } from "../../../../router/core/limiter/taken.ts";
import { admitted, limit, names } from "./limiter-fixture.ts";

function limiterOf(limits: readonly NamedLimit[], most?: number): RateLimiter {
  const limiter = new RateLimiter(most);
  limiter.apply(limits, 0);
  return limiter;
}

function taken(limiter: RateLimiter, limits: readonly NamedLimit[], some: Partial<LimitNames> = {}, now = 0): Taken {
  const result = limiter.take(limits, names(some), now);
  assert.ok(result.ok, "there is room");
  return result.value;
}

function refused(
  limiter: RateLimiter,
  limits: readonly { readonly id: string }[],
  some: Partial<LimitNames> = {},
  now = 0,
): Refused {
  const result = limiter.take(limits, names(some), now);
  assert.ok(!result.ok, "there is no room");
  return result.problem;
}

test("kars trap: one throttled caller does not drain everyone", () => {
  const all = limit("all", "all", "500/1000+1000");
  const tool = limit("tool", "tool", "50/1000+100");
  const limiter = limiterOf([all, tool]);
  assert.equal(admitted(limiter, [all, tool], { tool: "loud" }, 0, 100_000), 100);
  for (let other = 0; other < 9; other += 1) {
    assert.equal(admitted(limiter, [all, tool], { tool: `quiet-${other}` }, 0, 100), 100);
  }
  assert.deepEqual(refused(limiter, [all, tool], { tool: "quiet-10" }), { limit: "all", cause: "rate", retryAfter: 2 });
});

test("INV-GOV-LIMIT-ALL: kars trap: whichever limit is full, and wherever it stands, the others lose nothing", () => {
  const full = limit("full", "all", "1/60000+1");
  const place = limit("place", "all", undefined, 1);
  const roomy = limit("roomy", "all", "1/60000+2", 2);
  for (const limits of [
    [roomy, full],
    [full, roomy],
    [roomy, place],
    [place, roomy],
  ]) {
    const limiter = limiterOf([full, place, roomy]);
    taken(limiter, [full, place]);
    for (let time = 0; time < 50; time += 1) refused(limiter, limits);
    assert.equal(admitted(limiter, [roomy], {}, 0, 50), 2);
  }
});

test("kars trap: an error of the limiter allows nothing", () => {
  const known = limit("known", "all", "1/1000+5");
  const limiter = limiterOf([known]);
  assert.deepEqual(refused(limiter, [known, { id: "nobody applied it" }]), {
    limit: "nobody applied it",
    cause: "unknown",
    retryAfter: 1_000,
  });
  assert.deepEqual(refused(limiter, [{ id: "__proto__" }]).cause, "unknown");
  assert.equal(admitted(limiter, [known], {}, 0, 50), 5, "and what is known lost nothing");
  assert.equal(refused(new RateLimiter(), [known]).cause, "unknown", "before any policy");
  const broken = { ...known, rate: { count: Number.NaN, window: 1, burst: 1 } };
  limiter.apply([broken], 0);
  assert.equal(refused(limiter, [broken]).cause, "rate");
  const placeless = limit("placeless", "all", undefined, Number.NaN);
  limiter.apply([placeless], 0);
  assert.equal(refused(limiter, [placeless]).cause, "concurrent");
});

test("INV-GOV-LIMIT-REFILL: kars trap: a reload refills nothing", () => {
  const limits = [limit("kept", "tool", "10/60000+10"), limit("changed", "all", "10/60000+10", 3)] as const;
  const [kept, changed] = limits;
  const limiter = limiterOf(limits);
  admitted(limiter, [kept], { tool: "a" }, 0, 10);
  admitted(limiter, [changed], {}, 0, 10);
  for (const rate of ["10/60000+10", "1000/1000+1000", "20/60000+1", "10/60000+10"]) {
    limiter.apply([kept, limit("changed", "all", rate, 9)], 0);
    refused(limiter, [kept], { tool: "a" });
  }
  assert.equal(admitted(limiter, [kept], { tool: "b" }, 0, 50), 10, "what nobody used is whole");
});

const reloads: readonly (readonly [name: string, before: string, uses: number, after: string, left: number])[] = [
  ["the same", "10/60000+10", 4, "10/60000+10", 6],
  ["a smaller burst clamps", "10/60000+10", 4, "10/60000+3", 3],
  ["a smaller burst than what was used", "10/60000+10", 9, "10/60000+3", 1],
  ["a larger burst gives nothing", "10/60000+10", 4, "10/60000+100", 6],
  ["another window keeps whole calls", "10/60000+10", 4, "7/1000+10", 6],
  ["another rate and back", "3/7+5", 2, "5/11+5", 3],
];

for (const [name, before, uses, after, left] of reloads) {
  test(`a reload: ${name}: ${left} left`, () => {
    const [one, other] = [limit("l", "tool", before), limit("l", "tool", after)];
    const limiter = limiterOf([one]);
    admitted(limiter, [one], { tool: "t" }, 0, uses);
    limiter.apply([other], 0);
    assert.equal(admitted(limiter, [other], { tool: "t" }, 0, 1_000), left);
  });
}

test("a reload counts the time before it by the old rate", () => {
  const slow = limit("l", "all", "1/60000+5");
  const limiter = limiterOf([slow]);
  admitted(limiter, [slow], {}, 0, 5);
  limiter.apply([limit("l", "all", "1000/1000+5")], 60_000);
  assert.equal(admitted(limiter, [slow], {}, 60_000, 50), 1);
  assert.equal(admitted(limiter, [slow], {}, 60_003, 50), 3);
});

test("a limit that is gone keeps what it holds, and has it again when it comes back", () => {
  const place = limit("place", "destination", undefined, 2);
  const limiter = limiterOf([place]);
  const one = taken(limiter, [place], { destination: "d" });
  const other = taken(limiter, [place], { destination: "d" });
  limiter.apply([], 0);
  assert.equal(refused(limiter, [place], { destination: "d" }).cause, "unknown");
  other.release();
  limiter.apply([place], 0);
  assert.equal(admitted(limiter, [place], { destination: "d" }, 0, 9), 1);
  one.release();
  one.release();
  assert.equal(admitted(limiter, [place], { destination: "d" }, 0, 9), 1);
});

test("where buckets are by something else after a reload, all that was counted is counted together", () => {
  const before = limit("l", "tool", "2/60000+2", 3);
  const after = limit("l", "destination", "2/60000+2", 3);
  const limiter = limiterOf([before]);
  const held = ["a", "b", "c"].map((tool) => taken(limiter, [before], { tool }));
  limiter.apply([after], 0);
  assert.equal(refused(limiter, [after], { destination: "x" }).cause, "concurrent");
  held[0]?.release();
  assert.equal(admitted(limiter, [after], { destination: "x" }, 0, 9), 1, "each had one left, and none has more");
  limiter.apply([before], 0);
  for (const one of held) one.release();
  const rest = limiter.take([before], names({ tool: "a" }), 120_000);
  assert.ok(rest.ok, "what was poured together twice came back");
  rest.value.release();
  assert.equal(admitted(limiter, [before], { tool: "b" }, 240_000, 9), 2, "one place is still that of the call to x");
});

test("where buckets are by something else after a reload, no name has more than the emptiest had", () => {
  const limiter = limiterOf([limit("l", "tool", "2/60000+9")]);
  admitted(limiter, [limit("l", "tool", undefined)], { tool: "a" }, 0, 7);
  const after = limit("l", "destination", "2/60000+9");
  limiter.apply([after], 0);
  for (const destination of ["x", "y"]) assert.equal(admitted(limiter, [after], { destination }, 0, 99), 2);
});

test("a limit that is gone and holds nothing is forgotten: when it comes back it is a new one", () => {
  const one = limit("one", "all", "1/60000+2");
  const limiter = limiterOf([one]);
  admitted(limiter, [one], {}, 0, 2);
  limiter.apply([], 0);
  limiter.apply([one], 0);
  assert.equal(admitted(limiter, [one], {}, 0, 9), 2);
});

test("a reload with two limits of one id is a bug", () => {
  assert.throws(() => limiterOf([limit("l", "all", "1/1+1"), limit("l", "tool", "1/1+1")]), /two limits with the id l/);
});

test("a place is given back once, however often it is released", () => {
  const place = limit("place", "all", undefined, 2);
  const limiter = limiterOf([place]);
  const one = taken(limiter, [place]);
  taken(limiter, [place]);
  assert.deepEqual(refused(limiter, [place]), { limit: "place", cause: "concurrent", retryAfter: 1_000 });
  for (let time = 0; time < 5; time += 1) one.release();
  assert.equal(admitted(limiter, [place], {}, 0, 9), 1);
});

test("retry-after is the longest of all limits, to the millisecond", () => {
  const fast = limit("fast", "all", "10/1000+1");
  const slow = limit("slow", "tool", "7/60000+1");
  const limiter = limiterOf([fast, slow]);
  taken(limiter, [fast, slow], { tool: "t" }, 17);
  const { limit: id, retryAfter } = refused(limiter, [fast, slow], { tool: "t" }, 20);
  assert.deepEqual([id, retryAfter], ["slow", 8_569]);
  assert.equal(refused(limiter, [fast, slow], { tool: "t" }, 20 + retryAfter - 1).retryAfter, 1);
  taken(limiter, [fast, slow], { tool: "t" }, 20 + retryAfter);
});

test("retry-after of a full cap on calls at the same time is at least a second, and longer where a rate says so", () => {
  const both = limit("both", "all", "1/60000+1", 1);
  const limiter = limiterOf([both]);
  taken(limiter, [both]);
  assert.deepEqual(refused(limiter, [both]), { limit: "both", cause: "concurrent", retryAfter: 60_000 });
  assert.deepEqual(refused(limiter, [both], {}, 59_900), { limit: "both", cause: "concurrent", retryAfter: 1_000 });
});

test("a limit that is named twice counts once", () => {
  const one = limit("one", "all", "1/1000+1", 1);
  const limiter = limiterOf([one]);
  const held = taken(limiter, [one, one, one]);
  held.release();
  taken(limiter, [one, one], {}, 1_000);
});

test("no limits: nothing is held, and nothing refused", () => taken(limiterOf([]), []).release());

const keys: readonly (readonly [per: NamedLimit["per"], some: Partial<LimitNames>, other: Partial<LimitNames>])[] = [
  ["action", { action: "exec" }, { action: "spawn" }],
  ["tool", { tool: "s/a" }, { tool: "s/b" }],
  ["model", { model: "m" }, { model: "n" }],
  ["destination", { destination: "a:443" }, { destination: "a:80" }],
  ["peer", { peer: "p" }, { peer: undefined }],
];

for (const [per, some, other] of keys) {
  test(`trap 1.1: per ${per}: each has a bucket of its own`, () => {
    const one = limit("one", per, "1/1000+3");
    const limiter = limiterOf([one]);
    assert.equal(admitted(limiter, [one], some, 0, 9), 3);
    assert.equal(admitted(limiter, [one], other, 0, 9), 3);
    assert.equal(admitted(limiter, [one], some, 0, 9), 0);
  });
}

const clocks: readonly (readonly [name: string, now: number])[] = [
  ["back", -1],
  ["far back", -1e15],
  ["no number", Number.NaN],
  ["endless", Number.POSITIVE_INFINITY],
  ["endless back", Number.NEGATIVE_INFINITY],
  ["beyond what is exact", 1e300],
];

for (const [name, now] of clocks) {
  test(`a clock that says: ${name}: refills nothing, and does not stop the refill`, () => {
    const one = limit("one", "all", "1/1000+3");
    const limiter = limiterOf([one]);
    assert.equal(admitted(limiter, [one], {}, 5_000, 9), 3);
    assert.equal(admitted(limiter, [one], {}, now, 9), 0);
    limiter.apply([one], now);
    assert.equal(admitted(limiter, [one], {}, 5_999, 9), 0);
    assert.equal(admitted(limiter, [one], {}, 6_000, 9), 1);
  });
}

test("a fraction of a millisecond refills evenly, without drift", () => {
  const one = limit("one", "all", "3/7+2");
  const limiter = limiterOf([one]);
  let count = 0;
  for (let step = 0; step <= 70_000; step += 1) count += admitted(limiter, [one], {}, step / 10, 2);
  assert.equal(count, 2 + 3_000, "two at first, then three in seven milliseconds");
});

test("INV-GOV-LIMIT-NAMES: research 6.5, kars trap: with a million invented names neither memory nor time grows", () => {
  const limits = [limit("tool", "tool", "5/60000+5", 4), limit("destination", "destination", "5/60000+5")] as const;
  const limiter = limiterOf(limits);
  const busy = { tool: "busy", destination: "busy:443" };
  assert.equal(admitted(limiter, limits, busy, 0, 2), 2);
  let fresh = 0;
  for (let name = 0; name < 1_000_000; name += 1) {
    // Both of the first ten thousand, then one: a million of each take a second too many.
    const some = name < 10_000 ? limits : [limits[0]];
    if (limiter.take(some, names({ tool: `t${name}`, destination: `d${name}:443` }), 1).ok) fresh += 1;
  }
  assert.ok(limiter.size <= 4_096, `${limiter.size} buckets`);
  // 2,047 of each have a bucket; the others share the three places and five calls of one, which one of them began.
  assert.ok(fresh <= 2_047 + 5, `${fresh} calls`);
  assert.equal(admitted(limiter, limits, busy, 2, 9), 2, "who was known before has what was left");
});

test("what was forgotten was full, and a new name takes its place", () => {
  const one = limit("one", "tool", "1/1000+2");
  const limiter = limiterOf([one], 2);
  assert.equal(admitted(limiter, [one], { tool: "a" }, 0, 1), 1);
  assert.equal(admitted(limiter, [one], { tool: "b" }, 0, 2), 2);
  assert.equal(admitted(limiter, [one], { tool: "c" }, 0, 9) + admitted(limiter, [one], { tool: "d" }, 0, 9), 2);
  assert.equal(admitted(limiter, [one], { tool: "d" }, 1_000, 9), 1, "a is full; d begins with what all shared");
  assert.equal(limiter.size, 2);
  assert.equal(admitted(limiter, [one], { tool: "b" }, 1_000, 9), 1, "b was busy and kept its own");
});

test("names that share a bucket have no place of their own while one of them is held in it", () => {
  const place = limit("place", "tool", undefined, 2);
  const limiter = limiterOf([place], 1);
  const first = taken(limiter, [place], { tool: "a" });
  const shared = taken(limiter, [place], { tool: "b" });
  taken(limiter, [place], { tool: "c" });
  first.release();
  refused(limiter, [place], { tool: "b" });
  shared.release();
  assert.equal(admitted(limiter, [place], { tool: "b" }, 0, 9), 1);
});

test("a name that is too long shares a bucket, and the empty and the missing name have one", () => {
  const one = limit("one", "tool", "1/1000+2");
  const limiter = limiterOf([one]);
  assert.equal(admitted(limiter, [one], { tool: "x".repeat(257) }, 0, 1), 1);
  assert.equal(admitted(limiter, [one], { tool: "y".repeat(100_000) }, 0, 9), 1);
  assert.equal(admitted(limiter, [one], { tool: "x".repeat(256) }, 2_000, 9), 2);
  assert.equal(admitted(limiter, [one], { tool: undefined }, 2_000, 1), 1);
  assert.equal(admitted(limiter, [one], { tool: "" }, 2_000, 9), 1);
  assert.equal(limiter.size, 2);
});

test("names that objects have anyway are names like others", () => {
  const one = limit("constructor", "tool", "1/1000+1");
  const limiter = limiterOf([one]);
  for (const tool of ["__proto__", "constructor", "toString", "\0", "\ud800"]) {
    assert.equal(admitted(limiter, [one], { tool }, 0, 2), 1, tool);
  }
});

test("a refused call makes no bucket", () => {
  const full = limit("full", "all", "1/1000+1");
  const named = limit("named", "tool", "1/1000+1");
  const limiter = limiterOf([full, named]);
  taken(limiter, [full]);
  for (let name = 0; name < 100; name += 1) refused(limiter, [named, full], { tool: `t${name}` });
  assert.equal(limiter.size, 0);
});
