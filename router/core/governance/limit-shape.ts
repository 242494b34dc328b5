import { choice } from "../document/choice-shape.ts";
import { atLeastOneOf } from "../document/conditions.ts";
import { duration } from "../document/duration-shape.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import type { Limit } from "../limiter/limit.ts";

const count = integer({ minimum: 1, maximum: 1_000_000_000 });

const rate: Shape<NonNullable<Limit["rate"]>> = refined(
  object({
    count: required(count, "So many in the window, refilled evenly."),
    window: required(duration(), "The window, such as 1s or 1m."),
    burst: optional(
      count,
      "So many at once, after a pause; without it, count. Within any window it is never more than count and burst.",
    ),
  }),
  ({ count: many, window, burst = many }) => ({ count: many, window, burst }),
);

export const limitFields = {
  per: defaulted(
    choice("all", "action", "tool", "model", "destination", "peer"),
    "all",
    "What has a bucket of its own; all: one for everything together.",
  ),
  rate: optional(rate, "How many in which time."),
  concurrent: optional(integer({ minimum: 1, maximum: 1_000_000 }), "How many at the same time."),
};

export const SOME_LIMIT = atLeastOneOf<{ rate: unknown; concurrent: unknown }>(
  ["rate", "concurrent"],
  "empty_limit",
  'A limit needs "rate" or "concurrent": without them it limits nothing.',
);

export const limit: Shape<Limit> = object(limitFields, SOME_LIMIT);
