import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { GOLDEN_PODS, golden, goldenFile } from "./golden-pods.ts";

for (const [name, pod, settings] of GOLDEN_PODS) {
  test(`golden: ${name}`, () => {
    assert.equal(golden(pod, settings), readFileSync(goldenFile(`${name}.json`), "utf8"));
  });
}
