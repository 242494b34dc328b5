import assert from "node:assert/strict";
import { test } from "node:test";
import { CounterStore } from "../../../../router/core/budget/counter-store.ts";
import { at, budget, rate, TEN } from "./budget-fixture.ts";

test("counters that hold nothing are forgotten; those that hold anything, or have a call open, are not", () => {
  const store = new CounterStore();
  const now = at(TEN);
  const [empty, used, open] = ["empty", "used", "open"].map((id) => ({ rule: budget({ id }), of: rate({ id }) }));
  assert.ok(empty !== undefined && used !== undefined && open !== undefined);
  const counters = [empty, used, open].map(({ rule }) => store.budget(rule, "m", now));
  const rates = [empty, used, open].map(({ of }) => store.rate(of));
  counters[1]?.charge(1, now);
  rates[1]?.admit(1, now);
  // A call that reserved nothing may still turn out to have used something.
  counters[2]?.hold(0);
  rates[2]?.admit(0, at(TEN - 120_000));
  store.prune(now);
  const kept = [empty, used, open].map(({ rule }, index) => store.budget(rule, "m", now) === counters[index]);
  assert.deepEqual(kept, [false, true, true]);
  assert.deepEqual(
    [empty, used, open].map(({ of }, index) => store.rate(of) === rates[index]),
    [false, true, true],
  );
});

test("a counter is kept by id, unit, window and model, not by limit or by whose calls they are", () => {
  const store = new CounterStore();
  const now = at(TEN);
  const one = store.budget(budget(), "m", now);
  assert.equal(store.budget(budget({ limit: 5, scope: "namespace", cut: true }), "n", now), one);
  const others = [
    budget({ id: "other" }),
    budget({ unit: "cost" }),
    budget({ window: { kind: "hour" } }),
    budget({ window: { kind: "rolling", millis: 5 } }),
    budget({ window: { kind: "rolling", millis: 6 } }),
    budget({ scope: "model" }),
  ].map((rule) => store.budget(rule, "m", now));
  assert.equal(new Set([one, ...others, store.budget(budget({ scope: "model" }), "n", now)]).size, 8);
  assert.equal(store.budget(budget({ window: { kind: "request" } }), "m", now), undefined);
});
