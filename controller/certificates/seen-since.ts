/**
 * How long each thing has been there without a gap, by a clock that nobody can set. What was there before this process
 * began counts from its first look: too late is safe, too early is not.
 */
export class SeenSince {
  readonly #since = new Map<string, number>();

  /** What is there now. */
  see(present: ReadonlySet<string>, monotonic: number): void {
    for (const name of this.#since.keys()) if (!present.has(name)) this.#since.delete(name);
    for (const name of present) if (!this.#since.has(name)) this.#since.set(name, monotonic);
  }

  /** Milliseconds; undefined: it is not there. */
  seenFor(name: string, monotonic: number): number | undefined {
    const since = this.#since.get(name);
    return since === undefined ? undefined : monotonic - since;
  }
}
