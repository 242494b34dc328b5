import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkingHours } from "../../../../router/core/behavior/detector.ts";
import { withinHours } from "../../../../router/core/behavior/working-hours.ts";

const hours = (days: readonly number[], from: string, to: string, offset = 0): WorkingHours => {
  const minutes = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return { days: new Set(days), from: minutes(from), to: minutes(to), offset };
};
const OFFICE = hours([1, 2, 3, 4, 5], "09:00", "17:00");
const NIGHT = hours([5], "22:00", "06:00");
const WHOLE = hours([5], "00:00", "00:00");
const FROM_NINE = hours([5], "09:00", "09:00");

const cases: readonly (readonly [name: string, WorkingHours, at: string, within: boolean])[] = [
  ["before it begins", OFFICE, "2026-11-20T08:59:59.999Z", false],
  ["as it begins", OFFICE, "2026-11-20T09:00:00Z", true],
  ["its last millisecond", OFFICE, "2026-11-20T16:59:59.999Z", true],
  ["as it ends", OFFICE, "2026-11-20T17:00:00Z", false],
  ["another day", OFFICE, "2026-11-21T12:00:00Z", false],
  ["over midnight, the evening", NIGHT, "2026-11-20T22:00:00Z", true],
  ["over midnight, the morning after", NIGHT, "2026-11-21T05:59:00Z", true],
  ["over midnight, its end", NIGHT, "2026-11-21T06:00:00Z", false],
  ["over midnight, the morning of its day", NIGHT, "2026-11-20T05:00:00Z", false],
  ["over midnight, the evening after", NIGHT, "2026-11-21T23:00:00Z", false],
  ["a whole day, its first instant", WHOLE, "2026-11-20T00:00:00Z", true],
  ["a whole day, its last", WHOLE, "2026-11-20T23:59:59.999Z", true],
  ["a whole day, the next", WHOLE, "2026-11-21T00:00:00Z", false],
  ["24 hours from nine", FROM_NINE, "2026-11-21T08:59:59Z", true],
  ["24 hours from nine, before", FROM_NINE, "2026-11-20T08:59:59Z", false],
  ["east of UTC it is the next day already", hours([6], "00:00", "02:00", 120), "2026-11-20T23:00:00Z", true],
  ["west of UTC it is the day before still", hours([5], "20:00", "23:00", -300), "2026-11-21T02:00:00Z", true],
  ["a Sunday", hours([0], "00:00", "00:00"), "2026-11-22T12:00:00Z", true],
  ["over the end of the week", hours([6], "23:00", "01:00"), "2026-11-22T00:30:00Z", true],
  ["before 1970, a Wednesday", hours([3], "00:00", "00:00"), "1969-12-31T23:59:59Z", true],
];

for (const [name, of, at, within] of cases) {
  test(`${name}: ${at} is ${within ? "within" : "outside"}`, () =>
    assert.equal(withinHours(of, Date.parse(at)), within));
}

test("what is no time is outside of all hours", () => {
  for (const at of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.equal(withinHours(hours([0, 1, 2, 3, 4, 5, 6], "00:00", "00:00"), at), false);
  }
});
