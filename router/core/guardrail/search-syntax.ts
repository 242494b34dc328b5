import { assertNever } from "../base/assert-never.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { type CharSet, complementOf, DIGITS, inBothCases, NOT_LINE_FEED, SPACES, unionOf, WORD } from "./char-set.ts";

/** Where a match may stand: at the border of a word, not at one, at the text's start, at its end. */
export type Assertion = "boundary" | "notBoundary" | "start" | "end";

export type SearchNode =
  | { readonly kind: "set"; readonly set: CharSet }
  | { readonly kind: "sequence"; readonly items: readonly SearchNode[] }
  | { readonly kind: "choice"; readonly branches: readonly SearchNode[] }
  /** `most` is undefined where there is no end. */
  | { readonly kind: "repeat"; readonly item: SearchNode; readonly least: number; readonly most: number | undefined }
  | { readonly kind: "assertion"; readonly at: Assertion };

const MAXIMUM_LENGTH = 1_024;
const MAXIMUM_REPEAT = 1_000;
const MAXIMUM_DEPTH = 32;
/** Sets after all repeats are written out: what an automaton's size and a search's cost grow with. */
const MAXIMUM_SETS = 1_000;

/**
 * A pattern to be searched for, in the part of RE2's syntax whose search takes linear time and whose matches are
 * leftmost and longest: literals, `.`, `[a-z]`, `[^/]`, `\d \w \s` and their opposites, `\b \B ^ $` (`^`, `$`: of the
 * whole text), `\t \n \r \f`, `\xHH`, `\x{H...}`, `\` before punctuation, `( )`, `(?: )`, `|`, `* + ?`, `{n}`, `{n,}`,
 * `{n,m}`, and `(?i)` at the beginning. A set takes one UTF-16 unit; characters beyond U+FFFF stand as literals only.
 * What could match the empty text is refused. The problem is one sentence.
 */
export function parseSearchPattern(source: string): Result<SearchNode, string> {
  if (source.length > MAXIMUM_LENGTH) return fail(`The pattern is longer than ${MAXIMUM_LENGTH} characters.`);
  const ignoresCase = source.startsWith("(?i)");
  const parser = new SearchParser(ignoresCase ? source.slice(4) : source, ignoresCase);
  const node = parser.parse();
  if (node === undefined) return fail(parser.problem);
  if (mayBeEmpty(node)) return fail("The pattern matches the empty text, and so everywhere.");
  if (setsIn(node) > MAXIMUM_SETS) {
    return fail(`The pattern takes more than ${MAXIMUM_SETS} characters with all its repeats written out.`);
  }
  return ok(node);
}

/** The same pattern for a text that is read from its end. */
export function reversed(node: SearchNode): SearchNode {
  switch (node.kind) {
    case "set":
      return node;
    case "sequence":
      return { kind: "sequence", items: node.items.toReversed().map(reversed) };
    case "choice":
      return { kind: "choice", branches: node.branches.map(reversed) };
    case "repeat":
      return { ...node, item: reversed(node.item) };
    case "assertion":
      return node.at === "start" || node.at === "end" ? { ...node, at: node.at === "start" ? "end" : "start" } : node;
    default:
      return assertNever(node);
  }
}

function mayBeEmpty(node: SearchNode): boolean {
  switch (node.kind) {
    case "set":
      return false;
    case "sequence":
      return node.items.every(mayBeEmpty);
    case "choice":
      return node.branches.some(mayBeEmpty);
    case "repeat":
      return node.least === 0 || mayBeEmpty(node.item);
    case "assertion":
      return true;
    default:
      return assertNever(node);
  }
}

/** An item without an end counts once more than it must stand. */
function setsIn(node: SearchNode): number {
  switch (node.kind) {
    case "set":
    case "assertion":
      return 1;
    case "sequence":
      return node.items.reduce((sum, item) => sum + setsIn(item), 0);
    case "choice":
      return node.branches.reduce((sum, branch) => sum + setsIn(branch), 0);
    case "repeat":
      return setsIn(node.item) * Math.max(1, node.most ?? node.least + 1);
    default:
      return assertNever(node);
  }
}

