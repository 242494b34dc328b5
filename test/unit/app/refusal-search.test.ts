import assert from "node:assert/strict";
import { test } from "node:test";
import { RefusalSearch } from "../../../router/app/refusal-search.ts";

/** Refuses batches of these sizes; returns what is to be done each time. */
function refusals(search: RefusalSearch, ...sizes: readonly number[]): string[] {
  return sizes.map((size) => `${search.refused(size)} ${search.width}`);
}

test("a refused batch is halved down to one record, and grows again by quarters", () => {
  const search = new RefusalSearch(100);
  assert.deepEqual(refusals(search, 100, 50, 25, 13, 7, 4, 2, 1), [
    "smaller 50",
    "smaller 25",
    "smaller 13",
    "smaller 7",
    "smaller 4",
    "smaller 2",
    "smaller 1",
    "wait 1",
  ]);
  const widths = Array.from({ length: 8 }, () => `${search.accepted()} ${search.width}`);
  assert.deepEqual(
    widths,
    [2, 3, 4, 5, 7, 9, 12, 15].map((width) => `settled ${width}`),
  );
  for (let index = 0; index < 20; index += 1) search.accepted();
  assert.equal(search.width, 100);
});

test("INV-EXPORT-POISON: a record is at fault only after another was accepted, and by its own next refusal", () => {
  const search = new RefusalSearch(4);
  assert.deepEqual(refusals(search, 1, 1), ["wait 1", "wait 1"]);
  assert.equal(search.passed, 0);
  assert.deepEqual(refusals(search, 1), ["wait 1"]);
  assert.equal(search.passed, 1, "one behind it is tried");
  assert.equal(search.accepted(), "proof");
  assert.equal(search.passed, 0);
  assert.deepEqual(refusals(search, 1), ["reject 1"]);
  // The next one is tried once, and then others behind it.
  assert.deepEqual(refusals(search, 1), ["wait 1"]);
  assert.equal(search.passed, 1);
  assert.deepEqual(refusals(search, 1), ["wait 1"]);
  assert.equal(search.passed, 2);
});

test("a proof holds for the very next attempt only", () => {
  for (const between of ["failed", "accepted"] as const) {
    const search = new RefusalSearch(4);
    refusals(search, 1, 1, 1);
    search.accepted();
    search[between]();
    assert.deepEqual(refusals(search, 1), ["wait 1"], between);
  }
});

test("those that are tried are at most a batch, and then the first again", () => {
  const search = new RefusalSearch(3);
  const passed = Array.from({ length: 8 }, () => {
    search.refused(1);
    return search.passed;
  });
  assert.deepEqual(passed, [0, 0, 1, 2, 0, 1, 2, 0]);
  search.refused(1);
  search.exhausted();
  assert.equal(search.passed, 0);
});
