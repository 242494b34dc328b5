/** How often a record that is refused by itself is tried before others are. */
const FEW_ATTEMPTS = 3;

/**
 * Finds the record for which a receiver refuses a batch. A refused batch is halved until the refused record stands alone.
 * That one is passed over only when the receiver has refused it a few times, has then accepted a record behind it, and
 * has refused it once more after that: so that an expired token or a wrong path, for which a receiver refuses everything,
 * loses nothing.
 */
export class RefusalSearch {
  readonly #most: number;
  #width: number;
  #passed = 0;
  #refusals = 0;
  #proved = false;

  /** `most`: records of a batch. */
  constructor(most: number) {
    this.#most = most;
    this.#width = most;
  }

  /** Records of the next batch at most. */
  get width(): number {
    return this.#width;
  }

  /** Records at the cursor that the next batch passes by, to try whether one behind them is accepted. */
  get passed(): number {
    return this.#passed;
  }

  /** Nothing is left behind those that are passed by. */
  exhausted(): void {
    this.#passed = 0;
  }

  /** `settled`: the batch is done with. `proof`: it only showed what the receiver accepts, and is to come again in its place. */
  accepted(): "settled" | "proof" {
    if (this.#passed > 0) {
      this.#proved = true;
      this.#passed = 0;
      return "proof";
    }
    this.#refusals = 0;
    this.#proved = false;
    this.#width = Math.min(this.#most, this.#width + Math.ceil(this.#width / 4));
    return "settled";
  }

  /**
   * A batch of so many records was refused. `smaller`: a part of it is to be tried now. `reject`: the record at the
   * cursor is at fault. `wait`: before the next attempt.
   */
  refused(records: number): "smaller" | "reject" | "wait" {
    if (records > 1) {
      this.#width = Math.ceil(records / 2);
      return "smaller";
    }
    this.#width = 1;
    if (this.#proved) {
      this.#proved = false;
      // The next may be of the same kind: refused once more, it is judged in the same way at once.
      this.#refusals = FEW_ATTEMPTS - 1;
      return "reject";
    }
    this.#refusals += 1;
    if (this.#refusals >= FEW_ATTEMPTS) this.#passed = (this.#passed + 1) % this.#most;
    return "wait";
  }

  /** Nobody knows what became of a batch: what was shown before may not hold any more. */
  failed(): void {
    this.#proved = false;
  }
}
