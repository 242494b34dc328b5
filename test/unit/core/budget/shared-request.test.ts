import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { readEnded, readLook, readReserve } from "../../../../router/core/budget/shared-answer.ts";
import { aliveKey, isShared, sharedKey } from "../../../../router/core/budget/shared-key.ts";
import { sharedRefusal } from "../../../../router/core/budget/shared-refusal.ts";
import {
  chargeRequest,
  lookRequest,
  releaseRequest,
  reserveRequest,
  settleRequest,
} from "../../../../router/core/budget/shared-request.ts";
import { budget, call } from "./budget-fixture.ts";

const pod = { namespace: "research", agent: "agent-1" };

test("a key names namespace, agent, rule, unit and window, and not the limit", () => {
  const rule = budget({ scope: "agent", id: "daily", unit: "cost" });
  assert.equal(sharedKey(pod, rule), "sluice:{research}:1:agent:agent-1:daily:cost:day");
  assert.equal(sharedKey(pod, { ...rule, scope: "namespace" }), "sluice:{research}:1:namespace:daily:cost:day");
  assert.equal(
    sharedKey(pod, { ...rule, window: { kind: "rolling", millis: 60_000 } }),
    "sluice:{research}:1:agent:agent-1:daily:cost:rolling~003a60000",
  );
  assert.equal(aliveKey(pod), "sluice:{research}:1:alive");
});

test("whatever a name holds, keys of one namespace have one hash tag, and different names have different keys", () => {
  const name = fc.string({
    unit: fc.constantFrom("a", "{", "}", ":", "~", "0", "\r\n", "\u{1f511}", "\ud800", " ", "A"),
  });
  const tagOf = (key: string): string | undefined => /\{(.*?)\}/.exec(key)?.[1];
  fc.assert(
    fc.property(name, name, name, name, name, name, (namespace, other, agent, agents, id, ids) => {
      const one = sharedKey({ namespace, agent }, budget({ scope: "agent", id }));
      const two = sharedKey({ namespace: other, agent: agents }, budget({ scope: "agent", id: ids }));
      assert.equal(one === two, namespace === other && agent === agents && id === ids);
      assert.match(one, /^[A-Za-z0-9_.~:{}-]+$/);
      const tag = tagOf(one);
      assert.ok(tag !== undefined && tag !== "");
      assert.equal(tag, tagOf(aliveKey({ namespace, agent: agents })));
      assert.notEqual(one, sharedKey({ namespace, agent }, budget({ scope: "namespace", id })));
    }),
  );
});

test("agent and namespace are shared; a budget of one call never is", () => {
  const scopes = (["pod", "model", "agent", "namespace"] as const).filter((scope) => isShared(budget({ scope })));
  assert.deepEqual(scopes, ["agent", "namespace"]);
  assert.equal(isShared(budget({ scope: "agent", window: { kind: "request" } })), false);
});

test("a call without a price fits into no budget in dollars", () => {
  const rule = budget({ scope: "agent", unit: "cost", limit: 9e15 });
  const hold = { id: "x", rules: [{ rule, key: "k" }], life: millis(5) };
  const { keys, args } = reserveRequest(hold, call({ price: undefined }), epochMillis(9));
  assert.deepEqual(keys, ["k"]);
  const most = String(Number.MAX_SAFE_INTEGER);
  assert.deepEqual(args, [
    "x",
    "9",
    "5",
    "100",
    "100",
    "1",
    "1",
    most,
    "0",
    "cost",
    "9000000000000000",
    "fixed",
    "86400000",
  ]);
});

test("what scripts are given, for each window", () => {
  const windows = [
    { kind: "minute" },
    { kind: "hour" },
    { kind: "month" },
    { kind: "rolling", millis: 90_000 },
  ] as const;
  const rules = windows.map((window) => ({ rule: budget({ scope: "agent", window }), key: window.kind }));
  const hold = { id: "x", rules, life: millis(5) };
  const timed = [
    ["fixed", "60000"],
    ["fixed", "3600000"],
    ["month", "0"],
    ["rolling", "90000"],
  ];
  const units = timed.flatMap((of) => ["tokens", ...of]);
  const rows = [
    [settleRequest(hold, 7, 9), "settle", ["x", "5", "7", "9", ...units]],
    [releaseRequest(hold), "release", ["x", "5", ...units]],
    [chargeRequest(hold, [1, 2, 3, 4]), "charge", ["x", "5", ...timed.flatMap((of, at) => [...of, String(at + 1)])]],
    [lookRequest("x", "alive", rules), "look", ["x", ...timed.flat()]],
  ] as const;
  for (const [request, name, args] of rows) {
    assert.equal(request.script.name, name);
    assert.deepEqual(request.args, args);
    assert.deepEqual(request.keys, [...(name === "look" ? ["alive"] : []), "minute", "hour", "month", "rolling"]);
  }
  const once = { rule: budget({ scope: "agent", window: { kind: "request" } }), key: "k" };
  assert.throws(() => releaseRequest({ ...hold, rules: [once] }), /shared by nobody/);
});

