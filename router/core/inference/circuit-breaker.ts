import { type Millis, millis } from "../base/quantity.ts";

/** Leave to call a target, to be handed back with what came of it. */
export interface Pass {
  readonly target: string;
  /** The one call that finds out whether the target is back. */
  readonly probe: boolean;
  /** How often the target's breaker had opened. */
  readonly opened: number;
}

export type Admission =
  | { readonly admitted: true; readonly pass: Pass }
  /** `wait`: until it is worth asking again; never 0. `limited`: the target asked for it, and did not fail. */
  | { readonly admitted: false; readonly wait: Millis; readonly limited: boolean };

/**
 * What a call says about its target. `alive`: it answered, be it with a refusal of this request. `failed`: no
 * connection, no answer in time, a broken one, or 5xx. `limited`: it asked to be left alone, for as long as it said.
 * `late`: it had all of a call that took too long; only several in a row, without an answer between, say that it hangs.
 * `nothing`: the call says nothing (the agent gave up first).
 */
export type TargetSign =
  | { readonly kind: "alive" | "failed" | "late" | "nothing" }
  | { readonly kind: "limited"; readonly wait: Millis | undefined };

/** Consecutive failures that open it. */
const THRESHOLD = 5;
/** Calls that were late, one after the other, from which on each is a failure that opens it. */
const MOST_LATE = 5;
const SHORTEST_OPEN = 1_000;
const LONGEST_OPEN = 60_000;
/** The longest that a provider's own word is taken for. */
const LONGEST_LIMIT = 300_000;
/** A probe that was never handed back stands in nobody's way for longer. */
const PROBE_LIFE = 600_000;
/** Targets come from policy, so this many are never kept; beyond it those unknown are admitted. */
const MOST_TARGETS = 10_000;

interface Breaker {
  /** Consecutive; of the current state. */
  failures: number;
  /** Calls that were late since it last answered one; its opening does not end them. */
  late: number;
  /** Times it has opened since it was last closed. */
  streak: number;
  /** Times it has opened at all: what was admitted before the last of them says nothing any more. */
  opened: number;
  /** Open before it, half-open from it on; undefined: closed. */
  until: number | undefined;
  /** It is open by the target's own word. */
  limited: boolean;
  /** When the probe began; undefined: none is under way. */
  probing: number | undefined;
}

/**
 * One circuit breaker a target: closed until five consecutive failures, then open for 1 s, 2 s, ... 60 s, or for as
 * long as the provider said (at most 5 minutes), then half-open for one probe at a time. `now` is monotonic; `jitter`
 * from 0 to below 1 takes up to a quarter off a wait, so that many routers do not come back at once.
 */
export class CircuitBreakers {
  readonly #breakers = new Map<string, Breaker>();

  /** Leave to call it now. Every pass has to come back through `report`. */
  admit(target: string, now: Millis): Admission {
    const breaker = this.#breakers.get(target);
    if (breaker?.until === undefined) {
      return { admitted: true, pass: { target, probe: false, opened: breaker?.opened ?? 0 } };
    }
    const { limited } = breaker;
    if (now < breaker.until) return { admitted: false, wait: millis(Math.ceil(breaker.until - now)), limited };
    if (breaker.probing !== undefined && now - breaker.probing < PROBE_LIFE) {
      return { admitted: false, wait: millis(SHORTEST_OPEN), limited };
    }
    breaker.probing = now;
    return { admitted: true, pass: { target, probe: true, opened: breaker.opened } };
  }

  /** What came of a call. Signs from before the breaker last opened are ignored: they are of the same trouble. */
  report(pass: Pass, sign: TargetSign, now: Millis, jitter: number): void {
    const breaker = this.#breakers.get(pass.target) ?? this.#added(pass.target);
    if (breaker === undefined || breaker.opened !== pass.opened) return;
    if (pass.probe) breaker.probing = undefined;
    switch (sign.kind) {
      case "nothing":
        return;
      case "alive":
        // How often it opened is kept, so that passes from before stay without effect.
        breaker.failures = 0;
        breaker.late = 0;
        breaker.streak = 0;
        breaker.until = undefined;
        if (breaker.opened === 0) this.#breakers.delete(pass.target);
        return;
      case "failed":
        breaker.failures += 1;
        if (!pass.probe && breaker.failures < THRESHOLD) return;
        open(breaker, now, jitter);
        breaker.limited = false;
        return;
      case "late":
        breaker.late += 1;
        if (breaker.late < MOST_LATE) return;
        open(breaker, now, jitter);
        breaker.limited = false;
        return;
      case "limited":
        breaker.late = 0;
        if (sign.wait !== undefined) openUntil(breaker, now + Math.min(sign.wait, LONGEST_LIMIT));
        else if (pass.probe) open(breaker, now, jitter);
        else return;
        breaker.limited = true;
    }
  }

  /** Forgets the targets that `keep` does not hold: called after a reload with those of the new policy. */
  retain(keep: ReadonlySet<string>): void {
    for (const target of this.#breakers.keys()) {
      if (!keep.has(target)) this.#breakers.delete(target);
    }
  }

  /** For gauges. */
  state(target: string, now: Millis): "closed" | "open" | "half_open" {
    const until = this.#breakers.get(target)?.until;
    if (until === undefined) return "closed";
    return now < until ? "open" : "half_open";
  }

  #added(target: string): Breaker | undefined {
    if (this.#breakers.size >= MOST_TARGETS) return undefined;
    const breaker = {
      failures: 0,
      late: 0,
      streak: 0,
      opened: 0,
      until: undefined,
      limited: false,
      probing: undefined,
    };
    this.#breakers.set(target, breaker);
    return breaker;
  }
}

function open(breaker: Breaker, now: Millis, jitter: number): void {
  const whole = Math.min(LONGEST_OPEN, SHORTEST_OPEN * 2 ** Math.min(breaker.streak, 30));
  breaker.streak += 1;
  openUntil(breaker, now + whole * (1 - jitter / 4));
}

function openUntil(breaker: Breaker, until: number): void {
  breaker.opened += 1;
  breaker.failures = 0;
  breaker.probing = undefined;
  breaker.until = Math.max(until, breaker.until ?? until);
}
