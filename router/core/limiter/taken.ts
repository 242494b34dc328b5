import type { Bucket } from "./limit-pool.ts";

/** What an admitted call holds until it ends. */
export class Taken {
  #held: readonly Bucket[];

  constructor(held: readonly Bucket[]) {
    this.#held = held;
  }

  /** It has places to give back. */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  /** Gives back the places of caps on calls at the same time; a second time it does nothing. */
  release(): void {
    for (const bucket of this.#held) (bucket.heir ?? bucket).held -= 1;
    this.#held = [];
  }
}
