import type { Millis } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import type { TargetSign } from "./circuit-breaker.ts";
import type { ErrorKind } from "./error-kind.ts";

/** How a call to one target went wrong. */
export interface AttemptFailure {
  /** Of its answer; undefined: none that could be used. */
  readonly status: number | undefined;
  /** How it ended where it had no whole answer; undefined: it had. */
  readonly cause: Reason | "first_byte_timeout" | "aborted" | undefined;
  /** An octet of an answer has been given to the agent, or may have been. */
  readonly committed: boolean;
  /** What its error body says; "other" where that was not looked at. */
  readonly kind: ErrorKind;
  /**
   * The provider had all of a request for no stream, and was given up for the time that it took. It tells nothing until
   * it is done: it may be well and at work, and will be paid. Only the breaker can tell that from one that hangs.
   */
  readonly late?: boolean;
}

/** Answers that another target, or this one later, may well not give. */
const TRANSIENT: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504, 529]);
/** What is wrong with this target, and with no other by that. */
const OF_THE_TARGET: ReadonlySet<string> = new Set([
  "upstream_unreachable",
  "upstream_invalid",
  "first_byte_timeout",
  "idle_timeout",
  "dns_failure",
  "address_not_allowed",
  "overloaded",
  "draining",
]);

/** Of those, what says that the target is not well; the others are this router's own limits and rules. */
const FAULTS: ReadonlySet<string> = new Set([
  "upstream_unreachable",
  "upstream_invalid",
  "first_byte_timeout",
  "idle_timeout",
  "dns_failure",
]);

/**
 * True where the next target may be tried. Never once something of an answer is committed, never for what the request
 * itself is at fault for (another model would answer a request that this one refused as too long or as forbidden: that
 * is for the caller to decide), never for a call that was late, and never for what this router decided. 408 is the origin's own idle connection.
 */
export function mayTryNext({ status, cause, committed, kind, late = false }: AttemptFailure): boolean {
  if (committed || late || kind !== "other") return false;
  if (cause !== undefined) return OF_THE_TARGET.has(cause);
  return status !== undefined && TRANSIENT.has(status);
}

/** What the same outcome says about the target to its circuit breaker; `wait`: its hint, see `retryHint`. */
export function targetSign(
  { status, cause, late = false }: Pick<AttemptFailure, "status" | "cause" | "late">,
  wait: Millis | undefined,
): TargetSign {
  if (late) return { kind: "late" };
  if (cause !== undefined) return { kind: FAULTS.has(cause) ? "failed" : "nothing" };
  if (status === undefined) return { kind: "nothing" };
  if (status === 429) return { kind: "limited", wait };
  if ((status === 503 || status === 529) && wait !== undefined) return { kind: "limited", wait };
  return { kind: status >= 500 || status === 408 ? "failed" : "alive" };
}

/** Extra attempts that a policy may make at once, after a quiet time. */
const MOST_SAVED = 10;
/** An extra attempt for so many calls. */
const CALLS_AN_ATTEMPT = 10;
/** One for so long, so that the failover of an agent that seldom calls works too. */
const MILLIS_AN_ATTEMPT = 10_000;

/**
 * How many attempts beyond the first a policy's calls may make: one for every ten calls, and one every 10 s; at most ten
 * are saved up. A provider that is down is asked by a tenth more than by the calls themselves, never by a multiple.
 */
export class RetryBudget {
  /** In tenths of an attempt, for whole numbers do not drift. */
  #saved = MOST_SAVED * CALLS_AN_ATTEMPT;
  #at = Number.NEGATIVE_INFINITY;

  /** A call begins. */
  called(): void {
    this.#saved = Math.min(MOST_SAVED * CALLS_AN_ATTEMPT, this.#saved + 1);
  }

  /** Takes an extra attempt, or returns false. `now` is monotonic. */
  take(now: Millis): boolean {
    const earned = Math.floor((now - this.#at) / MILLIS_AN_ATTEMPT);
    if (this.#at === Number.NEGATIVE_INFINITY) this.#at = now;
    else if (earned > 0) {
      this.#at += earned * MILLIS_AN_ATTEMPT;
      this.#saved = Math.min(MOST_SAVED * CALLS_AN_ATTEMPT, this.#saved + earned * CALLS_AN_ATTEMPT);
    }
    if (this.#saved < CALLS_AN_ATTEMPT) return false;
    this.#saved -= CALLS_AN_ATTEMPT;
    return true;
  }
}
