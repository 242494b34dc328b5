import type { Clock } from "../../core/base/clock.ts";
import type { Millis } from "../../core/base/quantity.ts";
import { type CountsAnswer, readEnded } from "../../core/budget/shared-answer.ts";
import type { SharedRequest } from "../../core/budget/shared-request.ts";
import type { SharedLedgerClient } from "../../edge/upstream/shared-ledger-client.ts";

/** Something that the shared ledger must be told; it does it once, however often it is told. */
export interface Settlement {
  readonly id: string;
  readonly request: SharedRequest;
  /** How many counters it is of. */
  readonly rules: number;
  /** Not before this (monotonic). */
  readonly from: Millis;
  /** From then on it is needless: the ledger has charged all of it. Infinity: never. */
  readonly until: Millis;
  /** It was told. */
  done(answer: CountsAnswer): void;
}

/** More calls than a router has open; beyond that the oldest is left to be charged in full. */
const MOST = 65_536;
/** Told at the same time, after an outage: many at once would take longer than one may. */
const ABREAST = 64;

/** Tells the shared ledger, again and again until it has heard. */
export class SharedSettlements {
  readonly #client: Pick<SharedLedgerClient, "run" | "distrust" | "problem">;
  readonly #clock: Clock;
  readonly #waiting = new Set<Settlement>();
  readonly #underWay = new Set<Settlement>();
  #flushing = false;
  #onEmpty: (() => void) | undefined;

  constructor(client: Pick<SharedLedgerClient, "run" | "distrust" | "problem">, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** How many have not been heard. */
  get size(): number {
    return this.#waiting.size + this.#underWay.size;
  }

  add(settlement: Settlement): void {
    const wait = settlement.from - this.#clock.monotonic();
    if (wait <= 0 && this.#client.problem === undefined && !this.#flushing) void this.#tell(settlement);
    else this.#keep(settlement);
    if (wait > 0) setTimeout(() => void this.flush(), wait + 1).unref();
  }

  /** The ledger answers again. */
  async flush(): Promise<void> {
    if (this.#flushing) return;
    this.#flushing = true;
    while (this.#client.problem === undefined) {
      const now = this.#clock.monotonic();
      const due: Settlement[] = [];
      for (const settlement of this.#waiting) {
        if (settlement.until <= now) this.#waiting.delete(settlement);
        else if (settlement.from <= now && due.push(settlement) === ABREAST) break;
      }
      if (due.length === 0) break;
      for (const settlement of due) this.#waiting.delete(settlement);
      const heard = await Promise.all(due.map((settlement) => this.#tell(settlement)));
      if (!heard.includes(true)) break;
    }
    this.#flushing = false;
    this.#look();
  }

  /** Resolves when everything has been heard, or the time is over. */
  async drained(within: Millis): Promise<void> {
    if (this.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    const timer = setTimeout(resolve, within);
    await promise;
    clearTimeout(timer);
  }

  async #tell(settlement: Settlement): Promise<boolean> {
    this.#underWay.add(settlement);
    const reply = await this.#client.run(settlement.request);
    this.#underWay.delete(settlement);
    const answer = reply.ok ? readEnded(reply.value, settlement.id, settlement.rules) : undefined;
    if (reply.ok && answer === undefined) this.#client.distrust("what the server answers makes no sense");
    if (answer === undefined) this.#keep(settlement);
    else settlement.done(answer);
    this.#look();
    return answer !== undefined;
  }

  #keep(settlement: Settlement): void {
    this.#waiting.add(settlement);
    if (this.#waiting.size <= MOST) return;
    for (const oldest of this.#waiting) {
      if (oldest.until === Number.POSITIVE_INFINITY) continue;
      this.#waiting.delete(oldest);
      return;
    }
  }

  #look(): void {
    if (this.size === 0) this.#onEmpty?.();
  }
}
