import { type EpochMillis, type Millis, millis } from "../base/quantity.ts";
import { fieldValues } from "../wire/fields.ts";
import type { Field } from "../wire/message-head.ts";
import { httpDate, rfc3339 } from "./instant.ts";

/** Longer values are not looked at. */
const LONGEST = 64;
/** A number of seconds from here on is a moment (2001-09-09), not a length of time. */
const FIRST_MOMENT = 1_000_000_000;

const NUMBER = /^([0-9]{1,13})(?:\.([0-9]{1,9}))?$/;
/** `6m0s`, `12ms`, `1h2m3.5s`: at least one part, each at most once, in this order. */
const DURATION =
  /^(?=[0-9])(?:([0-9]{1,6})h)?(?:([0-9]{1,8})m(?!s))?(?:([0-9]{1,10}(?:\.[0-9]{1,9})?)s)?(?:([0-9]{1,13}(?:\.[0-9]{1,9})?)ms)?$/;

const OPENAI = "x-ratelimit-reset";
const ANTHROPIC = /^anthropic-ratelimit-([a-z-]{1,40})-reset$/;

/**
 * How long the provider asks to be left alone, by the head of an answer that refuses (429, 503 ...): by the first of
 * these that says more than nothing: `retry-after-ms`, `x-ms-retry-after-ms`, `retry-after` (seconds or an HTTP date),
 * and the resets of rate limits (`x-ratelimit-reset*`: a duration, seconds, or a moment; `anthropic-ratelimit-*-reset`:
 * RFC 3339). Of several resets those count whose `remaining` is 0, and the last of them; without such, the first that
 * comes. Undefined: no hint. Zero, the past, -1, and all that is not of these forms is no hint. Unbounded: the caller's
 * to cap.
 */
export function retryHint(fields: readonly Field[], now: EpochMillis): Millis | undefined {
  const head = { fields };
  const milliseconds = only(head, "retry-after-ms", number) ?? only(head, "x-ms-retry-after-ms", number);
  if (milliseconds !== undefined) return millis(Math.ceil(milliseconds));
  const after = only(head, "retry-after", (text) => seconds(text) ?? until(httpDate(text), now));
  if (after !== undefined) return millis(Math.ceil(after));
  return reset(fields, now);
}

function reset(fields: readonly Field[], now: EpochMillis): Millis | undefined {
  let shortest: number | undefined;
  let exhausted: number | undefined;
  for (const { name, value } of fields) {
    const anthropic = ANTHROPIC.exec(name);
    const remaining =
      anthropic === null
        ? name.startsWith(OPENAI)
          ? `x-ratelimit-remaining${name.slice(OPENAI.length)}`
          : undefined
        : `anthropic-ratelimit-${anthropic[1] ?? ""}-remaining`;
    if (remaining === undefined || value.length > LONGEST) continue;
    const wait = positive(anthropic === null ? duration(value, now) : until(rfc3339(value), now));
    if (wait === undefined) continue;
    shortest = Math.min(shortest ?? wait, wait);
    if (fieldValues({ fields }, remaining).some((left) => left === "0")) exhausted = Math.max(exhausted ?? 0, wait);
  }
  const chosen = exhausted ?? shortest;
  return chosen === undefined ? undefined : millis(Math.ceil(chosen));
}

/** Of a field that is there once; two of them contradict each other, or could. */
function only(
  head: { readonly fields: readonly Field[] },
  name: string,
  read: (text: string) => number | undefined,
): number | undefined {
  const [value, ...more] = fieldValues(head, name);
  if (value === undefined || more.length > 0 || value.length > LONGEST) return undefined;
  return positive(read(value));
}

function duration(text: string, now: EpochMillis): number | undefined {
  const plain = number(text);
  if (plain !== undefined) return plain < FIRST_MOMENT ? plain * 1000 : plain * 1000 - now;
  const match = DURATION.exec(text);
  if (match === null) return until(rfc3339(text), now);
  const part = (index: number): number => Number(match[index] ?? 0);
  return ((part(1) * 60 + part(2)) * 60 + part(3)) * 1000 + part(4);
}

function seconds(text: string): number | undefined {
  const value = number(text);
  return value === undefined ? undefined : value * 1000;
}

function number(text: string): number | undefined {
  return NUMBER.test(text) ? Number(text) : undefined;
}

function until(instant: EpochMillis | undefined, now: EpochMillis): number | undefined {
  return instant === undefined ? undefined : instant - now;
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}
