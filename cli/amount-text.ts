import type { AuditValue } from "../router/core/audit/audit-event.ts";

const UNITS = ["", "K", "M", "G", "T", "P"];

/** Octets in at most five characters, by powers of 1024 as `ls -h` has them; undefined for what is no count. */
export function quantityText(value: AuditValue | undefined): string | undefined {
  if (!isCount(value)) return undefined;
  let amount = value;
  let unit = 0;
  while (amount >= 1_000 && unit < UNITS.length - 1) {
    amount /= 1_024;
    unit += 1;
  }
  return `${unit > 0 && amount < 9.95 ? amount.toFixed(1) : Math.round(amount)}${UNITS[unit]}`;
}

/** Milliseconds in at most six characters, up to 99 days; undefined for what is no count. */
export function spanText(value: AuditValue | undefined): string | undefined {
  if (!isCount(value)) return undefined;
  if (value < 1_000) return `${value}ms`;
  if (value < 59_950) return `${(value / 1_000).toFixed(1)}s`;
  const seconds = Math.round(value / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${pad(seconds % 60)}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)}h${pad(minutes % 60)}m`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)}d${pad(hours % 24)}h`;
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}

function isCount(value: AuditValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
