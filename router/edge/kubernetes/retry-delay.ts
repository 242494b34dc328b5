import { type EpochMillis, type Millis, millis } from "../../core/base/quantity.ts";

/** No server makes us wait longer. */
const LONGEST_STATED = 300_000;

/** RFC 9110 section 10.2.3: seconds, or a date. Undefined: it says nothing that can be read. */
export function statedDelay(retryAfter: string | undefined, now: EpochMillis): Millis | undefined {
  if (retryAfter === undefined || retryAfter.length > 64) return undefined;
  const wait = /^[0-9]{1,9}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - now;
  return Number.isNaN(wait) ? undefined : millis(Math.min(Math.max(0, wait), LONGEST_STATED));
}

export interface Backoff {
  readonly first: Millis;
  readonly longest: Millis;
}

/**
 * How long to wait after so many failures in a row, 1 and more: doubling, and anywhere between half of that and all of it,
 * so that a thousand clients do not come back at once. `random`: 0 to 1.
 */
export function backoffDelay(failures: number, { first, longest }: Backoff, random: number): Millis {
  const whole = Math.min(longest, first * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return millis(whole * (0.5 + random / 2));
}

/** A stated wait is kept, and a part of it is added: all who were turned away were told the same. */
export function statedWithJitter(stated: Millis, random: number): Millis {
  return millis(stated + Math.min(10_000, 500 + stated / 4) * random);
}

/** The same, and never beyond `longest`: where it was longer, somewhere in the later half of that. */
export function boundedStated(stated: Millis, longest: Millis, random: number): Millis {
  if (stated > longest) return millis(longest * (0.5 + random / 2));
  return millis(Math.min(longest, statedWithJitter(stated, random)));
}
