import type { Word } from "./policy-word.ts";
import { shownText } from "./shown-text.ts";

/** Decisions that are alike: about the same, and with the same verdicts. */
export interface DiffRow {
  /** Null: it depends on what the record does not hold. */
  readonly before: Word | null;
  readonly after: Word | null;
  /** `connect`, `http.GET`, `inference.chat`, `exec`. */
  readonly action: string;
  readonly target: string;
  /** The first of them: a record's time and sequence number, or the name of a case. */
  readonly first: string;
  count: number;
}

/** More kinds of change than this are counted, and not listed. */
const MOST_ROWS = 10_000;

/** What came of all decisions, in bounded memory. */
export class DiffTable {
  stays = 0;
  changes = 0;
  unknown = 0;
  unlisted = 0;
  readonly #rows = new Map<string, DiffRow>();

  get decisions(): number {
    return this.stays + this.changes + this.unknown;
  }

  /** The changes first, then what is unknown, each as often as it came. */
  get rows(): readonly DiffRow[] {
    const weight = ({ before, after }: DiffRow): number => (before === null || after === null ? 1 : 0);
    return [...this.#rows.values()].toSorted((one, other) => weight(one) - weight(other) || other.count - one.count);
  }

  stay(): void {
    this.stays += 1;
  }

  /** Undefined: it depends on what is not known. */
  differ(before: Word | undefined, after: Word | undefined, about: Pick<DiffRow, "action" | "target" | "first">): void {
    if (before === undefined || after === undefined) this.unknown += 1;
    else this.changes += 1;
    const key = JSON.stringify([about.action, about.target, before ?? null, after ?? null]);
    const known = this.#rows.get(key);
    if (known !== undefined) known.count += 1;
    else if (this.#rows.size >= MOST_ROWS) this.unlisted += 1;
    else this.#rows.set(key, { ...about, before: before ?? null, after: after ?? null, count: 1 });
  }

  *lines(): Generator<string> {
    for (const { before, after, action, target, first, count } of this.rows) {
      const what = before === null || after === null ? "UNKNOWN" : "CHANGES";
      const about = `${shownText(action, 60)} ${shownText(target, 300)}`;
      yield `${what}  ${String(count).padStart(6)}  ${about}: ${wordText(before)} -> ${wordText(after)}; first ${shownText(first, 300)}`;
    }
    if (this.unlisted > 0) yield `and ${this.unlisted} more that are not listed`;
    yield `${this.decisions} decisions: ${this.stays} stay, ${this.changes} change, ${this.unknown} unknown`;
  }
}

function wordText(word: Word | null): string {
  if (word === null) return "depends on what is not recorded";
  const why = [word.reason, word.rule === undefined ? undefined : `rule ${word.rule}`].filter(
    (part) => part !== undefined,
  );
  return why.length === 0 ? word.effect : `${word.effect} (${why.join(", ")})`;
}
