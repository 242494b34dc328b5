import { assertNever } from "../base/assert-never.ts";
import type { DetectorRule, Response } from "../behavior/detector.ts";
import { boolean } from "../document/boolean-shape.ts";
import { choice } from "../document/choice-shape.ts";
import { entryOf } from "../document/document-node.ts";
import { duration } from "../document/duration-shape.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { size } from "../document/size-shape.ts";
import { ruleId } from "../policy/rule-parts.ts";
import { actionSet } from "./actions-shape.ts";
import { variant } from "./variant-shape.ts";
import { workingHours } from "./working-hours-shape.ts";

const lasting = defaulted(duration(), "15m", "For how long.");

const response: Shape<Response> = refined(
  variant("kind", {
    alert: object({ kind: required(choice("alert"), "A metric, a record, an event, as every response.") }),
    throttle: object({
      kind: required(choice("throttle"), "Fewer actions."),
      perMinute: required(integer({ minimum: 1, maximum: 1_000_000 }), "At most so many actions a minute."),
      for: lasting,
    }),
    require_approval: object({
      kind: required(choice("require_approval"), "What would be allowed needs an approval."),
      for: lasting,
    }),
    quarantine: object({ kind: required(choice("quarantine"), "Everything is denied until an operator lifts it.") }),
  }),
  (given): Response => {
    switch (given.kind) {
      case "throttle":
        return { kind: given.kind, perMinute: given.perMinute, millis: given.for };
      case "require_approval":
        return { kind: given.kind, millis: given.for };
      case "alert":
      case "quarantine":
        return { kind: given.kind };
      default:
        return assertNever(given);
    }
  },
);

const count = integer({ minimum: 1, maximum: 100_000 });

const common = {
  id: required(ruleId, "Unique among rules, limits and detectors; in alerts, audit and metrics."),
  actions: optional(actionSet, "Which kinds of action it watches; without it, every kind."),
  response: defaulted(response, { kind: "alert" }, "What follows; each also alerts."),
  quiet: defaulted(duration(), "5m", "An alert that stands is not raised again for so long."),
};

/** What was forgotten within the window would be new in it once more. */
const remembersLonger: Condition<{ window: number; memory: number }> = {
  check({ window, memory }, map, report) {
    if (window === undefined || memory === undefined || memory >= window) return;
    report.add(entryOf(map, "memory")?.value ?? map, "memory_too_short", '"memory" is at least as long as "window".');
  },
};

// The counts of burst, failures and denials are those of kars and AGT (research, section 1.2).
const written = variant("detector", {
  burst: object({
    ...common,
    detector: required(choice("burst"), "More than so many actions within the window."),
    count: defaulted(count, 100, "Actions."),
    window: defaulted(duration(), "60s", "The sliding window."),
  }),
  failures: object({
    ...common,
    detector: required(choice("failures"), "So many failures in a row within the window."),
    count: defaulted(count, 20, "Failures."),
    window: defaulted(duration(), "10m", "The sliding window."),
  }),
  denials: object({
    ...common,
    detector: required(choice("denials"), "So many denials in a row within the window."),
    count: defaulted(count, 10, "Denials."),
    window: defaulted(duration(), "10m", "The sliding window."),
  }),
  new_destinations: object(
    {
      ...common,
      detector: required(choice("new_destinations"), "More than so many new destinations within the window."),
      count: defaulted(count, 20, "Destinations."),
      window: defaulted(duration(), "1h", "The sliding window."),
      memory: defaulted(duration(), "7d", "How long a destination is remembered after it was last seen."),
    },
    remembersLonger,
  ),
  off_hours: object({
    ...common,
    detector: required(choice("off_hours"), "An action outside of the working hours."),
    hours: required(workingHours, "The working hours."),
  }),
  volume: object({
    ...common,
    detector: required(choice("volume"), "More than so many octets sent within the window."),
    bytes: required(size, "Octets that leave the pod."),
    window: defaulted(duration(), "1h", "The sliding window."),
    perDestination: defaulted(boolean, false, "Whether each destination is counted for itself."),
  }),
});

export const detector: Shape<DetectorRule> = refined(written, (given): DetectorRule => {
  const { id, actions, response: follows, quiet } = given;
  const shared = { id, actions, response: follows, quiet };
  switch (given.detector) {
    case "burst":
    case "failures":
    case "denials":
      return { ...shared, watch: { kind: given.detector, count: given.count, window: given.window } };
    case "new_destinations": {
      const { count: many, window, memory } = given;
      return { ...shared, watch: { kind: given.detector, count: many, window, memory } };
    }
    case "off_hours":
      return { ...shared, watch: { kind: given.detector, hours: given.hours } };
    case "volume": {
      const { bytes, window, perDestination } = given;
      return { ...shared, watch: { kind: given.detector, bytes, window, perDestination } };
    }
    default:
      return assertNever(given);
  }
});
