import { type EpochMillis, epochMillis } from "../base/quantity.ts";

/** The windows of the UTC calendar. */
export type CalendarKind = "minute" | "hour" | "day" | "month";

export interface CalendarWindow {
  readonly start: EpochMillis;
  /** The first instant of the next one. */
  readonly end: EpochMillis;
}

const DAY = 86_400_000;
const LENGTH = { minute: 60_000, hour: 3_600_000, day: DAY } as const;

/**
 * The calendar window that holds an instant. Every minute, hour and day has the same length in Unix time: a leap second
 * repeats one, and UTC knows no summer time.
 */
export function calendarWindow(kind: CalendarKind, at: EpochMillis): CalendarWindow {
  if (kind !== "month") {
    const length = LENGTH[kind];
    const start = Math.floor(at / length) * length;
    return { start: epochMillis(start), end: epochMillis(start + length) };
  }
  const { year, month } = civilDate(Math.floor(at / DAY));
  return {
    start: epochMillis(dayNumber(year, month) * DAY),
    end: epochMillis((month === 12 ? dayNumber(year + 1, 1) : dayNumber(year, month + 1)) * DAY),
  };
}

/** RFC 3339 UTC to the second, for sentences. Years have at least four digits. */
export function timeText(at: EpochMillis): string {
  const days = Math.floor(at / DAY);
  const { year, month, day } = civilDate(days);
  const second = Math.floor((at - days * DAY) / 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const clock = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60].map(two).join(":");
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}T${clock}Z`;
}

/*
 * The proleptic Gregorian calendar, counted in years that begin on 1 March: the leap day is then the last of its year,
 * and 400 years are always 146,097 days. 719,468 days lie between 0000-03-01 and 1970-01-01.
 */
const ERA = 146_097;
const EPOCH = 719_468;

function civilDate(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + EPOCH;
  const era = Math.floor(shifted / ERA);
  const dayOfEra = shifted - era * ERA;
  // Less the leap days that came before: one in 1,460 days, but not in 36,524, and again one in 146,096.
  const leaps = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  // Months from March on: 31, 30, 31, 30, 31 days, again and again; 153 days in five.
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  };
}

/** Days from 1970-01-01 to the first of a month. */
function dayNumber(year: number, month: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5);
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * ERA + dayOfEra - EPOCH;
}
