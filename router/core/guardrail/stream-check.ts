import { mayEscape, mayFold, type Reading } from "./folded-text.ts";
import { joinedMatches, maskedText, type Match } from "./match.ts";
import { type PatternSearch, TOO_COMPLEX } from "./pattern-search.ts";
import { StreamReading } from "./stream-reading.ts";
import { TextHold } from "./text-hold.ts";

/** A guardrail of patterns as it looks at a stream. */
export interface StreamCheck {
  readonly guardrail: string;
  readonly search: PatternSearch;
  readonly action: "block" | "mask";
}

/** `name`: the pattern's, or why the stream could not be judged. */
export interface Blocked {
  readonly guardrail: string;
  readonly name: string;
}

/** One text of a stream (of a choice, of a block), under all checks. */
export class StreamChannel {
  readonly #texts: readonly CheckedText[];
  #length = 0;

  constructor(checks: readonly StreamCheck[], window: number) {
    this.#texts = checks.map(({ guardrail, search, action }) => new CheckedText(guardrail, search, action, window));
  }

  /** How far it has come, in UTF-16 units. */
  get length(): number {
    return this.#length;
  }

  push(piece: string): Blocked | undefined {
    const escapes = mayEscape(piece);
    // A backslash at the end may be the beginning of "\u".
    const folds = mayFold(piece) || (escapes && piece.endsWith("\\"));
    for (const text of this.#texts) {
      const name = text.push(piece, folds, escapes);
      if (name !== undefined) return { guardrail: text.guardrail, name };
    }
    this.#length += piece.length;
    return undefined;
  }

  flush(): Blocked | undefined {
    for (const text of this.#texts) {
      const name = text.flush();
      if (name !== undefined) return { guardrail: text.guardrail, name };
    }
    return undefined;
  }

  isSettled(to: number): boolean {
    return this.#texts.every((text) => text.isSettled(to));
  }

  /** To be masked, of what is settled. */
  matches(): readonly Match[] {
    return this.#texts.flatMap(({ plain }) => plain.matches);
  }

  forget(before: number): void {
    for (const { plain } of this.#texts) plain.forget(before);
  }
}

/**
 * A text under one check: as it stands, and in each other reading from the first piece on that may read otherwise. What is
 * found in a reading blocks. Where the check masks, readings are of what the masks leave.
 */
class CheckedText {
  readonly guardrail: string;
  readonly plain: TextHold;
  readonly #action: "block" | "mask";
  readonly #readings: StreamReading[] = [];
  #folds = false;
  #escapes = false;
  /** Where the check masks: what the readings have not got yet, and where it begins. */
  #unread = "";
  #read = 0;

  constructor(guardrail: string, search: PatternSearch, action: "block" | "mask", window: number) {
    this.guardrail = guardrail;
    this.plain = new TextHold(search, action, window);
    this.#action = action;
  }

  push(piece: string, folds: boolean, escapes: boolean): string | undefined {
    if (this.#action === "mask") return this.#pushMasked(piece, folds || escapes);
    if ((folds && !this.#folds) || (escapes && !this.#escapes)) this.#begin(folds, escapes, this.plain.length);
    return this.plain.push(piece) ?? (this.#readings.length === 0 ? undefined : this.#give(piece, this.plain.length));
  }

  flush(): string | undefined {
    let name = this.plain.flush() ?? (this.#action === "mask" ? this.#giveSettled() : undefined);
    for (const reading of this.#readings) name ??= reading.flush();
    return name;
  }

  isSettled(to: number): boolean {
    if (this.plain.settled < to) return false;
    return this.#readings.length === 0 || this.#readings.every(({ settled }) => settled >= to);
  }

  #pushMasked(piece: string, differs: boolean): string | undefined {
    if (differs && this.#readings.length === 0) {
      // Of a match that is longer than what is held the readings have the beginning as it stands.
      this.#read = this.plain.isSpilled ? this.plain.length : this.plain.settled;
      this.#unread = this.plain.isSpilled ? "" : this.plain.held;
      this.#begin(true, true, this.#read);
    }
    const name = this.plain.push(piece);
    if (name !== undefined || this.#readings.length === 0) return name;
    this.#unread += piece;
    return this.#giveSettled();
  }

  #giveSettled(): string | undefined {
    const { settled } = this.plain;
    const from = this.#read;
    if (this.#readings.length === 0 || settled <= from) return undefined;
    const text = this.#unread.slice(0, settled - from);
    this.#unread = this.#unread.slice(settled - from);
    this.#read = settled;
    const matches = joinedMatches(this.plain.matches);
    return this.#give(matches.length === 0 ? text : maskedText(text, from, settled, matches), settled);
  }

  #give(text: string, to: number): string | undefined {
    let name: string | undefined;
    for (const reading of this.#readings) name ??= reading.push(text, to);
    return name;
  }

  /** Begins the readings that are needed now, behind `from`. */
  #begin(folds: boolean, escapes: boolean, from: number): void {
    const begin = (reading: Reading): void => {
      const settled = Math.min(this.plain.settled, from);
      this.#readings.push(new StreamReading(reading, this.plain.fork(from), settled, from));
    };
    if (folds && !this.#folds) begin("folded");
    if (escapes && !this.#escapes) begin("unescaped");
    const hadBoth = this.#folds && this.#escapes;
    this.#folds ||= folds;
    this.#escapes ||= escapes;
    if (this.#folds && this.#escapes && !hadBoth) begin("both");
  }
}

/** A text that is there as a whole: what it becomes, or why it is blocked. */
export function checkedText(checks: readonly StreamCheck[], whole: string): string | Blocked {
  let text = whole;
  for (const { guardrail, search, action } of checks) {
    if (action === "mask") {
      const matches = search.find(text);
      if (matches === undefined) return { guardrail, name: TOO_COMPLEX };
      if (matches.length > 0) text = maskedText(text, 0, text.length, matches);
    }
    const name = (action === "block" ? search.test(text) : undefined) ?? search.testFolded(text);
    if (name !== undefined) return { guardrail, name };
  }
  return text;
}

/** Why a text that is there as a whole and cannot be masked is blocked. */
export function checkedFixed(checks: readonly StreamCheck[], text: string): Blocked | undefined {
  for (const { guardrail, search } of checks) {
    const name = search.test(text) ?? search.testFolded(text);
    if (name !== undefined) return { guardrail, name };
  }
  return undefined;
}
