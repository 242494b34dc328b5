import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { GrantNews } from "../../../../router/app/governance/grant-book.ts";
import { type Asked, RequestBook } from "../../../../router/app/governance/request-book.ts";
import { actionOf, approval, CALL, MINUTE, NOON } from "./approvals-fixture.ts";

const caps = { pending: 3, perMinute: 10, ttl: 15 * MINUTE };

function world() {
  let steady = 1_000;
  let ids = 0;
  const ended: string[] = [];
  const book = new RequestBook({
    now: () => epochMillis(NOON),
    steady: () => millis(steady),
    newId: () => `id-${(ids += 1)}`,
    ended: ({ state, digest }) => ended.push(`${state} ${digest}`),
  });
  return {
    book,
    ended,
    pass: (milliseconds: number) => void (steady += milliseconds),
    ask: (digest: string, given = caps, state: "pending" | "denied" = "pending", octets = 100) =>
      book.ask(asked(digest, octets), state, given),
    tell: (kind: GrantNews["kind"], digest: string) => book.told({ kind, digest, id: "a@0", approval: approval() }),
  };
}

function asked(digest: string, octets = 100): Asked {
  return {
    digest,
    action: actionOf(CALL),
    redact: [],
    summary: "tool github/create_issue",
    reason: "Because.",
    octets,
  };
}

function idOf(result: ReturnType<RequestBook["ask"]>): string {
  assert.ok(result.ok);
  return result.value.request.id;
}

test("the same action is one request, however often it is asked for", () => {
  const { book, ask } = world();
  const id = idOf(ask("d"));
  for (let more = 0; more < 50; more += 1) assert.equal(idOf(ask("d")), id);
  assert.deepEqual([book.pending, book.get(id)?.count, book.list().length], [1, 51, 1]);
});

test("INV-GOV-REQUEST-CAPS: a flood of invented actions is held at the caps, and told when to come back", () => {
  const { book, ask, pass } = world();
  for (const digest of ["a", "b", "c"]) assert.ok(ask(digest).ok);
  pass(10);
  assert.deepEqual(ask("d"), { ok: false, problem: { full: "pending", retryAfter: 15 * MINUTE - 10 } });
  assert.ok(ask("a").ok, "what waits already takes no room");
  for (let flood = 0; flood < 10_000; flood += 1) assert.ok(!ask(`invented-${flood}`).ok);
  assert.equal(book.list().length, 3);
});

test("INV-GOV-REQUEST-CAPS: so many a minute, withdrawn or not", () => {
  const { book, ask, pass } = world();
  for (let index = 0; index < 10; index += 1) book.withdraw(idOf(ask(`d${index}`)));
  pass(20_000);
  assert.deepEqual(ask("one more"), { ok: false, problem: { full: "minute", retryAfter: 40_000 } });
  pass(40_000);
  assert.ok(ask("one more").ok);
});

test("of what is answered, so many are remembered, and what waits is never forgotten", () => {
  const { book, ask, pass } = world();
  const first = idOf(ask("waits", { ...caps, ttl: 1_000 * MINUTE }));
  for (let index = 0; index < 200; index += 1) {
    pass(MINUTE);
    book.withdraw(idOf(ask(`d${index}`)));
  }
  assert.equal(book.get(first)?.state, "pending");
  assert.equal(book.list().length, 65);
});

const courses: readonly (readonly [name: string, ...steps: readonly (readonly [GrantNews["kind"], string])[]])[] = [
  ["granted, used up", ["granted", "approved"], ["used", "approved"], ["used_up", "used"], ["revoked", "used"]],
  ["granted, over", ["granted", "approved"], ["expired", "expired"]],
  ["granted, revoked", ["granted", "approved"], ["revoked", "revoked"], ["granted", "revoked"]],
  ["denied", ["denied", "denied"], ["granted", "denied"]],
  ["revoked before it was answered", ["revoked", "revoked"]],
  [
    "an older approval of the same action ends",
    ["expired", "pending"],
    ["used_up", "pending"],
    ["granted", "approved"],
  ],
];
for (const [name, ...steps] of courses) {
  test(`a request: ${name}`, () => {
    const { book, ask, tell } = world();
    const id = idOf(ask("d"));
    const other = idOf(ask("other"));
    for (const [kind, state] of steps) {
      tell(kind, "d");
      assert.equal(book.get(id)?.state, state);
    }
    assert.equal(book.get(other)?.state, "pending");
  });
}

test("what nobody answers is over after its time, by a clock that nobody sets", () => {
  const { book, ask, pass, ended, tell } = world();
  const id = idOf(ask("d"));
  pass(15 * MINUTE - 1);
  assert.equal(book.get(id)?.state, "pending");
  pass(1);
  assert.equal(book.get(id)?.state, "expired");
  assert.deepEqual([ended, book.pending], [["expired d"], 0]);
  tell("granted", "d");
  assert.equal(book.get(id)?.state, "expired", "who asked has left");
  assert.notEqual(idOf(ask("d")), id);
});

test("what an operator said no to is answered at once, and takes no place", () => {
  const { book, ask } = world();
  const id = idOf(ask("d", caps, "denied"));
  assert.deepEqual([book.get(id)?.state, book.pending], ["denied", 0]);
  assert.deepEqual([book.withdraw(id)?.state, book.withdraw("unknown")], ["denied", undefined]);
});

test("who waits is told once, and sixteen wait at most", () => {
  const { book, ask, tell } = world();
  const id = idOf(ask("d"));
  let told = 0;
  const ends = Array.from({ length: 16 }, () => book.wait(id, () => (told += 1)));
  assert.ok(ends.every((end) => end !== undefined));
  assert.equal(
    book.wait(id, () => undefined),
    undefined,
  );
  ends[0]?.();
  ends[0]?.();
  assert.notEqual(
    book.wait(id, () => (told += 1)),
    undefined,
    "one place, and not two, is free again",
  );
  assert.equal(
    book.wait(id, () => undefined),
    undefined,
  );
  tell("granted", "d");
  assert.equal(told, 16);
  tell("used_up", "d");
  assert.equal(told, 16);
  let late = 0;
  assert.notEqual(
    book.wait(id, () => (late += 1)),
    undefined,
  );
  assert.equal(late, 1, "what is answered is not waited for");
});

test("INV-GOV-REQUEST-CAPS: what waits is bounded in octets together, and what is answered keeps no action", () => {
  const { book, ask, tell } = world();
  const [roomy, large] = [{ ...caps, pending: 100, perMinute: 1_000 }, 400_000];
  const first = idOf(ask("a", roomy, "pending", large));
  const second = idOf(ask("b", roomy, "pending", large));
  const full = { ok: false, problem: { full: "octets", retryAfter: 15 * MINUTE } };
  assert.deepEqual(ask("c", roomy, "pending", large), full);
  assert.ok(ask("small", roomy).ok);
  assert.equal(book.open()[0]?.action.kind, "tool");
  book.withdraw(first);
  const kept = ["at", "count", "digest", "expiresAt", "id", "reason", "state", "summary"];
  assert.deepEqual(Object.keys(book.get(first) ?? {}).toSorted(), kept);
  assert.ok(ask("c", roomy, "pending", large).ok, "a withdrawal gives its room back");
  assert.ok(!ask("d", roomy, "pending", large).ok);
  tell("granted", "b");
  assert.deepEqual(Object.keys(book.get(second) ?? {}).toSorted(), kept);
  assert.ok(ask("d", roomy, "pending", large).ok, "so does an answer");
  assert.deepEqual(
    book.open().map(({ digest }) => digest),
    ["small", "c", "d"],
  );
});
