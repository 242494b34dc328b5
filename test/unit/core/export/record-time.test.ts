import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { epochMillisOf } from "../../../../router/core/export/record-time.ts";

const rows: readonly [time: string, millis: number][] = [
  ["1970-01-01T00:00:00.000Z", 0],
  ["1970-01-01T00:00:00.001Z", 1],
  ["1969-12-31T23:59:59.999Z", -1],
  ["2000-02-29T12:00:00.000Z", 951_825_600_000],
  ["2100-03-01T00:00:00.000Z", 4_107_542_400_000],
  ["0000-01-01T00:00:00.000Z", -62_167_219_200_000],
  ["9999-12-31T23:59:59.999Z", 253_402_300_799_999],
  // The day after 28 February.
  ["2026-02-29T00:00:00.000Z", 1_772_323_200_000],
];

for (const [time, millis] of rows) {
  test(`epochMillisOf ${time}`, () => assert.equal(epochMillisOf(time), millis));
}

test("epochMillisOf agrees with the platform, and has a number for what is no date", () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }), (millis) => {
      assert.equal(epochMillisOf(new Date(millis).toISOString()), millis);
    }),
  );
  assert.equal(Number.isSafeInteger(epochMillisOf("9999-99-99T99:99:99.999Z")), true);
  assert.equal(Number.isSafeInteger(epochMillisOf("0000-00-00T00:00:00.000Z")), true);
});
