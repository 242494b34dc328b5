import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { millis } from "../../../../router/core/base/quantity.ts";
import { SlidingWindow } from "../../../../router/core/budget/sliding-window.ts";

test("an amount counts for the whole length, and for less than a 30th of it and two milliseconds longer", () => {
  const steps = fc.array(fc.tuple(fc.nat(5_000), fc.nat(100)), { maxLength: 80 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20_000 }), fc.nat(1e12), steps, (length, begin, additions) => {
      const window = new SlidingWindow(millis(length));
      const added: { readonly at: number; readonly amount: number }[] = [];
      let now = begin;
      for (const [pause, amount] of additions) {
        now += pause;
        window.add(amount, millis(now));
        added.push({ at: now, amount });
        const within = (age: number): number =>
          added.reduce((sum, { at, amount: one }) => (at > now - age ? sum + one : sum), 0);
        const total = window.total(millis(now));
        assert.ok(total >= within(length), "forgotten early");
        assert.ok(total <= within(length + length / 30 + 2), "remembered for too long");
        const copy = new SlidingWindow(millis(length));
        copy.restore(window.state(millis(now)), millis(now));
        assert.equal(copy.total(millis(now)), total, "the state is all of it");
        const free = window.forgets(total, millis(now));
        assert.equal(copy.total(free), 0, "all is free when it says so");
        if (total > 0) {
          const early = new SlidingWindow(millis(length));
          early.restore(window.state(millis(now)), millis(now));
          assert.ok(early.total(millis(free - 1)) > 0, "and not before");
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("taken back is what is still there, from where it was added", () => {
  const window = new SlidingWindow(millis(60_000));
  window.add(10, millis(1_500));
  window.add(5, millis(2_500));
  window.takeBack(100, millis(1_900), millis(3_000));
  assert.equal(window.total(millis(3_000)), 5, "no more than was added there");
  window.takeBack(5, millis(99_000), millis(3_000));
  assert.equal(window.total(millis(3_000)), 5, "nothing of the future");
  window.takeBack(5, millis(2_500), millis(63_000));
  assert.equal(window.total(millis(63_000)), 0, "what is forgotten is gone");
  window.add(7, millis(64_000));
  window.takeBack(5, millis(3_000), millis(64_000));
  assert.equal(window.total(millis(64_000)), 7, "what has its slot now is another's");
  new SlidingWindow(millis(1)).takeBack(1, millis(0), millis(5));
});
