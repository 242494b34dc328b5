import type { EpochMillis } from "../../core/base/quantity.ts";
import { YEAR_10000 } from "./writable-clock.ts";

/** Times as RFC 3339 UTC with milliseconds; the same text for the same millisecond, since a busy log asks often. */
export function createTimeText(): (time: EpochMillis) => string {
  let last = 0;
  let text = new Date(last).toISOString();
  return (time) => {
    // What is no time that RFC 3339 can write gets the one before: a record must not fail for it.
    if (time !== last && time >= 0 && time < YEAR_10000) {
      last = time;
      text = new Date(time).toISOString();
    }
    return text;
  };
}
