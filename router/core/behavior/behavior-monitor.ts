import { fail, ok, type Result } from "../base/result.ts";
import { ACTION_KINDS, type ActionKind } from "../governance/action-kind.ts";
import { behaviorForm, parseBehavior } from "./behavior-state.ts";
import type { DetectorRule, Observation, Response, Watch } from "./detector.ts";
import { countingText, Gauge, trips } from "./gauge.ts";
import { NEVER_PASS } from "./observed-event.ts";
import { Responses } from "./responses.ts";
import type { Moment, Standing } from "./standing.ts";

export interface Alarm {
  readonly detector: string;
  readonly kind: Watch["kind"];
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly action: ActionKind;
  /** Of the action that tripped it, as observed. */
  readonly target: string;
  /** What was measured, within the window: octets for `volume`, else actions. */
  readonly count: number;
  readonly response: Response;
}

interface Detector {
  readonly rule: DetectorRule;
  readonly counting: string;
  gauge: Gauge;
  /** When its alarm was raised last. */
  raised: number | undefined;
}

const NONE: readonly Alarm[] = Object.freeze([]);

/**
 * Watches what an agent does, and says what follows. Windows and responses go by the monotonic clock: setting the wall clock
 * empties no window and ends no response; it decides about working hours alone. A monotonic reading that goes back, or is
 * no number, is no time.
 */
export class BehaviorMonitor {
  #detectors: readonly Detector[] = [];
  #byAction: ReadonlyMap<ActionKind, readonly Detector[]> = new Map();
  readonly #responses = new Responses();
  #now = 0;

  constructor(rules: readonly DetectorRule[] = []) {
    this.apply(rules);
  }

  /**
   * A new policy's detectors. One that counts the same as before keeps what it has counted, also under other bounds. What
   * stands goes on: a policy that forgets a detector lifts no quarantine. Throws where two have the same id.
   */
  apply(rules: readonly DetectorRule[]): void {
    const before = new Map(this.#detectors.map((detector) => [detector.rule.id, detector]));
    if (new Set(rules.map(({ id }) => id)).size < rules.length) throw new Error("two detectors with the same id");
    this.#detectors = rules.map((rule): Detector => {
      const counting = countingText(rule);
      const known = before.get(rule.id);
      if (known?.counting === counting) return { ...known, rule };
      return { rule, counting, gauge: new Gauge(rule.watch), raised: undefined };
    });
    this.#byAction = new Map(
      ACTION_KINDS.map((kind) => [
        kind,
        this.#detectors.filter(({ rule: { actions } }) => actions === undefined || actions.has(kind)),
      ]),
    );
  }

  /**
   * Counts what happened, and returns the alarms to raise. One that was raised within its `quiet` time is not raised
   * again, but its response lasts longer. During a quarantine denials count for nothing: all of them are its own.
   */
  observe(observation: Observation): readonly Alarm[] {
    const now = this.#pass(observation.steady);
    const { at, action, target, result } = observation;
    if (result === "withheld" || (result === "denied" && this.#responses.quarantined)) return NONE;
    let alarms: Alarm[] | undefined;
    for (const detector of this.#byAction.get(action) ?? []) {
      const { rule, gauge, raised } = detector;
      const count = gauge.feed(rule.watch, observation, now);
      if (!trips(rule.watch, count)) continue;
      this.#responses.impose(rule, now, at);
      if (raised !== undefined && now - raised < rule.quiet) continue;
      detector.raised = now;
      const { id, response } = rule;
      (alarms ??= []).push({ detector: id, kind: rule.watch.kind, at, action, target, count, response });
    }
    return alarms ?? NONE;
  }

  /** What stands against an action. It takes nothing. */
  standing({ at, steady }: Moment, action: ActionKind): Standing {
    return this.#responses.standing(action, this.#pass(steady), at, false, false);
  }

  /**
   * The same for an action that the policy allows and that is about to be done: under a throttle it takes its place, where
   * it is free. `approved`: somebody has approved this very action, which goes over `approval` and nothing else.
   */
  admit({ at, steady }: Moment, action: ActionKind, approved: boolean): Standing {
    return this.#responses.standing(action, this.#pass(steady), at, true, approved);
  }

  /** Whether anything stands against this kind of action at all: a throttle too that has room at the moment. */
  concerns(action: ActionKind, steady: number): boolean {
    return this.#responses.concerns(action, this.#pass(steady));
  }

  /** Everything is denied until `by` is lifted: by an operator's word, or since the state of before cannot be read. */
  quarantine(by: string, at: number): void {
    this.#responses.quarantine(by, at);
  }

  /**
   * Ends what stands by a detector, or, undefined, by all, and lets it count anew, so that what is over does not trip it
   * again. Returns whose responses were lifted.
   */
  lift(detector: string | undefined, steady: number): readonly string[] {
    const ids = [...this.#responses.ids(this.#pass(steady))].filter((id) => detector === undefined || id === detector);
    for (const id of ids) {
      this.#responses.lift(id);
      const found = this.#detectors.find(({ rule }) => rule.id === id);
      if (found === undefined) continue;
      found.gauge = new Gauge(found.rule.watch);
      found.raised = undefined;
    }
    return ids;
  }

  /** As plain JSON: what stands, and what was counted. */
  save(steady: number): unknown {
    const now = this.#pass(steady);
    const gauges = this.#detectors.map(({ rule, counting, gauge }) => ({
      detector: rule.id,
      counting,
      ...gauge.state(now),
    }));
    return behaviorForm({ responses: this.#responses.state(now), gauges });
  }

  /**
   * Goes on where another process ended; to be called once, after the first `apply`. No time has passed since: a restart
   * ends nothing early. `malformed`: nothing of it was taken, and what stood cannot be known, so quarantine.
   */
  restore(state: unknown, steady: number): Result<void, "malformed"> {
    const parsed = parseBehavior(state);
    if (parsed === undefined) return fail("malformed");
    const now = this.#pass(steady);
    this.#responses.restore(parsed.responses, now);
    for (const saved of parsed.gauges) {
      const found = this.#detectors.find(({ rule }) => rule.id === saved.detector);
      if (found?.counting === saved.counting) found.gauge.restore(saved, canBeSeen(found.rule), now);
    }
    return ok(undefined);
  }

  #pass(steady: number): number {
    const whole = Math.floor(steady);
    if (whole > this.#now && Number.isSafeInteger(whole)) this.#now = whole;
    return this.#now;
  }
}

/** Whether anything of what it watches passes the router. */
function canBeSeen({ actions }: DetectorRule): boolean {
  return actions === undefined || [...actions].some((kind) => !NEVER_PASS.has(kind));
}
