import { type Reading, TextReader } from "./folded-text.ts";
import type { TextHold } from "./text-hold.ts";

/** A text of a stream as it reads without look-alikes and escapes, searched while it comes. */
export class StreamReading {
  readonly #reader: TextReader;
  readonly #hold: TextHold;
  /** Places that are the same one in the text and in the reading; all but the first are not settled. */
  readonly #borders: { plain: number; read: number }[];

  /** `hold` has what came before `plain`, a place in the text; nothing in that would have read otherwise. */
  constructor(reading: Reading, hold: TextHold, settled: number, plain: number) {
    this.#reader = new TextReader(reading);
    this.#hold = hold;
    this.#borders = [{ plain: settled, read: 0 }];
    this.#border(plain);
  }

  /** So much of the text is known not to be the beginning of a match. */
  get settled(): number {
    return this.#borders[0]?.plain ?? 0;
  }

  /** What follows in the text, and the place where it ends. The name of what blocks, or undefined. */
  push(piece: string, plain: number): string | undefined {
    const name = this.#hold.push(this.#reader.read(piece));
    this.#border(plain);
    return name;
  }

  /** As `TextHold.flush`. The beginning of an escape is not looked at by itself, and may still become one. */
  flush(): string | undefined {
    const name = this.#hold.flush();
    this.#settle();
    return name;
  }

  #border(plain: number): void {
    const read = this.#hold.length;
    const last = this.#borders.at(-1);
    if (last !== undefined && this.#borders.length > 1 && last.read === read) last.plain = plain;
    else this.#borders.push({ plain, read });
    this.#settle();
  }

  #settle(): void {
    const { settled } = this.#hold;
    let count = 0;
    while ((this.#borders[count + 1]?.read ?? Number.POSITIVE_INFINITY) <= settled) count += 1;
    if (count > 0) this.#borders.splice(0, count);
  }
}
