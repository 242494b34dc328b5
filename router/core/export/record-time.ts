/** Years from March on, so that the leap day is the last: days before each month are then one formula. */
const DAYS_IN_400_YEARS = 146_097;
const DAYS_FROM_0000_03_01_TO_1970 = 719_468;

/**
 * The milliseconds since 1970 of a record's `time` (RFC 3339, UTC, milliseconds), by the proleptic Gregorian calendar;
 * negative before 1970. A day that no month has, which the form lets through, counts on into the next month: every
 * record has a number.
 */
export function epochMillisOf(time: string): number {
  const at = (begin: number, end: number): number => Number(time.slice(begin, end));
  const days = daysSince1970(at(0, 4), at(5, 7), at(8, 10));
  const seconds = at(11, 13) * 3_600 + at(14, 16) * 60 + at(17, 19);
  return (days * 86_400 + seconds) * 1_000 + at(20, 23);
}

function daysSince1970(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const marchMonth = month > 2 ? month - 3 : month + 9;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * marchMonth + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * DAYS_IN_400_YEARS + dayOfEra - DAYS_FROM_0000_03_01_TO_1970;
}
