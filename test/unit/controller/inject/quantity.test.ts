import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalQuantity } from "../../../../controller/inject/quantity.ts";

// What resource.Quantity of k8s.io/apimachinery v0.36.4 writes of these, after the rounding that resource lists get.
const rows: readonly (readonly [given: string, canonical: string])[] = [
  ["1024Mi", "1Gi"],
  ["2048Ki", "2Mi"],
  ["1000Ki", "1000Ki"],
  ["1Ki", "1Ki"],
  ["0.5Gi", "512Mi"],
  ["1.5Gi", "1536Mi"],
  ["1.23456789Gi", "1325607178061m"],
  ["0.3Ki", "307200m"],
  ["0.0001Ki", "103m"],
  ["0Mi", "0"],
  ["1Ei", "1Ei"],
  ["1000m", "1"],
  ["1500m", "1500m"],
  ["250m", "250m"],
  ["0.1", "100m"],
  ["0.25", "250m"],
  ["1.5", "1500m"],
  ["1000", "1k"],
  ["1023", "1023"],
  ["1024", "1024"],
  ["64000", "64k"],
  ["1000k", "1M"],
  ["1024k", "1024k"],
  ["129M", "129M"],
  ["100u", "1m"],
  ["1n", "1m"],
  ["0", "0"],
  ["999999999999999999", "999999999999999999"],
  // Left as they are: no setting of ours can be one of them.
  ["1e3", "1e3"],
  ["+1", "+1"],
  ["-1", "-1"],
  ["5.", "5."],
  ["", ""],
  ["Mi", "Mi"],
  ["1Xi", "1Xi"],
  ["9".repeat(40), "9".repeat(40)],
];

for (const [given, canonical] of rows) {
  test(`the quantity ${JSON.stringify(given)} is stored as ${canonical}`, () => {
    assert.equal(canonicalQuantity(given), canonical);
    assert.equal(canonicalQuantity(canonical), canonical);
  });
}
