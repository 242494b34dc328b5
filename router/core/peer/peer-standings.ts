import { fail, ok, type Result } from "../base/result.ts";
import { HourlyMoves } from "./hourly-moves.ts";
import { MOST_STANDINGS, parseStandings, standingsForm } from "./standings-state.ts";
import { HIGHEST_SCORE, LOWEST_SCORE, tierOf } from "./tier.ts";
import type { Tier, TrustRates } from "./trust.ts";

/** How an exchange with a peer ended, as the router itself saw it. */
export type PeerOutcome = "succeeded" | "failed";

export interface TierChange {
  readonly peer: string;
  /** Undefined: it is new. */
  readonly from: Tier | undefined;
  readonly to: Tier;
  readonly score: number;
}

/** Thousandths of a point: all sums are of whole numbers, so that nothing drifts. */
const POINT = 1_000;
const HOUR = 3_600_000;

interface Row {
  /** In thousandths of a point. */
  fine: number;
  /** Until when, by the steady clock, decay has been counted: whole hours from the row's beginning on. */
  decayed: number;
  readonly moves: HourlyMoves;
  /** The tier that was told last. */
  told: Tier | undefined;
  /** The policy has it. One that it takes out keeps its score, so that taking out and putting in again forgives nothing. */
  listed: boolean;
}

/**
 * How far each peer of the policy is trusted, 0 to 1000. Only what the router itself saw moves a score, and only that of a
 * peer of the policy: not of this agent, and not of anybody who merely says a name. All times are milliseconds of a clock
 * that nobody sets; a reading that goes back, or is no number, is no time.
 */
export class PeerStandings {
  readonly #rows = new Map<string, Row>();
  #rates: TrustRates | undefined;
  #now = 0;

  /** Another policy: its rates from here on, its peers and no others. A new one begins at `initial`. */
  apply(rates: TrustRates, peers: readonly string[], steady: number): void {
    const now = this.#pass(steady);
    this.#rates = rates;
    const listed = new Set(peers);
    for (const [id, row] of this.#rows) row.listed = listed.has(id);
    for (const id of listed) {
      if (this.#rows.has(id)) continue;
      const fine = rates.initial * POINT;
      this.#rows.set(id, { fine, decayed: now, moves: new HourlyMoves(), told: undefined, listed: true });
    }
    for (const [id, row] of this.#rows) {
      if (this.#rows.size <= MOST_STANDINGS) break;
      if (!row.listed) this.#rows.delete(id);
    }
  }

  /** Whole points; undefined for whoever is no peer of the policy. */
  scoreOf(peer: string, steady: number): number | undefined {
    this.#tick(steady);
    const row = this.#rows.get(peer);
    if (row?.listed !== true) return undefined;
    this.#decay(row);
    return Math.floor(row.fine / POINT);
  }

  /** Every peer of the policy, in its order of coming. */
  scores(steady: number): readonly (readonly [peer: string, score: number])[] {
    this.#pass(steady);
    return [...this.#rows].flatMap(([id, { fine, listed }]) => (listed ? [[id, Math.floor(fine / POINT)]] : []));
  }

  /** False: nothing moved, since nobody of the policy is meant, or as much has moved within the hour as may. */
  observe(peer: string, outcome: PeerOutcome, steady: number): boolean {
    const now = this.#tick(steady);
    const row = this.#rows.get(peer);
    if (row?.listed !== true || this.#rates === undefined) return false;
    this.#decay(row);
    const { reward, penalty } = this.#rates;
    return this.#move(row, (outcome === "succeeded" ? reward : -penalty) * POINT, now, this.#rates);
  }

  /** Whose tier is another than was told last. Told once. */
  changes(steady: number): readonly TierChange[] {
    const changes: TierChange[] = [];
    for (const [peer, score] of this.scores(steady)) {
      const row = this.#rows.get(peer);
      const to = tierOf(score);
      if (row === undefined || row.told === to) continue;
      changes.push({ peer, from: row.told, to, score });
      row.told = to;
    }
    return changes;
  }

  /** As plain JSON. */
  save(steady: number): unknown {
    const now = this.#pass(steady);
    return standingsForm(
      [...this.#rows].map(([peer, { fine, decayed, moves, told }]) => {
        return { peer, fine, age: now - decayed, told, moves: moves.state(now) };
      }),
    );
  }

  /**
   * Goes on where another process ended, as if no time had passed since: a restart gives back nothing. To be called once.
   * `malformed`: nothing of it was taken, and nobody's score is known.
   */
  restore(state: unknown, steady: number): Result<void, "malformed"> {
    const parsed = parseStandings(state);
    if (parsed === undefined) return fail("malformed");
    const now = this.#pass(steady);
    for (const { peer, fine, age, told, moves } of parsed) {
      const kept = new HourlyMoves();
      kept.restore(moves, now);
      const listed = this.#rows.get(peer)?.listed === true;
      this.#rows.set(peer, { fine, decayed: now - age, moves: kept, told, listed });
    }
    return ok(undefined);
  }

  /** Lets time pass for all of them. */
  #pass(steady: number): number {
    this.#tick(steady);
    for (const row of this.#rows.values()) this.#decay(row);
    return this.#now;
  }

  #tick(steady: number): number {
    const whole = Math.floor(steady);
    if (whole > this.#now && Number.isSafeInteger(whole)) this.#now = whole;
    return this.#now;
  }

  /** Once for each whole hour of the row's own, so that it is the same however often it is looked at. */
  #decay(row: Row): void {
    const rates = this.#rates;
    const hours = Math.floor((this.#now - row.decayed) / HOUR);
    if (hours <= 0 || rates === undefined) return;
    const initial = rates.initial * POINT;
    for (let hour = 0; hour < hours; hour++) {
      const distance = row.fine - initial;
      if (distance === 0 || rates.decay === 0 || rates.perHour === 0) break;
      // Rounded towards `initial`, so that it is reached.
      const kept = Math.floor((Math.abs(distance) * (1_000 - rates.decay)) / 1_000);
      this.#move(row, Math.sign(distance) * kept - distance, row.decayed + (hour + 1) * HOUR, rates);
    }
    row.decayed += hours * HOUR;
  }

  /** By no more than may be moved within the hour that ends at `at`. */
  #move(row: Row, by: number, at: number, { perHour }: TrustRates): boolean {
    const wanted = Math.min(HIGHEST_SCORE * POINT, Math.max(LOWEST_SCORE * POINT, row.fine + by)) - row.fine;
    const direction = wanted < 0 ? "down" : "up";
    const amount = Math.min(Math.abs(wanted), row.moves.left(direction, perHour * POINT, at));
    if (amount === 0) return false;
    row.fine += direction === "up" ? amount : -amount;
    row.moves.add(direction, amount, at);
    return true;
  }
}
