import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { millis } from "../../../../router/core/base/quantity.ts";
import { SharedCounts } from "../../../../router/core/budget/shared-counts.ts";
import type { SharedCount } from "../../../../router/core/budget/shared-answer.ts";
import { type LeaseHold, SharedLease } from "../../../../router/core/budget/shared-lease.ts";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { budget, call } from "./budget-fixture.ts";

const tokens = { rule: budget({ id: "t", scope: "agent", limit: 10_000 }), key: "t" };
const requests = { rule: budget({ id: "r", unit: "requests", scope: "agent", limit: 100 }), key: "r" };
const cost = { rule: budget({ id: "c", unit: "cost", scope: "agent", limit: 1e9 }), key: "c" };
const count = (used: number, reserved = 0): SharedCount => ({ used, reserved, resetAt: undefined });
const nothingUsed = (): SharedCount => count(0);

test("a lease is the stated part of what was left, for all calls of the outage together", () => {
  const lease = new SharedLease(5);
  lease.begin();
  const known = (): SharedCount => count(3_000, 1_000);
  const first = lease.hold([tokens], known, call());
  assert.deepEqual(first?.amounts, [200]);
  assert.equal(
    lease.hold([tokens], known, call({ output: 1, least: 1 })),
    undefined,
    "300 are 5 % of 6,000; 100 are left",
  );
  const small = lease.hold([tokens], known, call({ input: 50, output: 500 }));
  assert.deepEqual([small?.output, small?.clampedBy], [50, "t"]);
});

test("what a call gives back can be used again, and what it used is reported once", () => {
  const lease = new SharedLease(2);
  lease.begin();
  const hold = lease.hold([tokens, requests, cost], nothingUsed, call());
  assert.deepEqual(hold?.amounts, [200, 1, 300_005]);
  assert.ok(hold);
  assert.equal(lease.hold([tokens], nothingUsed, call()), undefined);
  lease.settle(hold, 60, 1_000);
  assert.deepEqual(lease.hold([tokens], nothingUsed, call({ input: 40 }))?.amounts, [140]);
  const due = lease.report();
  assert.deepEqual(due?.amounts, [60, 1, 1_000]);
  assert.ok(due);
  lease.reported(due);
  assert.equal(lease.report(), undefined);
});

test("what was used beyond what was held comes off the lease and is reported", () => {
  const lease = new SharedLease(2);
  lease.begin();
  const hold = lease.hold([tokens], nothingUsed, call({ input: 10, output: 10 }));
  assert.ok(hold);
  lease.settle(hold, 500, 0);
  assert.deepEqual(lease.report()?.amounts, [500]);
  assert.equal(lease.hold([tokens], nothingUsed, call({ input: 1, output: 1 })), undefined);
});

test("no lease where the ledger never said anything, or its count is damaged", () => {
  const lease = new SharedLease(100);
  lease.begin();
  assert.equal(
    lease.hold([tokens], () => undefined, call()),
    undefined,
  );
  assert.equal(lease.hold([tokens], nothingUsed, call()), undefined, "nor is it asked for again in this outage");
  lease.begin();
  assert.equal(
    lease.hold([tokens], () => ({ used: undefined, reserved: 0, resetAt: undefined }), call()),
    undefined,
  );
});

test("all rules or none", () => {
  const lease = new SharedLease(50);
  lease.begin();
  const known = (rule: { readonly key: string }): SharedCount => (rule.key === "r" ? count(99) : count(0));
  assert.equal(lease.hold([tokens, requests], known, call()), undefined);
  assert.deepEqual(lease.hold([tokens], known, call({ output: 4_900 }))?.amounts, [5_000], "nothing was held before");
});

test("a call of one outage gives nothing back to the next one's lease", () => {
  const lease = new SharedLease(100);
  lease.begin();
  const hold = lease.hold([tokens], nothingUsed, call({ output: 9_900 }));
  assert.ok(hold);
  lease.begin();
  assert.equal(lease.hold([tokens], nothingUsed, call()), undefined, "all of it is held still");
  lease.release(hold);
  assert.equal(lease.hold([tokens], nothingUsed, call()), undefined);
  lease.begin();
  assert.deepEqual(lease.hold([tokens], nothingUsed, call())?.amounts, [200]);
});

test("however often the ledger goes, a pod uses no more than was left when it first did", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("hold" as const), input: fc.nat(300), output: fc.nat(500) }),
    fc.record({ do: fc.constant("settle" as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ do: fc.constant("outage" as const) }),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.nat(10_000),
      fc.array(step, { maxLength: 60 }),
      (percent, used, steps) => {
        const lease = new SharedLease(percent);
        lease.begin();
        const open: LeaseHold[] = [];
        let spent = 0;
        for (const one of steps) {
          if (one.do === "outage") lease.begin();
          else if (one.do === "hold") {
            const hold = lease.hold([tokens], () => count(used), call(one));
            if (hold !== undefined) open.push(hold);
          } else {
            const hold = open.shift();
            if (hold === undefined) continue;
            const actual = Math.floor((hold.amounts[0] ?? 0) * one.part);
            lease.settle(hold, actual, 0);
            spent += actual;
          }
          const held = open.reduce((sum, { amounts }) => sum + (amounts[0] ?? 0), 0);
          assert.ok(spent + held <= 10_000 - used);
          assert.equal(lease.report()?.amounts[0] ?? 0, spent);
        }
      },
    ),
  );
});

test("views show what the ledger last said and when, and the pod's own counts where it said nothing", () => {
  const counts = new SharedCounts();
  const view = (id: string, scope: "agent" | "pod") => {
    const { unit, window, limit } = budget();
    return {
      id,
      unit,
      window,
      scope,
      model: undefined,
      limit,
      used: 1,
      reserved: 2,
      remaining: 997,
      resetAt: epochMillis(7),
    };
  };
  const answer = {
    now: epochMillis(5_000),
    counts: [
      { used: 600, reserved: 500, resetAt: epochMillis(9) },
      { used: undefined, reserved: 0, resetAt: undefined },
    ],
  };
  counts.note(
    [
      { rule: budget(), key: "a" },
      { rule: budget(), key: "damaged" },
    ],
    answer,
    millis(100),
  );
  const views = [view("a", "agent"), view("damaged", "agent"), view("b", "agent"), view("a", "pod")];
  assert.deepEqual(
    counts
      .view(views, ({ id }) => id, millis(350))
      .map(({ used, reserved, remaining, resetAt, age }) => [used, reserved, remaining, resetAt, age]),
    [
      [600, 500, 0, 9, 250],
      [1000, 0, 0, 7, 250],
      [1, 2, 997, 7, undefined],
      [1, 2, 997, 7, undefined],
    ],
  );
  assert.equal(counts.serverTime(millis(350)), 5_250);
  counts.retain([{ rule: budget(), key: "damaged" }]);
  assert.equal(counts.of("a"), undefined);
});
