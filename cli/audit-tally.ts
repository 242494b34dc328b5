import { shownWord } from "./shown-text.ts";
import type { ShownRecord } from "./shown-record.ts";

const TOP = 5;
/** A log that was tampered with may have a reason of its own in each record. */
const MOST_REASONS = 1_000;

/** Counts what was read and what was shown of it. */
export class AuditTally {
  #read = 0;
  #shown = 0;
  #damaged = 0;
  readonly #decisions = { allow: 0, deny: 0, none: 0 };
  readonly #reasons = new Map<string, number>();

  get shown(): number {
    return this.#shown;
  }

  damaged(): void {
    this.#damaged += 1;
  }

  record({ decision, reason }: ShownRecord, isShown: boolean): void {
    this.#read += 1;
    if (!isShown) return;
    this.#shown += 1;
    this.#decisions[decision] += 1;
    if (reason === null || (this.#reasons.size >= MOST_REASONS && !this.#reasons.has(reason))) return;
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }

  /** For people. */
  text(): string {
    const { allow, deny, none } = this.#decisions;
    const top = [...this.#reasons].toSorted(([, one], [, other]) => other - one).slice(0, TOP);
    const reasons = top.map(([reason, count]) => `${shownWord(reason, 60)} ${count}`).join(", ");
    const damaged =
      this.#damaged === 0 ? "" : `\n${this.#damaged} line${this.#damaged === 1 ? " is" : "s are"} no record`;
    const records = `${this.#shown} of ${this.#read} record${this.#read === 1 ? "" : "s"}`;
    return `${records}: ${allow} allow, ${deny} deny, ${none} neither${reasons === "" ? "" : `; ${reasons}`}${damaged}`;
  }
}
