import { type Millis, millis } from "../base/quantity.ts";
import { nameOf, type Shape } from "./shape.ts";
import { plainNode } from "./text-shape.ts";

/**
 * Node's timers hold 31 bits of milliseconds and fire at once when given more: a duration that becomes a
 * timer must not exceed this.
 */
const LONGEST_DAYS = 24;
const DAY = 86_400_000;

/** Days, hours, minutes, seconds and milliseconds, each at most once and in this order. */
const FORM = /^(?=.)(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?(?:([0-9]{1,9})ms)?$/;
const FACTORS = [DAY, 3_600_000, 60_000, 1000, 1];

/** `1h`, `5m`, `90s`, `250ms`, `7d`, `1h30m`: always with a unit. Above zero unless `zero` says otherwise, at most 24d. */
export function duration({ zero = false }: { readonly zero?: boolean } = {}): Shape<Millis> {
  return {
    schema: { type: "string", pattern: FORM.source },
    read(node, report) {
      if (node.kind === "broken") return undefined;
      const match = node.kind === "scalar" ? FORM.exec(node.text) : null;
      if (match === null) {
        report.add(
          node,
          "bad_duration",
          `A duration such as 90s, 5m or 1h30m is needed here, and this is ${nameOf(node)}.`,
        );
        return undefined;
      }
      const value = FACTORS.reduce((sum, factor, index) => sum + factor * Number(match[index + 1] ?? 0), 0);
      if (value > 0 || zero) {
        if (value <= LONGEST_DAYS * DAY) return millis(value);
        report.add(node, "out_of_range", `A duration is at most ${LONGEST_DAYS}d.`);
      } else {
        report.add(node, "out_of_range", "This duration must be more than nothing.");
      }
      return undefined;
    },
    setting: plainNode,
  };
}
