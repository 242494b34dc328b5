import type { Millis } from "../base/quantity.ts";
import { duration } from "../document/duration-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";

const HOUR = 3_600_000;

/** A duration of at most so many hours. */
export function durationUpTo(hours: number): Shape<Millis> {
  return refined(duration(), (value, node, report) => {
    if (value <= hours * HOUR) return value;
    report.add(node, "out_of_range", `This duration is at most ${hours}h.`);
    return undefined;
  });
}
