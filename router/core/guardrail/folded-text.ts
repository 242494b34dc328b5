import { EscapeReader } from "./escape-reader.ts";

/** Units normalised together: `normalize` takes quadratic time over a run of combining marks (200,000: 12 s). */
const BLOCK = 64;
/** Units folded at a time: replacing keeps a list of all places, which for 8 MiB of escapes would be more than the heap. */
const PART = 4_096;

// oxlint-disable-next-line no-control-regex -- all of ASCII is meant
const NOT_ASCII = /[^\x00-\x7f]+/g;
const UNSEEN = /[\p{Mn}\p{Me}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
/** Arabic sentences in one character, eighteen units long and nothing that is looked for. */
const LONG_LIGATURES = /[\ufdfa\ufdfb]/g;

/**
 * How a text is read. "folded": as a reader understands it whom look-alikes do not mislead: compatible forms are plain
 * (full-width letters, circled digits: NFKD), marks, accents and invisible characters are gone, all spaces, dashes and
 * decimal digits are ASCII's, and `\u0041`, as JSON within a text has it, is the character; letters of other scripts that
 * look like Latin ones stay what they are. "unescaped": as whoever reads the JSON that it is has it. "both": first this,
 * then that.
 */
export type Reading = "folded" | "unescaped" | "both";

/** The text in a reading; offsets are not those of the text. Undefined: nothing differs. */
export function readText(text: string, reading: Reading): string | undefined {
  const reader = new TextReader(reading);
  const parts: string[] = [];
  for (let from = 0; from < text.length; from += PART) parts.push(reader.read(text.slice(from, from + PART)));
  parts.push(reader.rest());
  const read = parts.join("");
  return read === text ? undefined : read;
}

/** Reads a text that comes in pieces, cut anywhere. */
export class TextReader {
  readonly #json: EscapeReader | undefined;
  readonly #code: EscapeReader | undefined;
  /** The first half of a character beyond U+FFFF. */
  #half = "";

  constructor(reading: Reading) {
    if (reading !== "folded") this.#json = new EscapeReader("json");
    if (reading !== "unescaped") this.#code = new EscapeReader("code");
  }

  /** What an escape or a character begins that is not whole yet comes with the next piece. */
  read(piece: string): string {
    const plain = this.#json?.read(piece) ?? piece;
    if (this.#code === undefined) return plain;
    const read = this.#half + this.#code.read(plain);
    this.#half = (read.charCodeAt(read.length - 1) & 0xfc00) === 0xd800 ? read.slice(-1) : "";
    return (this.#half === "" ? read : read.slice(0, -1)).replaceAll(NOT_ASCII, foldRun);
  }

  /** What has come to no end. */
  rest(): string {
    return this.#half + (this.#code?.rest() ?? "") + (this.#json?.rest() ?? "");
  }
}

/** Something in it may read otherwise once folded. */
export function mayFold(text: string): boolean {
  return text.search(NOT_ASCII) >= 0 || text.includes("\\u");
}

/** It may hold escapes of JSON. */
export function mayEscape(text: string): boolean {
  return text.includes("\\");
}

export function mayReadOtherwise(text: string): boolean {
  return mayEscape(text) || mayFold(text);
}

function foldRun(run: string): string {
  let folded = "";
  for (let at = 0; at < run.length; at += BLOCK) {
    folded += run
      .slice(at, at + BLOCK)
      .replaceAll(LONG_LIGATURES, "")
      .normalize("NFKD")
      .replaceAll(UNSEEN, "")
      .replaceAll(/\p{Zs}/gu, " ")
      .replaceAll(/\p{Pd}/gu, "-")
      .replaceAll(/[^\p{ASCII}\P{Nd}]/gu, digitOf);
  }
  return folded;
}

/** Decimal digits stand in runs from zero to nine (Unicode 4.6). */
function digitOf(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  let value = 0;
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(point - value - 1))) value += 1;
  return String(value);
}
