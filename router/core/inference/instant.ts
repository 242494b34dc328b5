import { type EpochMillis, epochMillis } from "../base/quantity.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const RFC3339 =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))$/;
/** RFC 9110 section 5.6.7, `IMF-fixdate`; the day's name is not looked at. */
const HTTP_DATE = /^[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT$/;

/** The moment that an RFC 3339 text names, from 1970 on; undefined: it is none. */
export function rfc3339(text: string): EpochMillis | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const [hours, minutes] = [part(9), part(10)];
  if (hours > 23 || minutes > 59) return undefined;
  const offset = (match[8] === "-" ? -1 : 1) * (hours * 60 + minutes) * 60_000;
  const whole = moment(part(1), part(2), part(3), part(4), part(5), part(6));
  if (whole === undefined) return undefined;
  const value = whole - offset + Number((match[7] ?? "").padEnd(3, "0").slice(0, 3));
  return value >= 0 ? epochMillis(value) : undefined;
}

/** The moment that an HTTP date names, from 1970 on; undefined: it is none, or of one of the two obsolete forms. */
export function httpDate(text: string): EpochMillis | undefined {
  const match = HTTP_DATE.exec(text);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index]);
  const month = MONTHS.indexOf(match[2] ?? "") + 1;
  const value = moment(part(3), month, part(1), part(4), part(5), part(6));
  return value !== undefined && value >= 0 ? epochMillis(value) : undefined;
}

function moment(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number | undefined {
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  // A leap second counts as the one after it.
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  return (((daysSinceEpoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Proleptic Gregorian calendar; years are counted from March, so that the leap day comes last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + dayOfYear - 719_468;
}
