import { type EpochMillis, epochMillis } from "../base/quantity.ts";

const DAY = 86_400_000;

/** `YYYYMMDDTHHMMSSZ` of an instant between the years 1970 and 9999, as `x-amz-date` has it. */
export function basicTime(instant: EpochMillis): string {
  const days = Math.floor(instant / DAY);
  const seconds = Math.floor((instant - days * DAY) / 1_000);
  const { day, month, year } = civilOf(days);
  const time = digits(Math.floor(seconds / 3_600)) + digits(Math.floor(seconds / 60) % 60) + digits(seconds % 60);
  return `${String(year).padStart(4, "0")}${digits(month)}${digits(day)}T${time}Z`;
}

/** An instant of RFC 3339 in UTC ("Z"), fractions cut to milliseconds; undefined for anything else. */
export function parseUtcTime(text: string): EpochMillis | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z$/.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  // The sixtieth second is a leap second's.
  if (year < 1970 || hour > 23 || minute > 59 || second > 60) return undefined;
  const days = daysOf(year, month, day);
  const back = civilOf(days);
  if (back.year !== year || back.month !== month || back.day !== day) return undefined;
  const fraction = Number((match[7] ?? "").padEnd(3, "0").slice(0, 3));
  return epochMillis(days * DAY + ((hour * 60 + minute) * 60 + second) * 1_000 + fraction);
}

/** Days since 1970-01-01 in the Gregorian calendar. Years are counted from March, so that a leap day ends one. */
function daysOf(year: number, month: number, day: number): number {
  const from = month > 2 ? year : year - 1;
  const era = Math.floor(from / 400);
  const yearOfEra = from - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** The inverse. */
function civilOf(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const leaps = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return { year, month, day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1 };
}

function digits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
