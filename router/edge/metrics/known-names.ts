/** Stands for every name that is not known. */
export const OTHER = "other";

/**
 * Names that may be values of a label: those that a policy has ever had. It only grows, so that counters survive a reload,
 * and only so far, so that reloads cannot fill the memory.
 */
export class KnownNames {
  readonly #most: number;
  readonly #names = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  learn(names: Iterable<string>): void {
    for (const name of names) {
      if (this.#names.size >= this.#most) return;
      this.#names.add(name);
    }
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  of(name: string | undefined): string {
    return name !== undefined && this.#names.has(name) ? name : OTHER;
  }
}
