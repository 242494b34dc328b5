import { fail, ok, type Result } from "../base/result.ts";

/** Whether a pattern takes this UTF-16 code unit in this place. */
export type Test = (code: number) => boolean;

export type PatternNode =
  | { readonly kind: "one"; readonly test: Test }
  | { readonly kind: "sequence"; readonly items: readonly PatternNode[] }
  | { readonly kind: "choice"; readonly branches: readonly PatternNode[] }
  | { readonly kind: "repeat"; readonly item: PatternNode; readonly optional: boolean; readonly many: boolean };

const MAXIMUM = 512;

/**
 * The patterns that `signers.yaml` may hold for identities: `^...$` around literals, `.`, `[a-z]`, `[^/]`,
 * `\d`, `\w`, `\` before punctuation, groups, `|`, and `*`, `+`, `?`. The anchors always bind the whole, also in
 * `^a|b$`, and are not in the tree. The problem is one sentence.
 */
export function parsePattern(source: string): Result<PatternNode, string> {
  if (source.length > MAXIMUM) return fail(`The pattern is longer than ${MAXIMUM} characters.`);
  if (!source.startsWith("^") || !/(?<!\\)(?:\\\\)*\$$/.test(source)) {
    return fail('The pattern must begin with "^" and end with "$".');
  }
  const parser = new PatternParser(source.slice(1, -1));
  const node = parser.parse();
  return node === undefined ? fail(parser.problem) : ok(node);
}

/** Recursive descent; a method that meets something unknown notes the problem and returns undefined. */
class PatternParser {
  readonly #text: string;
  #at = 0;
  problem = "";

  constructor(text: string) {
    this.#text = text;
  }

  parse(): PatternNode | undefined {
    const node = this.#choice();
    if (node === undefined || this.#at === this.#text.length) return node;
    return this.#refuse('there is a ")" without its "("');
  }

  #choice(): PatternNode | undefined {
    const branches: PatternNode[] = [];
    do {
      const branch = this.#sequence();
      if (branch === undefined) return undefined;
      branches.push(branch);
    } while (this.#take("|"));
    return { kind: "choice", branches };
  }

  #sequence(): PatternNode | undefined {
    const items: PatternNode[] = [];
    while (this.#at < this.#text.length && !"|)".includes(this.#peek())) {
      const item = this.#atom();
      if (item === undefined) return undefined;
      items.push(this.#repeated(item));
    }
    return { kind: "sequence", items };
  }

  #repeated(item: PatternNode): PatternNode {
    if (this.#take("*")) return { kind: "repeat", item, optional: true, many: true };
    if (this.#take("+")) return { kind: "repeat", item, optional: false, many: true };
    if (this.#take("?")) return { kind: "repeat", item, optional: true, many: false };
    return item;
  }

  #atom(): PatternNode | undefined {
    if (this.#take("(")) {
      if (this.#take("?") && !this.#take(":")) return this.#refuse('"(?" begins only a plain group "(?:"');
      const node = this.#choice();
      if (node === undefined || this.#take(")")) return node;
      return this.#refuse('a "(" has no ")"');
    }
    const test = this.#take("[") ? this.#set() : this.#take(".") ? notLineBreak : this.#single("*+?{}^$]");
    return test === undefined ? undefined : { kind: "one", test };
  }

  #set(): Test | undefined {
    const negated = this.#take("^");
    const tests: Test[] = [];
    do {
      const from = this.#at;
      const first = this.#single("[]");
      if (first === undefined) return undefined;
      const isRange = this.#peek() === "-" && (this.#text[this.#at + 1] ?? "]") !== "]";
      const low = this.#text.charCodeAt(this.#at - 1);
      if (isRange) {
        this.#at += 1;
        const last = this.#single("[]");
        if (last === undefined) return undefined;
        const high = this.#text.charCodeAt(this.#at - 1);
        if (/\\[dw]/.test(this.#text.slice(from, this.#at)) || low > high) return this.#refuse("a range has no order");
        tests.push((code) => code >= low && code <= high);
      } else {
        tests.push(first);
      }
      if (this.#at >= this.#text.length) return this.#refuse('a "[" has no "]"');
    } while (!this.#take("]"));
    return (code) => tests.some((test) => test(code)) !== negated;
  }

  /** One literal character, or an escape. */
  #single(forbidden: string): Test | undefined {
    const character = this.#peek();
    this.#at += 1;
    if (character === "\\") {
      const escaped = this.#peek();
      this.#at += 1;
      if (escaped === "d") return isDigit;
      if (escaped === "w") return isWord;
      if (!/^[!-/:-@[-`{-~]$/.test(escaped)) return this.#refuse('"\\" stands only before punctuation, d and w');
      return (code) => code === escaped.charCodeAt(0);
    }
    if (character === "" || forbidden.includes(character)) {
      return this.#refuse(character === "" ? "it ends too early" : `"${character}" is misplaced or not supported`);
    }
    return (code) => code === character.charCodeAt(0);
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at += 1;
    return true;
  }

  #refuse(what: string): undefined {
    this.problem = `The pattern cannot be read: ${what}.`;
  }
}

const notLineBreak: Test = (code) => code !== 0x0a && code !== 0x0d && code !== 0x2028 && code !== 0x2029;
const isDigit: Test = (code) => code >= 0x30 && code <= 0x39;
const isWord: Test = (code) => /^\w$/.test(String.fromCharCode(code));
