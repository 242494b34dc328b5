import type { Leave } from "./governor.ts";

/** Actions whose end the agent may still tell: so many that hold a place of a limit, and so many that hold none. */
const MOST = 4_096;
/** What is not told by then is taken for over. */
const LONGEST_MILLIS = 10 * 60_000;

/** Nothing of the action itself: its arguments may be long, and there are many. */
interface Open extends Pick<Leave, "ended"> {
  readonly until: number;
}

/** Actions that were allowed, run outside of the router, and are not over as far as it knows. */
export class OpenActions {
  readonly #holding = new Map<string, Open>();
  readonly #others = new Map<string, Open>();
  readonly #now: () => number;

  /** `now`: milliseconds of a clock that nobody sets. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * False: it holds a place of a limit, and so do as many as are kept: none of them gives up its place for it. Of those that
   * hold none the oldest makes room.
   */
  add(id: string, { holds, ended }: Pick<Leave, "holds" | "ended">): boolean {
    this.expire();
    const book = holds ? this.#holding : this.#others;
    if (book.size >= MOST) {
      if (holds) return false;
      this.#endOldest(book);
    }
    book.set(id, { ended, until: this.#now() + LONGEST_MILLIS });
    return true;
  }

  /** Ends what took too long. Before each judgement: what it holds may be what the next action needs. */
  expire(): void {
    const now = this.#now();
    for (const book of [this.#holding, this.#others]) {
      // In the order in which they were added: the first is the oldest.
      for (const { until } of book.values()) {
        if (until > now) break;
        this.#endOldest(book);
      }
    }
  }

  /** How an action is told to be over, once. */
  take(id: string): Pick<Leave, "ended"> | undefined {
    this.expire();
    const found = this.#holding.get(id) ?? this.#others.get(id);
    this.#holding.delete(id);
    this.#others.delete(id);
    return found;
  }

  #endOldest(book: Map<string, Open>): void {
    for (const [id, { ended }] of book) {
      book.delete(id);
      ended("unknown", 0);
      return;
    }
  }
}
