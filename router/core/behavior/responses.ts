import { assertNever } from "../base/assert-never.ts";
import type { ActionKind } from "../governance/action-kind.ts";
import type { DetectorRule } from "./detector.ts";
import type { Standing } from "./standing.ts";

type Actions = ReadonlySet<ActionKind> | undefined;

/** For so many milliseconds more; undefined actions: every kind. */
interface Left {
  readonly detector: string;
  readonly left: number;
  readonly actions: Actions;
}

/** Plain data. No time passes between saving and restoring, so that a restart shortens nothing. */
export interface ResponsesState {
  readonly quarantines: readonly { readonly detector: string; readonly since: number }[];
  readonly approvals: readonly Left[];
  readonly throttles: readonly (Left & { readonly spacing: number })[];
}

interface Lasting {
  until: number;
  actions: Actions;
}

interface Throttle extends Lasting {
  /** Milliseconds from one action to the next. */
  spacing: number;
  /** When there is room for one. */
  next: number;
}

const FREE: Standing = Object.freeze({ kind: "free" });
const MINUTE = 60_000;

/**
 * What follows from alarms, by the id of the detector. A quarantine is over when it is lifted, the others also when their
 * time is; neither depends on the policy that they came from. Times are of the monotonic clock but for `since`.
 */
export class Responses {
  readonly #quarantines = new Map<string, number>();
  readonly #approvals = new Map<string, Lasting>();
  readonly #throttles = new Map<string, Throttle>();

  get quarantined(): boolean {
    return this.#quarantines.size > 0;
  }

  /** Begins what a rule asks for, or makes it last longer. `at` is the wall clock's. */
  impose({ id, response, actions }: DetectorRule, now: number, at: number): void {
    this.#expire(now);
    switch (response.kind) {
      case "alert":
        return;
      case "quarantine":
        this.quarantine(id, at);
        return;
      case "require_approval":
        extend(this.#approvals, id, { until: now + response.millis, actions });
        return;
      case "throttle":
        this.#throttle(id, now + response.millis, actions, Math.ceil(MINUTE / response.perMinute), now);
        return;
      default:
        assertNever(response);
    }
  }

  quarantine(id: string, at: number): void {
    const since = Math.floor(at);
    if (!this.#quarantines.has(id)) this.#quarantines.set(id, Number.isSafeInteger(since) && since > 0 ? since : 0);
  }

  /** Ends what stands by a detector. False: nothing did. */
  lift(id: string): boolean {
    const lifted = [this.#quarantines, this.#approvals, this.#throttles].filter((kept) => kept.delete(id));
    return lifted.length > 0;
  }

  /** Whose responses stand. */
  ids(now: number): ReadonlySet<string> {
    this.#expire(now);
    return new Set([...this.#quarantines.keys(), ...this.#approvals.keys(), ...this.#throttles.keys()]);
  }

  /**
   * What stands against an action, the hardest first. `take`: it is about to be done, and takes its place under the
   * throttles where it is free; `approved`: somebody has approved it, which ends no throttle and no quarantine.
   */
  standing(action: ActionKind, now: number, at: number, take: boolean, approved: boolean): Standing {
    for (const [detector, since] of this.#quarantines) return { kind: "quarantined", since, detector };
    if (this.#approvals.size === 0 && this.#throttles.size === 0) return FREE;
    this.#expire(now);
    const approval = approved ? undefined : longest(this.#approvals, action, ({ until }) => until);
    if (approval !== undefined) {
      return { kind: "approval", until: at + approval.value.until - now, detector: approval.detector };
    }
    const waitOf = ({ next, until }: Throttle): number => Math.min(next, until) - now;
    const throttle = longest(this.#throttles, action, waitOf);
    if (throttle !== undefined && waitOf(throttle.value) > 0) {
      const { detector, value } = throttle;
      return { kind: "throttled", until: at + value.until - now, detector, retryAfter: waitOf(value) };
    }
    if (take) {
      for (const one of this.#throttles.values()) if (covers(one, action)) one.next = now + one.spacing;
    }
    return FREE;
  }

  /** Whether anything stands against this kind of action at all, a throttle with room included. */
  concerns(action: ActionKind, now: number): boolean {
    this.#expire(now);
    const about = (one: Lasting): boolean => covers(one, action);
    return this.quarantined || this.#approvals.values().some(about) || this.#throttles.values().some(about);
  }

  state(now: number): ResponsesState {
    this.#expire(now);
    const left = ([detector, { until, actions }]: readonly [string, Lasting]): Left => ({
      detector,
      left: until - now,
      actions,
    });
    return {
      quarantines: [...this.#quarantines].map(([detector, since]) => ({ detector, since })),
      approvals: [...this.#approvals].map(left),
      throttles: [...this.#throttles].map((entry) => ({ ...left(entry), spacing: entry[1].spacing })),
    };
  }

  restore({ quarantines, approvals, throttles }: ResponsesState, now: number): void {
    for (const { detector, since } of quarantines) this.quarantine(detector, since);
    for (const { detector, left, actions } of approvals) {
      extend(this.#approvals, detector, { until: now + left, actions });
    }
    for (const { detector, left, actions, spacing } of throttles) {
      this.#throttle(detector, now + left, actions, spacing, now + spacing);
    }
  }

  #throttle(id: string, until: number, actions: Actions, spacing: number, next: number): void {
    const throttle = extend(this.#throttles, id, { until, actions, spacing, next });
    throttle.spacing = spacing;
  }

  #expire(now: number): void {
    for (const kept of [this.#approvals, this.#throttles]) {
      for (const [id, { until }] of kept) if (until <= now) kept.delete(id);
    }
  }
}

/** No response becomes shorter, or about fewer actions, while it stands. */
function extend<Value extends Lasting>(kept: Map<string, Value>, id: string, value: Value): Value {
  const known = kept.get(id);
  if (known === undefined) {
    kept.set(id, value);
    return value;
  }
  known.until = Math.max(known.until, value.until);
  known.actions = both(known.actions, value.actions);
  return known;
}

function both(one: Actions, other: Actions): Actions {
  if (one === other || one === undefined || other === undefined) return one === other ? one : undefined;
  return one.union(other);
}

function covers({ actions }: Lasting, action: ActionKind): boolean {
  return actions === undefined || actions.has(action);
}

function longest<Value extends Lasting>(
  kept: ReadonlyMap<string, Value>,
  action: ActionKind,
  measure: (value: Value) => number,
): { readonly detector: string; readonly value: Value } | undefined {
  let found: { readonly detector: string; readonly value: Value } | undefined;
  for (const [detector, value] of kept) {
    if (!covers(value, action)) continue;
    if (found === undefined || measure(value) > measure(found.value)) found = { detector, value };
  }
  return found;
}
