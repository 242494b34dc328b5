import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { type CalendarKind, calendarWindow, timeText } from "../../../../router/core/budget/calendar-window.ts";

const cases: readonly (readonly [kind: CalendarKind, at: string, start: string, end: string])[] = [
  ["minute", "2026-11-20T10:00:59.999Z", "2026-11-20T10:00:00Z", "2026-11-20T10:01:00Z"],
  ["hour", "2026-11-20T10:59:59.999Z", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"],
  ["day", "2026-11-20T23:59:59.999Z", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"],
  ["day", "2026-11-21T00:00:00.000Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"],
  // The night in which clocks change in Berlin: UTC knows nothing of it.
  ["day", "2026-10-25T02:30:00.000Z", "2026-10-25T00:00:00Z", "2026-10-26T00:00:00Z"],
  // After a leap second (2016-12-31T23:59:60Z) Unix time goes on with the next day.
  ["day", "2017-01-01T00:00:00.000Z", "2017-01-01T00:00:00Z", "2017-01-02T00:00:00Z"],
  ["month", "2026-11-30T23:59:59.999Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"],
  ["month", "2026-12-31T23:59:59.999Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"],
  ["month", "2028-02-29T12:00:00.000Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"],
  ["month", "2100-02-28T12:00:00.000Z", "2100-02-01T00:00:00Z", "2100-03-01T00:00:00Z"],
  ["month", "2000-02-29T12:00:00.000Z", "2000-02-01T00:00:00Z", "2000-03-01T00:00:00Z"],
  ["month", "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00Z", "1970-02-01T00:00:00Z"],
  ["month", "1969-12-31T23:59:59.999Z", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z"],
];

for (const [kind, at, start, end] of cases) {
  test(`the ${kind} of ${at}`, () => {
    assert.deepEqual(calendarWindow(kind, epochMillis(Date.parse(at))), {
      start: Date.parse(start),
      end: Date.parse(end),
    });
  });
}

test("months and times of any year are those that Date knows", () => {
  const day = 86_400_000;
  fc.assert(
    fc.property(fc.integer({ min: -60_000 * day, max: 3_000_000 * day }), (at) => {
      const date = new Date(at);
      const month = calendarWindow("month", epochMillis(at));
      assert.equal(month.start, Date.UTC(date.getUTCFullYear(), date.getUTCMonth()));
      assert.equal(month.end, Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1));
      if (date.getUTCFullYear() < 10_000)
        assert.equal(timeText(epochMillis(at)), `${date.toISOString().slice(0, -5)}Z`);
    }),
    { numRuns: 2_000 },
  );
});
