import { octetsOf, textOf } from "../json/utf8.ts";

/** A JSON value and where it stands: offsets in octets, from its first to after its last. */
export type SourceNode = SourceObject | SourceList | SourceText | SourcePlain;

export interface SourceObject {
  readonly kind: "object";
  readonly at: number;
  readonly end: number;
  readonly members: ReadonlyMap<string, SourceNode>;
}

export interface SourceList {
  readonly kind: "list";
  readonly at: number;
  readonly end: number;
  readonly items: readonly SourceNode[];
}

export interface SourceText {
  readonly kind: "text";
  readonly at: number;
  readonly end: number;
  readonly value: string;
}

/** A number, `true`, `false`, `null`; or what was passed over (`SKIPPED`), whose value is undefined. */
export interface SourcePlain {
  readonly kind: "plain";
  readonly at: number;
  readonly end: number;
  readonly value: number | boolean | null | undefined;
}

/** An object with the octets that its offsets are of. */
export interface SourceDocument {
  readonly octets: Uint8Array;
  readonly root: SourceNode;
}

const DEEPEST = 200;
/** A node costs some hundred octets. */
const MOST_NODES = 200_000;
/** They spell an answer once more token by token, and hold nothing that anybody calls. */
const SKIPPED: ReadonlySet<string> = new Set(["logprobs", "logprobsResult"]);

/**
 * Reads a text that must be strict JSON (RFC 8259). Undefined: it is not, or readers take it in different ways (an object
 * with two members of one name, a name with half of a surrogate pair), or it is deeper or has more values than any of ours.
 */
export function readSource(text: string): SourceDocument | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!text.isWellFormed()) return undefined;
  const octets = octetsOf(text);
  const root = sourceTree(octets);
  return root && { octets, root };
}

/** As `readSource`, of octets that are known to be well-formed JSON (a captured member's). */
export function sourceTree(octets: Uint8Array): SourceNode | undefined {
  return new TreeReader(octets).read(0);
}

/** The text of a node as it stands. */
export function sourceText({ octets }: SourceDocument, { at, end }: SourceNode): string {
  return textOf(octets, at, end);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What it is given is JSON: it looks for what divides the values, and for nothing else. */
class TreeReader {
  readonly #octets: Uint8Array;
  #at = 0;
  #nodes = 0;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  read(depth: number): SourceNode | undefined {
    this.#space();
    this.#nodes += 1;
    if (depth > DEEPEST || this.#nodes > MOST_NODES) return undefined;
    switch (this.#octets[this.#at] ?? 0) {
      case OPEN_OBJECT:
        return this.#object(depth);
      case OPEN_LIST:
        return this.#list(depth);
      case QUOTE:
        return this.#text();
      default:
        return this.#plain();
    }
  }

  #object(depth: number): SourceObject | undefined {
    const at = this.#at;
    const members = new Map<string, SourceNode>();
    this.#at += 1;
    for (this.#space(); this.#octets[this.#at] === QUOTE; this.#space()) {
      const { value: name } = this.#text();
      if (members.has(name) || !name.isWellFormed()) return undefined;
      this.#space();
      // The colon.
      this.#at += 1;
      const value = SKIPPED.has(name) ? this.#passOver() : this.read(depth + 1);
      if (value === undefined) return undefined;
      members.set(name, value);
      this.#space();
      if (this.#octets[this.#at] === COMMA) this.#at += 1;
    }
    this.#at += 1;
    return { kind: "object", at, end: this.#at, members };
  }

  #list(depth: number): SourceList | undefined {
    const at = this.#at;
    const items: SourceNode[] = [];
    this.#at += 1;
    for (this.#space(); this.#at < this.#octets.length && this.#octets[this.#at] !== CLOSE_LIST; this.#space()) {
      const item = this.read(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
      this.#space();
      if (this.#octets[this.#at] === COMMA) this.#at += 1;
    }
    this.#at += 1;
    return { kind: "list", at, end: this.#at, items };
  }

  #text(): SourceText {
    const at = this.#at;
    const escapes = this.#string();
    const text = textOf(this.#octets, at + 1, this.#at - 1);
    return { kind: "text", at, end: this.#at, value: escapes ? (JSON.parse(`"${text}"`) as string) : text };
  }

  /** Goes to after the string. Whether it has escapes. */
  #string(): boolean {
    let escapes = false;
    this.#at += 1;
    while (this.#at < this.#octets.length && this.#octets[this.#at] !== QUOTE) {
      if (this.#octets[this.#at] === BACKSLASH) {
        escapes = true;
        this.#at += 1;
      }
      this.#at += 1;
    }
    this.#at += 1;
    return escapes;
  }

  #plain(): SourcePlain | undefined {
    const at = this.#at;
    while (this.#at < this.#octets.length && isWord(this.#octets[this.#at] ?? 0)) this.#at += 1;
    if (this.#at === at) return undefined;
    const value = JSON.parse(textOf(this.#octets, at, this.#at)) as number | boolean | null;
    return { kind: "plain", at, end: this.#at, value };
  }

  #passOver(): SourcePlain {
    this.#space();
    const at = this.#at;
    let depth = 0;
    do {
      const octet = this.#octets[this.#at] ?? 0;
      if (octet === QUOTE) {
        this.#string();
        continue;
      }
      if (octet === OPEN_OBJECT || octet === OPEN_LIST) depth += 1;
      else if (octet === CLOSE_OBJECT || octet === CLOSE_LIST) depth -= 1;
      else if (isWord(octet)) {
        while (isWord(this.#octets[this.#at] ?? 0)) this.#at += 1;
        continue;
      }
      this.#at += 1;
    } while (depth > 0 && this.#at < this.#octets.length);
    return { kind: "plain", at, end: this.#at, value: undefined };
  }

  #space(): void {
    let octet = this.#octets[this.#at];
    while (octet === 0x20 || octet === 0x0a || octet === 0x0d || octet === 0x09) octet = this.#octets[++this.#at];
  }
}

/** Of numbers, `true`, `false`, `null`. */
function isWord(octet: number): boolean {
  return (
    (octet >= 0x30 && octet <= 0x39) ||
    (octet >= 0x61 && octet <= 0x7a) ||
    octet === 0x2b ||
    octet === 0x2d ||
    octet === 0x2e ||
    octet === 0x45
  );
}
