import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { PeerStandings } from "../../router/core/peer/peer-standings.ts";
import { withoutDefaults } from "../../router/core/peer/card-defaults.ts";

const rates = fc.record({
  initial: fc.integer({ min: 0, max: 1000 }),
  reward: fc.integer({ min: 0, max: 1000 }),
  penalty: fc.integer({ min: 0, max: 1000 }),
  perHour: fc.integer({ min: 0, max: 1000 }),
  decay: fc.integer({ min: 0, max: 1000 }),
});
const steps = fc.array(
  fc.record({
    after: fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 0, max: 9_000_000 })),
    does: fc.constantFrom("succeeded", "failed", "look", "restart"),
  }),
  { maxLength: 60 },
);

test("INV-GOV-TRUST: no hour holds more than is allowed, up or down, whatever happens and however often it restarts", () => {
  fc.assert(
    fc.property(rates, steps, (given, all) => {
      let made = new PeerStandings();
      made.apply(given, ["a"], 0);
      let now = 0;
      const seen: (readonly [at: number, score: number])[] = [];
      for (const { after, does } of all) {
        now += after;
        if (does === "restart") {
          const saved: unknown = JSON.parse(JSON.stringify(made.save(now)));
          made = new PeerStandings();
          assert.equal(made.restore(saved, now).ok, true);
          made.apply(given, ["a"], now);
        } else if (does !== "look") made.observe("a", does, now);
        const score = made.scoreOf("a", now);
        assert.ok(score !== undefined && Number.isInteger(score) && score >= 0 && score <= 1000);
        // Nothing goes beyond initial by decay alone.
        for (const [at, before] of seen) {
          if (now - at > 3_600_000) continue;
          assert.ok(Math.abs(score - before) <= given.perHour, `${before} -> ${score} within ${now - at} ms`);
        }
        seen.push([now, score]);
      }
    }),
    { numRuns: 300 },
  );
});

test("a state is read or refused, and never thrown at", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (state) => {
      assert.equal(typeof new PeerStandings().restore(state, 0).ok, "boolean");
      assert.equal(typeof new PeerStandings().restore({ v: 1, peers: [state] }, 0).ok, "boolean");
    }),
  );
});

test("leaving out defaults is done once, and touches nothing that it does not know", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (card) => {
      const once = withoutDefaults(card);
      assert.deepEqual(withoutDefaults(once), once);
      for (const [name, value] of Object.entries(card)) {
        if (/^[a-z]/i.test(name)) continue;
        assert.deepEqual(once[name], value);
      }
    }),
  );
});
