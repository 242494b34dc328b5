import { maskedText, type Match } from "./match.ts";
import { foldedText, mayFold } from "./folded-text.ts";
import { type PatternSearch, TOO_COMPLEX } from "./pattern-search.ts";
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

/** How far a channel had come, as it stands and folded. */
export interface ChannelMark {
  readonly plain: number;
  readonly folded: number;
}

interface Holds {
  readonly check: StreamCheck;
  readonly plain: TextHold;
  /** From the first piece on that reads otherwise once folded. Blocks. */
  folded: TextHold | undefined;
}

/** One text of a stream (of a choice, of a block), under all checks. */
export class StreamChannel {
  readonly #holds: readonly Holds[];
  #plain = 0;
  #folded = 0;

  constructor(checks: readonly StreamCheck[], window: number) {
    this.#holds = checks.map((check) => {
      return { check, plain: new TextHold(check.search, check.action, window), folded: undefined };
    });
  }

  get mark(): ChannelMark {
    return { plain: this.#plain, folded: this.#folded };
  }

  push(piece: string): Blocked | undefined {
    const folds = mayFold(piece);
    const folded = folds ? (foldedText(piece) ?? piece) : piece;
    for (const holds of this.#holds) {
      if (folds) holds.folded ??= holds.plain.fork();
      const name = holds.plain.push(piece) ?? holds.folded?.push(folded);
      if (name !== undefined) return { guardrail: holds.check.guardrail, name };
    }
    this.#plain += piece.length;
    this.#folded += folded.length;
    return undefined;
  }

  flush(): Blocked | undefined {
    for (const { check, plain, folded } of this.#holds) {
      const name = plain.flush() ?? folded?.flush();
      if (name !== undefined) return { guardrail: check.guardrail, name };
    }
    return undefined;
  }

  isSettled(to: ChannelMark): boolean {
    return this.#holds.every(
      ({ plain, folded }) => plain.settled >= to.plain && (folded === undefined || folded.settled >= to.folded),
    );
  }

  /** To be masked, of what is settled. */
  matches(): readonly Match[] {
    return this.#holds.flatMap(({ plain }) => plain.matches);
  }

  forget(before: number): void {
    for (const { plain } of this.#holds) plain.forget(before);
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
