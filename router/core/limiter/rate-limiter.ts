import { fail, ok, type Result } from "../base/result.ts";
import type { Limit } from "./limit.ts";
import { type Bucket, type LimitNames, LimitPool } from "./limit-pool.ts";
import { Taken } from "./taken.ts";

/** A limit and the id under which its buckets stand: unique in a policy, over rules and limits. */
export interface NamedLimit extends Limit {
  readonly id: string;
}

export interface Refused {
  /** Of the limits without room the one that will be the last to have it. */
  readonly limit: string;
  /** `unknown`: no applied policy has such a limit. */
  readonly cause: "rate" | "concurrent" | "unknown";
  /**
   * Milliseconds until this very call could be taken, over all its limits, if no other comes before; for a cap on calls at
   * the same time, which nobody can tell, at least 1,000.
   */
  readonly retryAfter: number;
}

/**
 * Names with a bucket of their own, in all limits together: about 1 MB, with the longest names 3 MB. Each limit has the
 * same share of it (at least one), so that names invented under one take no place from another.
 */
export const MOST_BUCKETS = 4_096;

const UNKNOWN_RETRY = 1_000;
/** What holds nothing needs no record of its own. */
const NOTHING_HELD: Result<Taken, Refused> = Object.freeze(ok(new Taken([])));

/**
 * Token buckets and caps on what goes on at the same time, under the ids of a policy's limits. Time is whole milliseconds
 * of a monotonic clock: in any t milliseconds no bucket lets more through than `burst + rate * t`, t rounded up. A clock
 * that goes back, or is no number, refills nothing.
 */
export class RateLimiter {
  readonly #most: number;
  #pools = new Map<string, LimitPool>();
  /** Of limits that are gone, while calls go on that they admitted. */
  #retired = new Map<string, LimitPool>();
  #now = 0;
  #turn = 0;
  readonly #aimed: LimitPool[] = [];

  constructor(most: number = MOST_BUCKETS) {
    this.#most = most;
  }

  /** Names that have a bucket. */
  get size(): number {
    return this.#pools.values().reduce((sum, pool) => sum + pool.size, 0);
  }

  /**
   * A new policy's limits: those of its rules and those over all rules. A limit whose id stays keeps its levels, clamped
   * where it shrank and refilled in no case; what is held stays counted. Throws where two have the same id.
   */
  apply(limits: readonly NamedLimit[], now: number): void {
    this.#pass(now);
    const keyed = limits.reduce((count, { per }) => (per === "all" ? count : count + 1), 0);
    const share = Math.max(1, Math.floor(this.#most / Math.max(1, keyed)));
    const pools = new Map<string, LimitPool>();
    for (const limit of limits) {
      if (pools.has(limit.id)) throw new Error(`two limits with the id ${limit.id}`);
      const pool = this.#pools.get(limit.id) ?? this.#retired.get(limit.id);
      pool?.redefine(limit, share, this.#now);
      pools.set(limit.id, pool ?? new LimitPool(limit, share, this.#now));
    }
    const gone = [...this.#retired, ...this.#pools].filter(([id, pool]) => !pools.has(id) && pool.held);
    this.#retired = new Map(gone);
    this.#pools = pools;
  }

  /** Takes from all the limits, or, where one of them has no room, from none. The definitions that count are the applied ones. */
  take(limits: readonly { readonly id: string }[], names: LimitNames, now: number): Result<Taken, Refused> {
    this.#pass(now);
    this.#turn += 1;
    this.#aimed.length = 0;
    let refused: Refused | undefined;
    for (const { id } of limits) {
      const pool = this.#pools.get(id);
      if (pool === undefined) {
        refused = later(refused, { limit: id, cause: "unknown", retryAfter: UNKNOWN_RETRY });
        continue;
      }
      if (pool.turn === this.#turn) continue;
      pool.turn = this.#turn;
      this.#aimed.push(pool);
      const retryAfter = pool.wait(names, this.#now);
      if (retryAfter === 0) continue;
      refused = later(refused, { limit: id, cause: pool.crowded ? "concurrent" : "rate", retryAfter });
    }
    return refused === undefined ? this.#spend() : fail(refused);
  }

  #spend(): Result<Taken, Refused> {
    let held: Bucket[] | undefined;
    for (const pool of this.#aimed) {
      const bucket = pool.spend(this.#now);
      if (bucket !== undefined) (held ??= []).push(bucket);
    }
    return held === undefined ? NOTHING_HELD : ok(new Taken(held));
  }

  #pass(now: number): void {
    const whole = Math.floor(now);
    if (whole > this.#now && Number.isSafeInteger(whole)) this.#now = whole;
  }
}

function later(one: Refused | undefined, other: Refused): Refused {
  return one === undefined || other.retryAfter > one.retryAfter ? other : one;
}
