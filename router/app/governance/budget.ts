/** So much of something is there for all requests together. */
export class Budget {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** What one request has of it: nothing as yet. */
  share(): Share {
    let own = 0;
    return {
      grow: (more) => {
        if (this.#taken + more > this.#most) return false;
        this.#taken += more;
        own += more;
        return true;
      },
      [Symbol.dispose]: () => {
        this.#taken -= own;
        own = 0;
      },
    };
  }
}

/** Is let go as a whole, where its request ends. */
export interface Share extends Disposable {
  /** False: so much more is not there, and the share is what it was. Nobody waits: who has a part must not wait for others. */
  grow(more: number): boolean;
}
