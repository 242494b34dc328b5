import { type EpochMillis, epochMillis } from "../base/quantity.ts";
import { quoted } from "./quoted.ts";
import type { Shape } from "./shape.ts";
import { quotedNode, textOf } from "./text-shape.ts";

const FORM =
  /^([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,9}))?(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))$/;

/** RFC 3339 with upper-case T and Z, from 1970 on, no leap second. Finer than a millisecond is cut off. */
export const timestamp: Shape<EpochMillis> = {
  schema: { type: "string", pattern: FORM.source },
  read(node, report) {
    const given = textOf(node, report);
    if (given === undefined) return undefined;
    const value = parseTimestamp(given);
    if (value === undefined) {
      report.add(node, "bad_timestamp", `${quoted(given)} is no RFC 3339 time such as 2026-11-20T00:00:00Z.`);
    }
    return value;
  },
  setting: quotedNode,
};

function parseTimestamp(given: string): EpochMillis | undefined {
  const match = FORM.exec(given);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const [year, month, day] = [part(1), part(2), part(3)];
  if (day > daysIn(year, month)) return undefined;
  const minutes = part(4) * 60 + part(5) - (match[8] === "-" ? -1 : 1) * (part(9) * 60 + part(10));
  const fraction = Number((match[7] ?? "").padEnd(3, "0").slice(0, 3));
  const value = ((daysSinceEpoch(year, month, day) * 1440 + minutes) * 60 + part(6)) * 1000 + fraction;
  return value >= 0 ? epochMillis(value) : undefined;
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Proleptic Gregorian calendar; years are counted from March, so that the leap day comes last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + dayOfYear - 719_468;
}