const ESCAPED_SETS: ReadonlyMap<string, CharSet> = new Map([
  ["d", DIGITS],
  ["D", complementOf(DIGITS)],
  ["w", WORD],
  ["W", complementOf(WORD)],
  ["s", SPACES],
  ["S", complementOf(SPACES)],
]);
const ESCAPED_UNITS: ReadonlyMap<string, number> = new Map([
  ["t", 0x09],
  ["n", 0x0a],
  ["f", 0x0c],
  ["r", 0x0d],
]);
const PUNCTUATION = /^[!-/:-@[-`{-~]$/;

/** Recursive descent; a method that meets something unknown notes the problem and returns undefined. */
class SearchParser {
  readonly #text: string;
  readonly #ignoresCase: boolean;
  #at = 0;
  #depth = 0;
  problem = "";

  constructor(text: string, ignoresCase: boolean) {
    this.#text = text;
    this.#ignoresCase = ignoresCase;
  }

  parse(): SearchNode | undefined {
    const node = this.#choice();
    if (node === undefined || this.#at === this.#text.length) return node;
    return this.#refuse('there is a ")" without its "("');
  }

  #choice(): SearchNode | undefined {
    this.#depth += 1;
    if (this.#depth > MAXIMUM_DEPTH) return this.#refuse(`groups are nested deeper than ${MAXIMUM_DEPTH}`);
    const branches: SearchNode[] = [];
    do {
      const branch = this.#sequence();
      if (branch === undefined) return undefined;
      branches.push(branch);
    } while (this.#take("|"));
    this.#depth -= 1;
    return branches.length === 1 ? branches[0] : { kind: "choice", branches };
  }

  #sequence(): SearchNode | undefined {
    const items: SearchNode[] = [];
    while (this.#at < this.#text.length && !"|)".includes(this.#peek())) {
      const atom = this.#atom();
      const item = atom && this.#repeated(atom);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return { kind: "sequence", items };
  }

  #repeated(item: SearchNode): SearchNode | undefined {
    const [least, most] = this.#count();
    if (least === undefined) return item;
    if (Math.max(least, most ?? 0) > MAXIMUM_REPEAT || (most !== undefined && (most < least || most === 0))) {
      return this.#refuse(`a repeat has no order or is over ${MAXIMUM_REPEAT}`);
    }
    if (item.kind === "assertion") return this.#refuse("an anchor is repeated");
    if (/^[*+?]|^\{\d/.test(this.#text.slice(this.#at, this.#at + 2))) {
      return this.#refuse("a repeat is repeated, or asks for the shortest match");
    }
    return { kind: "repeat", item, least, most };
  }

  #count(): readonly [least?: number, most?: number | undefined] {
    if (this.#take("*")) return [0];
    if (this.#take("+")) return [1];
    if (this.#take("?")) return [0, 1];
    const counts = /^\{(\d{1,4})(,?)(\d{0,4})\}/.exec(this.#text.slice(this.#at, this.#at + 12));
    if (counts === null) return [];
    const [whole, least = "", comma, most = ""] = counts;
    if (comma === "" && most !== "") return [];
    this.#at += whole.length;
    return [Number(least), comma === "" ? Number(least) : most === "" ? undefined : Number(most)];
  }

  #atom(): SearchNode | undefined {
    if (this.#take("(")) {
      if (this.#take("?") && !this.#take(":")) return this.#refuse('"(?" begins only a plain group "(?:"');
      const node = this.#choice();
      if (node === undefined || this.#take(")")) return node;
      return this.#refuse('a "(" has no ")"');
    }
    if (this.#take("^")) return { kind: "assertion", at: "start" };
    if (this.#take("$")) return { kind: "assertion", at: "end" };
    if (this.#take("\\b")) return { kind: "assertion", at: "boundary" };
    if (this.#take("\\B")) return { kind: "assertion", at: "notBoundary" };
    if (this.#take("[")) return this.#set();
    if (this.#take(".")) return { kind: "set", set: NOT_LINE_FEED };
    const pair = /^[\uD800-\uDBFF][\uDC00-\uDFFF]/.exec(this.#text.slice(this.#at, this.#at + 2));
    if (pair !== null) return this.#beyond(pair[0]);
    const set = this.#single("*+?{}]");
    return set === undefined ? undefined : { kind: "set", set: this.#cased(set) };
  }

  /** A character of two units, as one item. */
  #beyond(pair: string): SearchNode {
    this.#at += 2;
    const items = [only(pair.charCodeAt(0)), only(pair.charCodeAt(1))].map((set): SearchNode => ({ kind: "set", set }));
    return { kind: "sequence", items };
  }

  #set(): SearchNode | undefined {
    const negated = this.#take("^");
    const sets: CharSet[] = [];
    do {
      const low = this.#single("[]");
      if (low === undefined) return undefined;
      const isRange = this.#peek() === "-" && (this.#text[this.#at + 1] ?? "]") !== "]";
      if (isRange) {
        this.#at += 1;
        const high = this.#single("[]");
        if (high === undefined) return undefined;
        const [from = 0, to = 0] = [unitIn(low), unitIn(high)];
        if (unitIn(low) === undefined || unitIn(high) === undefined || from > to) {
          return this.#refuse("a range has no order");
        }
        sets.push([from, to]);
      } else {
        sets.push(low);
      }
      if (this.#at >= this.#text.length) return this.#refuse('a "[" has no "]"');
    } while (!this.#take("]"));
    // The character that a pair of surrogates stands for would be taken apart.
    const set = this.#cased(unionOf(sets));
    if (sets.some((one) => (unitIn(one) ?? 0) >= 0xd800 && (unitIn(one) ?? 0) <= 0xdfff)) {
      return this.#refuse("a set holds a character beyond U+FFFF");
    }
    return { kind: "set", set: negated ? complementOf(set) : set };
  }

  #cased(set: CharSet): CharSet {
    return this.#ignoresCase ? inBothCases(set) : set;
  }

  /** One literal character, or an escape. */
  #single(forbidden: string): CharSet | undefined {
    const character = this.#peek();
    this.#at += 1;
    if (character === "\\") return this.#escape();
    if (character === "" || forbidden.includes(character)) {
      return this.#refuse(character === "" ? "it ends too early" : `"${character}" is misplaced or not supported`);
    }
    return only(character.charCodeAt(0));
  }

  #escape(): CharSet | undefined {
    const escaped = this.#peek();
    const set = ESCAPED_SETS.get(escaped);
    const unit = ESCAPED_UNITS.get(escaped) ?? (PUNCTUATION.test(escaped) ? escaped.charCodeAt(0) : undefined);
    const hex = /^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,4})\})/.exec(this.#text.slice(this.#at, this.#at + 7));
    this.#at += hex?.[0].length ?? 1;
    if (set !== undefined) return set;
    if (unit !== undefined) return only(unit);
    if (hex !== null) return only(Number.parseInt(hex[1] ?? hex[2] ?? "", 16));
    return this.#refuse('an escape after "\\" is not supported');
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #refuse(what: string): undefined {
    this.problem = `The pattern cannot be read: ${what}.`;
  }
}

function only(unit: number): CharSet {
  return [unit, unit];
}

function unitIn(set: CharSet): number | undefined {
  return set.length === 2 && set[0] === set[1] ? set[0] : undefined;
}
