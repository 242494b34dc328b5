import type { Leave } from "./governor.ts";

/** Actions whose end the agent may still tell. */
const MOST = 4_096;
/** What is not told by then is taken for over. */
const LONGEST_MILLIS = 10 * 60_000;

interface Open {
  readonly leave: Leave;
  readonly until: number;
}

/** Actions that were allowed, run outside of the router, and are not over as far as it knows. */
export class OpenActions {
  readonly #open = new Map<string, Open>();
  readonly #now: () => number;

  /** `now`: milliseconds of a clock that nobody sets. */
  constructor(now: () => number) {
    this.#now = now;
  }

  add(id: string, leave: Leave): void {
    this.#endUntil(MOST - 1);
    this.#open.set(id, { leave, until: this.#now() + LONGEST_MILLIS });
  }

  /** Ends what took too long. Before each judgement: what it holds may be what the next action needs. */
  expire(): void {
    this.#endUntil(MOST);
  }

  /** The leave of an action, once. */
  take(id: string): Leave | undefined {
    this.expire();
    const found = this.#open.get(id);
    this.#open.delete(id);
    return found?.leave;
  }

  #endUntil(most: number): void {
    const now = this.#now();
    // In the order in which they were added: the first is the oldest.
    for (const [oldest, { until, leave }] of this.#open) {
      if (until > now && this.#open.size <= most) break;
      this.#open.delete(oldest);
      leave.ended("unknown", 0);
    }
  }
}
