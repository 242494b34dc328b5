/** How long a call waits for others to let go of what they hold. */
const WAIT_MILLIS = 10_000;
/** Calls that wait; more are refused at once. */
const MOST_WAITING = 1_024;

interface Waiting {
  readonly octets: number;
  readonly take: (taken: boolean) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * How many octets of request bodies are held by all calls together. A body is held from its first octet to the end of
 * its call, since only its end tells what it asks for; so memory is bounded here, and nowhere else.
 */
export class HeldBodies {
  readonly #most: number;
  readonly #waiting: Waiting[] = [];
  #held = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get held(): number {
    return this.#held;
  }

  /** True once there is room, which the caller then has; false where there was none in time. */
  take(octets: number): true | Promise<boolean> {
    if (this.#waiting.length === 0 && this.#held + octets <= this.#most) {
      this.#held += octets;
      return true;
    }
    if (this.#waiting.length >= MOST_WAITING || octets > this.#most) return Promise.resolve(false);
    return new Promise((take) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        take(false);
        this.#admit();
      }, WAIT_MILLIS);
      const entry: Waiting = { octets, take, timer };
      this.#waiting.push(entry);
    });
  }

  /** Room for a body that grows, or none: who holds a part already must not wait for others who do. */
  grow(octets: number): boolean {
    if (this.#held + octets > this.#most) return false;
    this.#held += octets;
    return true;
  }

  release(octets: number): void {
    this.#held -= octets;
    this.#admit();
  }

  #admit(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#held + next.octets > this.#most) return;
      this.#waiting.shift();
      clearTimeout(next.timer);
      this.#held += next.octets;
      next.take(true);
    }
  }
}
