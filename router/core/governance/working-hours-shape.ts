import type { WorkingHours } from "../behavior/detector.ts";
import { listUpTo } from "../document/bounded-list.ts";
import { choice } from "../document/choice-shape.ts";
import { atLeastOneOf, needs } from "../document/conditions.ts";
import { defaulted, optional } from "../document/field.ts";
import { object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";

/** As `Date` numbers them, from 0. */
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

/** Minutes of the day. */
const timeOfDay: Shape<number> = refined(
  text({
    code: "bad_time",
    pattern: /^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/,
    hint: 'a time of day is written as "08:00" is, up to "23:59"; midnight is "00:00".',
  }),
  (given) => minutesOf(given),
);

/** Minutes east of UTC. A fixed one: a policy means the same to whoever reads it, and no table of time zones changes it. */
const utcOffset: Shape<number> = refined(
  text({
    code: "bad_offset",
    pattern: /^(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|\+14:00)$/,
    hint: 'an offset from UTC is written as "+01:00" or "Z" is.',
  }),
  (given) => {
    if (given === "Z") return 0;
    const minutes = minutesOf(given.slice(1));
    return given.startsWith("-") && minutes > 0 ? -minutes : minutes;
  },
);

function minutesOf(given: string): number {
  return Number(given.slice(0, 2)) * 60 + Number(given.slice(3));
}

const fields = object(
  {
    days: defaulted(
      listUpTo(7, choice(...DAYS), { unique: true }),
      [...DAYS],
      "The days on which the span begins; without it, every day.",
    ),
    from: optional(timeOfDay, "When it begins; without it, at midnight."),
    to: optional(timeOfDay, "When it is over; before from: on the next day; the same: a whole day."),
    offset: defaulted(utcOffset, "Z", "The offset from UTC of these times; a fixed one, without summer time."),
  },
  atLeastOneOf(["days", "from"], "empty_time", 'Say "days" or "from" and "to": without them it is every time.'),
  needs("from", "to", "half_a_span", '"from" needs "to".'),
  needs("to", "from", "half_a_span", '"to" needs "from".'),
);

export const workingHours: Shape<WorkingHours> = refined(fields, ({ days, from = 0, to = 0, offset }) => ({
  days: new Set(days.map((day) => DAYS.indexOf(day))),
  from,
  to,
  offset,
}));