const admitted = ["ok", "x", 1000, 50, 1, 150, 7, 10, 150, 2000, 0, 150, 3000];
const counts = [
  { used: 10, reserved: 150, resetAt: 2000 },
  { used: 0, reserved: 150, resetAt: 3000 },
];

test("answers to a reservation over two rules and 100 tokens", () => {
  assert.deepEqual(readReserve(admitted, "x", 2, 100), {
    kind: "admitted",
    now: 1000,
    output: 50,
    clamp: 0,
    tokens: 150,
    cost: 7,
    counts,
  });
  const refused = readReserve(["no", "x", 1000, 10, 150, 0, -1, -1, 0], "x", 2, 100);
  assert.deepEqual(refused?.kind === "refused" && refused.counts, [
    { used: 10, reserved: 150, resetAt: undefined },
    { used: undefined, reserved: 0, resetAt: undefined },
  ]);
  assert.deepEqual(readReserve(["late", "x", 1000], "x", 2, 100), { kind: "late", now: 1000 });
  assert.deepEqual(readReserve(["damaged", "x", 1000, 2], "x", 2, 100), { kind: "damaged", now: 1000, rule: 1 });
  assert.deepEqual(readEnded(["ok", "x", 1000, 1, ...admitted.slice(7)], "x", 2), { now: 1000, counts });
  assert.deepEqual(readLook(["ok", "x", 1000, ...admitted.slice(7)], "x", 2), { now: 1000, counts });
});

const changed = (at: number, value: unknown): readonly unknown[] => admitted.with(at, value as string);
const none: readonly (readonly [name: string, answer: unknown])[] = [
  ["nothing", undefined],
  ["a text", "OK"],
  ["an empty list", []],
  ["another word", changed(0, "yes")],
  ["a number as the word", changed(0, 1)],
  ["the answer to another reservation", changed(1, "y")],
  ["no time", changed(2, "1000")],
  ["a time before 1970", changed(2, -1)],
  ["more output than was asked for", changed(3, 101)],
  ["less than no output", changed(3, -1)],
  ["less output, by nobody", changed(4, 0)],
  ["less output, by a rule that was not asked", changed(4, 3)],
  ["all output, by somebody", changed(3, 100)],
  ["tokens beyond 2^53", changed(5, 2 ** 53)],
  ["a cost that is none", changed(6, undefined)],
  ["a negative count", changed(7, -1)],
  ["a count that is damaged, and yet admits", admitted.slice(0, 10).concat([-1, -1, 0])],
  ["a row too few", admitted.slice(0, 10)],
  ["a number too many", [...admitted, 0]],
  ["a list in a row", changed(8, [])],
  ["a late answer with more in it", ["late", "x", 1000, 1]],
  ["damage of no rule", ["damaged", "x", 1000, 0]],
  ["damage of a rule that was not asked", ["damaged", "x", 1000, 3]],
];
for (const [name, answer] of none) {
  test(`no answer to a reservation: ${name}`, () => {
    assert.equal(readReserve(answer, "x", 2, 100), undefined);
    assert.equal(readEnded(answer, "x", 2), undefined);
    assert.equal(readLook(answer, "x", 2), undefined);
  });
}

test("of the rules that refuse, the one that does so for the longest is named, with the pod's own limit", () => {
  const rules = [
    { rule: budget({ id: "fits", limit: 10_000 }), key: "1" },
    { rule: budget({ id: "soon", limit: 200, window: { kind: "minute" } }), key: "2" },
    { rule: budget({ id: "later", limit: 300 }), key: "3" },
  ];
  const rows = [2, 3, 4].map((reset) => ({ used: 250, reserved: 0, resetAt: epochMillis(Date.UTC(2026, 0, reset)) }));
  const refusal = sharedRefusal(rules, rows, call());
  assert.equal(
    refusal?.sentence,
    'The budget "later" is 300 tokens a UTC day: 50 tokens left, and this call needs at least 101 tokens. Try again after 2026-01-04T00:00:00Z.',
  );
  assert.equal(sharedRefusal(rules.slice(0, 1), rows.slice(0, 1), call()), undefined);
  const never = sharedRefusal(
    [{ rule: budget({ id: "tiny", limit: 100 }), key: "4" }, ...rules],
    [{ used: 0, reserved: 0, resetAt: undefined }, ...rows],
    call(),
  );
  assert.equal(never?.sentence, 'The budget "tiny" is 100 tokens a UTC day, and this call needs at least 101 tokens.');
});
