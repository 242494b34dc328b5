import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeFeed } from "../../../../router/core/blocklist/feed-problem.ts";

const rows: readonly (readonly [
  entries: number,
  ignored: number,
  bad: number,
  standing: number | undefined,
  problem: string | undefined,
])[] = [
  [1, 0, 0, undefined, undefined],
  [1000, 0, 0, 1000, undefined],
  [0, 0, 0, undefined, "no_entries"],
  [0, 0, 0, 10, "no_entries"],
  // Nothing but `localhost`.
  [0, 5, 0, undefined, "no_entries"],
  [9, 0, 1, undefined, undefined],
  [8, 1, 1, undefined, undefined],
  [8, 0, 1, undefined, "not_a_feed"],
  [0, 0, 40, undefined, "not_a_feed"],
  [500, 0, 0, 1000, undefined],
  [499, 0, 0, 1000, "shrunk"],
  [499, 0, 0, undefined, undefined],
  [1, 0, 0, 2, undefined],
  [1, 0, 0, 3, "shrunk"],
];

for (const [entries, ignored, bad, standing, problem] of rows) {
  test(`judgeFeed: ${entries} entries, ${ignored} ignored, ${bad} bad where ${standing} stand`, () => {
    const judged = judgeFeed({ entries, ignored, bad }, standing);
    assert.equal(judged.ok ? undefined : judged.problem.code, problem);
  });
}
