import type { Limit, LimitKey } from "./limit.ts";
import { carriedLevel, refilled, type TokenRate, tokenRate, waitFor } from "./token-rate.ts";

/** What an action has to do with, by what limits have buckets for; undefined: nothing of the kind, which is a name too. */
export type LimitNames = { readonly [key in Exclude<LimitKey, "all">]: string | undefined };

export interface Bucket {
  /** In parts of a call (`TokenRate`), at the time `at`. */
  level: number;
  at: number;
  /** Calls that go on. */
  held: number;
  /** The bucket that this one was poured into, which has no heir itself. */
  heir: Bucket | undefined;
}

/** Nobody knows when a call ends; this is when it is worth asking again. */
const SOON = 1_000;
/** UTF-16 units; a longer name has no bucket of its own. */
const LONGEST_NAME = 256;
/** Buckets that are looked at for one that may be forgotten, for one new name. */
const SEARCH = 8;

/**
 * The buckets of one limit: one for each name, and one that all further names share once there are `most`. A full bucket
 * of which nothing is held is the same as none, and may be forgotten. A new name begins with what the shared bucket has,
 * since it may have been counted there: so no bucket gives a name more than the limit, however names come and go.
 */
export class LimitPool {
  #limit: Limit;
  #rate: TokenRate;
  #most: number;
  readonly #shared: Bucket;
  readonly #named = new Map<string, Bucket>();
  #hand = this.#named.entries();
  /** What `wait` found, for `spend` in the same turn. */
  #aim: Bucket;
  #name = "";
  /** The take that this pool is part of already: none counts twice in one. */
  turn = 0;

  constructor(limit: Limit, most: number, now: number) {
    this.#limit = limit;
    this.#rate = tokenRate(limit.rate);
    this.#most = most;
    this.#shared = { level: this.#rate.capacity, at: now, held: 0, heir: undefined };
    this.#aim = this.#shared;
  }

  get size(): number {
    return this.#named.size;
  }

  /** Whether calls go on that it admitted. */
  get held(): boolean {
    return this.#shared.held > 0 || this.#named.values().some(({ held }) => held > 0);
  }

  /** Milliseconds until such a call could be taken, 0: now; of a cap on calls at the same time a guess. Takes nothing. */
  wait(names: LimitNames, now: number): number {
    const { per, concurrent } = this.#limit;
    this.#name = per === "all" ? "" : (names[per] ?? "");
    this.#aim = (per === "all" ? undefined : this.#named.get(this.#name)) ?? this.#shared;
    this.#refill(this.#aim, now);
    const wait = waitFor(this.#rate, this.#aim.level);
    return concurrent === undefined || this.#aim.held < concurrent ? wait : Math.max(wait, SOON);
  }

  /** Whether it was the cap on calls at the same time that `wait` found full. */
  get crowded(): boolean {
    return this.#limit.concurrent !== undefined && !(this.#aim.held < this.#limit.concurrent);
  }

  /** Takes what the last `wait` was about, where that was 0. Returns the bucket that must be given back. */
  spend(now: number): Bucket | undefined {
    const bucket = this.#aim === this.#shared ? this.#own(now) : this.#aim;
    bucket.level -= this.#rate.cost;
    if (this.#limit.concurrent === undefined) return undefined;
    bucket.held += 1;
    return bucket;
  }

  /**
   * Another definition under the same id. What is left stays, in calls, or shrinks to the new burst; nothing is refilled,
   * and what is held stays counted. Where buckets are by something else from now on, they become one, with what the
   * emptiest of them had and all that is held: it is told apart again as that comes back.
   */
  redefine(limit: Limit, most: number, now: number): void {
    const rate = tokenRate(limit.rate);
    for (const bucket of [this.#shared, ...this.#named.values()]) {
      this.#refill(bucket, now);
      bucket.level = carriedLevel(this.#rate, rate, bucket.level);
    }
    if (limit.per !== this.#limit.per) this.#pour();
    this.#limit = limit;
    this.#rate = rate;
    this.#most = most;
  }

  #pour(): void {
    for (const bucket of this.#named.values()) {
      this.#shared.level = Math.min(this.#shared.level, bucket.level);
      this.#shared.held += bucket.held;
      bucket.heir = this.#shared;
    }
    this.#named.clear();
    this.#hand = this.#named.entries();
  }

  /** A bucket for a name that has none, or the shared one. What is held in that may be held by this very name. */
  #own(now: number): Bucket {
    const own = this.#limit.per !== "all" && this.#shared.held === 0 && this.#name.length <= LONGEST_NAME;
    if (!own || !this.#hasRoom(now)) return this.#shared;
    const bucket = { level: this.#shared.level, at: now, held: 0, heir: undefined };
    this.#named.set(this.#name, bucket);
    return bucket;
  }

  #hasRoom(now: number): boolean {
    if (this.#named.size < this.#most) return true;
    for (let step = 0; step < SEARCH; step += 1) {
      const next = this.#hand.next();
      if (next.done === true) {
        this.#hand = this.#named.entries();
        continue;
      }
      const [name, bucket] = next.value;
      this.#refill(bucket, now);
      if (bucket.held === 0 && bucket.level === this.#rate.capacity) {
        this.#named.delete(name);
        return this.#named.size < this.#most;
      }
    }
    return false;
  }

  /** `now` never goes back. */
  #refill(bucket: Bucket, now: number): void {
    bucket.level = refilled(this.#rate, bucket.level, now - bucket.at);
    bucket.at = now;
  }
}
