import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { Numbered } from "../../../../router/core/base/numbered.ts";
import { Roster } from "../../../../router/core/base/roster.ts";

const steps = fc.array(fc.record({ adds: fc.boolean(), which: fc.nat(40) }), { maxLength: 200 });

test("a roster holds what a Set would", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const items = Array.from({ length: 41 }, (_, name) => ({ name, seat: 0 }));
      const roster = new Roster<(typeof items)[number]>();
      const set = new Set<(typeof items)[number]>();
      for (const { adds, which } of list) {
        const item = items[which];
        if (item === undefined || (adds && set.has(item))) continue;
        if (adds) {
          roster.add(item);
          set.add(item);
        } else {
          roster.remove(item);
          set.delete(item);
        }
        assert.equal(roster.size, set.size);
        assert.deepEqual(new Set(roster.all()), set);
        assert.equal(roster.has(item), adds);
      }
    }),
  );
});

test("those that leave while they are gone through are gone through once", () => {
  const roster = new Roster<{ readonly name: string; seat: number }>();
  for (const name of ["a", "b", "c", "d"]) roster.add({ name, seat: 0 });
  const seen: string[] = [];
  for (const item of roster.all()) {
    seen.push(item.name);
    for (const other of roster.all()) roster.remove(other);
  }
  assert.deepEqual(seen, ["a", "b", "c", "d"]);
  assert.deepEqual([roster.size, roster.all()], [0, []]);
});

test("what is numbered is what a Map would hold", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const numbered = new Numbered<{ readonly id: number }>();
      const map = new Map<number, { readonly id: number }>();
      for (const { adds, which } of list) {
        // Two of a bucket at least.
        const id = (which % 4) * 256 + Math.floor(which / 4);
        if (adds && map.has(id)) continue;
        if (adds) {
          const item = { id };
          numbered.add(item);
          map.set(id, item);
        } else {
          assert.equal(numbered.take(id), map.get(id));
          map.delete(id);
        }
        assert.equal(numbered.size, map.size);
      }
      assert.deepEqual(
        numbered.all().map(({ id }) => id),
        [...map.keys()].toSorted((one, other) => one - other),
      );
    }),
  );
  const numbered = new Numbered<{ readonly id: number }>();
  assert.equal(numbered.take(-1), undefined);
  assert.equal(numbered.take(0.5), undefined);
  assert.throws(() => numbered.add({ id: -1 }), /number/);
});

/** The same load on both: how many octets of each thing that passes through end in the old generation. */
function promoted(kind: "roster" | "set"): number {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--max-semi-space-size=16", join(import.meta.dirname, "../../../fakes/passing-through.ts"), kind],
    { encoding: "utf8" },
  );
  assert.match(stdout, /^[0-9]+$/m, stderr);
  return Number(stdout);
}

test("what passes through a roster dies young, which in a Set it does not", () => {
  assert.ok(promoted("roster") < 1_000, "of a roster");
  assert.ok(promoted("set") > 5_000, "a Set would do as well, and this class is not needed");
});
