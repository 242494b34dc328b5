import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { KnownObjects } from "../../../../router/edge/kubernetes/known-objects.ts";
import { compareResourceVersions } from "../../../../router/edge/kubernetes/resource-version.ts";
import { backoffDelay, statedDelay } from "../../../../router/edge/kubernetes/retry-delay.ts";

const versions: readonly [one: string, other: string, order: -1 | 0 | 1 | undefined][] = [
  ["1", "2", -1],
  ["10", "9", 1],
  ["18446744073709551616", "18446744073709551615", 1],
  ["7", "7", 0],
  ["abc", "abc", 0],
  ["abc", "1", undefined],
  ["01", "2", undefined],
  ["-1", "2", undefined],
  ["", "2", undefined],
  ["1".repeat(40), "2", undefined],
];
for (const [one, other, order] of versions) {
  test(`version ${one || "(none)"} and ${other}: ${order ?? "nobody can say"}`, () => {
    assert.equal(compareResourceVersions(one, other), order);
  });
}

const waits: readonly [given: string | undefined, wait: number | undefined][] = [
  ["0", 0],
  ["7", 7_000],
  ["999999999", 300_000],
  ["Thu, 01 Jan 1970 00:00:11 GMT", 10_000],
  ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
  ["-1", 0],
  ["soon", undefined],
  ["", undefined],
  ["9".repeat(100), undefined],
  [undefined, undefined],
];
for (const [given, wait] of waits) {
  test(`Retry-After ${given?.slice(0, 30) ?? "(none)"}: ${wait ?? "nothing"}`, () => {
    const found = statedDelay(given, epochMillis(1_000));
    // Some of what is no number is a date to `Date.parse`; it is bounded all the same.
    if (given === "-1") assert.ok(found === undefined || (found >= 0 && found <= 300_000));
    else assert.equal(found, wait);
  });
}

test("waits double up to the longest, and lie between half of that and all of it", () => {
  const bounds = { first: millis(100), longest: millis(1_000) };
  assert.deepEqual(
    [1, 2, 3, 4, 5, 1_000].map((failures) => backoffDelay(failures, bounds, 1)),
    [100, 200, 400, 800, 1_000, 1_000],
  );
  assert.equal(backoffDelay(3, bounds, 0), 200);
});

test("INV-KUBE-STALE: of a hundred thousand objects that are gone a bounded number is remembered, and none comes back", () => {
  const known = new KnownObjects(10);
  known.reset([], "1");
  const object = (name: string, version: number) => ({ metadata: { name, resourceVersion: String(version) } });
  for (let at = 2; at < 100_000; at += 2) {
    assert.equal(known.take("ADDED", object(`n${at}`, at)), "ADDED");
    assert.equal(known.take("DELETED", object(`n${at}`, at + 1)), "DELETED");
  }
  assert.equal(known.size, 0);
  assert.equal(known.take("MODIFIED", object("n2", 2)), "old");
  assert.equal(known.take("MODIFIED", object("n99998", 99_998)), "old");
  assert.equal(known.take("ADDED", object("n2", 200_000)), "ADDED", "one that is made anew under its name counts");
});

test("where versions are no numbers, what comes later is newer, and the same again is not", () => {
  const known = new KnownObjects(10);
  known.reset([["a", "x"]], "q");
  const object = (version: string) => ({ metadata: { name: "a", resourceVersion: version } });
  assert.equal(known.take("MODIFIED", object("x")), "old");
  assert.equal(known.take("MODIFIED", object("w")), "MODIFIED");
  assert.equal(known.take("DELETED", object("w")), "DELETED");
  assert.equal(known.take("ADDED", object("w")), "old");
});
