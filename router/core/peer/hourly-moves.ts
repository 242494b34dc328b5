/** Minutes whose moves count: sixty whole ones and those that the hour's two ends cut. */
const MINUTES = 61;
const MINUTE = 60_000;

/** What moved within one minute, in thousandths of a point. `age`: whole minutes, 0 to 60. */
export type MoveState = readonly (readonly [age: number, up: number, down: number])[];

/**
 * How far a score moved within the last hour, up and down apart, in at most 61 entries. A minute that an end of the hour
 * cuts counts whole, so that no sixty minutes hold more than was allowed.
 */
export class HourlyMoves {
  #minutes: (readonly [minute: number, up: number, down: number])[] = [];

  /** How much further it may move in this direction now, where it may move `most` within an hour. */
  left(direction: "up" | "down", most: number, steady: number): number {
    const minute = this.#forget(steady);
    const moved = this.#minutes.reduce((sum, [at, up, down]) => {
      return minute - at < MINUTES ? sum + (direction === "up" ? up : down) : sum;
    }, 0);
    return Math.max(0, most - moved);
  }

  /** `amount` is more than 0. */
  add(direction: "up" | "down", amount: number, steady: number): void {
    const minute = this.#forget(steady);
    const last = this.#minutes.at(-1);
    const [up, down] = last?.[0] === minute ? [last[1], last[2]] : [0, 0];
    if (last?.[0] === minute) this.#minutes.pop();
    this.#minutes.push(direction === "up" ? [minute, up + amount, down] : [minute, up, down + amount]);
  }

  state(steady: number): MoveState {
    const minute = this.#forget(steady);
    return this.#minutes.map(([at, up, down]) => [minute - at, up, down]);
  }

  /** As if no time had passed since `state`. */
  restore(state: MoveState, steady: number): void {
    const minute = Math.floor(steady / MINUTE);
    this.#minutes = state.map(([age, up, down]): [number, number, number] => [minute - age, up, down]);
    this.#minutes.sort(([one], [other]) => one - other);
  }

  #forget(steady: number): number {
    const minute = Math.floor(steady / MINUTE);
    const first = this.#minutes.findIndex(([at]) => minute - at < MINUTES);
    if (first !== 0) this.#minutes = first < 0 ? [] : this.#minutes.slice(first);
    return minute;
  }
}

export const MOST_MOVES = MINUTES;
