import type { WorkingHours } from "./detector.ts";

const DAY = 86_400_000;
const MINUTE = 60_000;
/** 1970-01-01 was a Thursday. */
const FIRST_WEEKDAY = 4;

/**
 * Whether an instant (milliseconds since 1970, UTC) lies in the hours: from the minute `from` of one of the days up to, and
 * without, the minute `to`. A span whose `to` is not after its `from` ends on the day after: the same minute is 24 hours.
 */
export function withinHours({ days, from, to, offset }: WorkingHours, at: number): boolean {
  const local = at + offset * MINUTE;
  const day = Math.floor(local / DAY);
  const minute = Math.floor((local - day * DAY) / MINUTE);
  const begins = (number: number): boolean => days.has((((number + FIRST_WEEKDAY) % 7) + 7) % 7);
  if (from < to) return begins(day) && minute >= from && minute < to;
  return (begins(day) && minute >= from) || (begins(day - 1) && minute < to);
}
