/** As JSON has them (RFC 8259 section 7): from left to right, so that an escaped backslash escapes nothing. */
const JSON_ESCAPE = /\\(?:u([0-9A-Fa-f]{4})|(["\\/bfnrt]))/g;
/** Wherever it stands. */
const CODE_ESCAPE = /\\u([0-9A-Fa-f]{4})/g;
/** The longest beginning of an escape that is not one yet: `\u` and three digits. */
const LONGEST_BEGINNING = 5;
const BEGINNING = /^(?:u[0-9A-Fa-f]{0,3})?$/;
const BACKSLASH = 0x5c;
const CONTROLS: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** Which escapes are read: `\u0041` anywhere, or all that JSON has. */
type Escapes = "code" | "json";

/** Takes the escapes out of a text that comes in pieces, cut anywhere. What is no escape stays as it is. */
export class EscapeReader {
  readonly #escapes: Escapes;
  /** The beginning of an escape. */
  #tail = "";

  constructor(escapes: Escapes) {
    this.#escapes = escapes;
  }

  /** The piece without escapes; what may begin one comes with the next piece. */
  read(piece: string): string {
    const text = this.#tail + piece;
    const cut = unfinishedAt(text, this.#escapes);
    this.#tail = text.slice(cut);
    const whole = text.slice(0, cut);
    if (!whole.includes("\\")) return whole;
    if (this.#escapes === "code") return whole.replaceAll(CODE_ESCAPE, (_, hex: string) => unitOf(hex));
    return whole.replaceAll(JSON_ESCAPE, (_, hex: string | undefined, character: string) =>
      hex === undefined ? (CONTROLS[character] ?? character) : unitOf(hex),
    );
  }

  /** What has begun like an escape and has come to no end. */
  rest(): string {
    return this.#tail;
  }
}

function unitOf(hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16));
}

/** Where the beginning of an escape stands at the end of the text, or its length. */
function unfinishedAt(text: string, escapes: Escapes): number {
  const from = text.lastIndexOf("\\");
  if (from < 0 || from < text.length - LONGEST_BEGINNING || !BEGINNING.test(text.slice(from + 1))) return text.length;
  if (escapes === "code") return from;
  let first = from;
  while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
  return (from - first) % 2 === 0 ? from : text.length;
}
