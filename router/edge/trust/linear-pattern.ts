import { assertNever } from "../../core/base/assert-never.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";

/** Whether the whole of a text matches. Takes time proportional to the text's length, whatever the pattern. */
export type LinearPattern = (text: string) => boolean;

type Test = (code: number) => boolean;

type Node =
  | { readonly kind: "one"; readonly test: Test }
  | { readonly kind: "sequence"; readonly items: readonly Node[] }
  | { readonly kind: "choice"; readonly branches: readonly Node[] }
  | { readonly kind: "repeat"; readonly item: Node; readonly optional: boolean; readonly many: boolean };

/** A step of the automaton: consumes a character that passes `test`, or none where there is no test. */
interface State {
  readonly test: Test | undefined;
  readonly next: readonly number[];
}

const MAXIMUM = 512;
const ACCEPT = 0;

/**
 * The patterns that `signers.yaml` may hold for identities: `^...$` around literals, `.`, `[a-z]`, `[^/]`,
 * `\d`, `\w`, `\` before punctuation, groups, `|`, and `*`, `+`, `?`. The problem is one sentence.
 *
 * Certificate holders choose the text that is matched, so V8's backtracking engine is not used: `^(a+)+$`
 * would stop the sidecar. The anchors always bind the whole, also in `^a|b$`.
 */
export function parseLinearPattern(source: string): Result<LinearPattern, string> {
  if (source.length > MAXIMUM) return fail(`The pattern is longer than ${MAXIMUM} characters.`);
  if (!source.startsWith("^") || !/(?<!\\)(?:\\\\)*\$$/.test(source)) {
    return fail('The pattern must begin with "^" and end with "$".');
  }
  const parser = new PatternParser(source.slice(1, -1));
  const node = parser.parse();
  return node === undefined ? fail(parser.problem) : ok(matcherOf(node));
}

/** Recursive descent; a method that meets something unknown notes the problem and returns undefined. */
class PatternParser {
  readonly #text: string;
  #at = 0;
  problem = "";

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Node | undefined {
    const node = this.#choice();
    if (node === undefined || this.#at === this.#text.length) return node;
    return this.#refuse('there is a ")" without its "("');
  }

  #choice(): Node | undefined {
    const branches: Node[] = [];
    do {
      const branch = this.#sequence();
      if (branch === undefined) return undefined;
      branches.push(branch);
    } while (this.#take("|"));
    return { kind: "choice", branches };
  }

  #sequence(): Node | undefined {
    const items: Node[] = [];
    while (this.#at < this.#text.length && !"|)".includes(this.#peek())) {
      const item = this.#atom();
      if (item === undefined) return undefined;
      items.push(this.#repeated(item));
    }
    return { kind: "sequence", items };
  }

  #repeated(item: Node): Node {
    if (this.#take("*")) return { kind: "repeat", item, optional: true, many: true };
    if (this.#take("+")) return { kind: "repeat", item, optional: false, many: true };
    if (this.#take("?")) return { kind: "repeat", item, optional: true, many: false };
    return item;
  }

  #atom(): Node | undefined {
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

/** Thompson's construction, simulated over the set of all states it may be in. */
function matcherOf(node: Node): LinearPattern {
  const states: State[] = [{ test: undefined, next: [] }];
  const start = add(states, node, ACCEPT);
  return (text) => {
    let current = closure(states, [start]);
    for (let at = 0; at < text.length && current.size > 0; at += 1) {
      const code = text.charCodeAt(at);
      const passed = [...current].filter((state) => states[state]?.test?.(code) === true);
      current = closure(
        states,
        passed.flatMap((state) => states[state]?.next ?? []),
      );
    }
    return current.has(ACCEPT);
  };
}

/** Adds the states for `node` before the state `next`; the index of the first of them. */
function add(states: State[], node: Node, next: number): number {
  switch (node.kind) {
    case "one":
      return states.push({ test: node.test, next: [next] }) - 1;
    case "sequence":
      return node.items.reduceRight((after, item) => add(states, item, after), next);
    case "choice": {
      const branches = node.branches.map((branch) => add(states, branch, next));
      return states.push({ test: undefined, next: branches }) - 1;
    }
    case "repeat": {
      const again = states.push({ test: undefined, next: [] }) - 1;
      const item = add(states, node.item, node.many ? again : next);
      states[again] = { test: undefined, next: [item, next] };
      return node.optional ? again : item;
    }
    default:
      return assertNever(node);
  }
}

/** All states reachable without consuming a character. */
function closure(states: readonly State[], from: readonly number[]): ReadonlySet<number> {
  const reached = new Set(from);
  for (const index of reached) {
    const state = states[index];
    if (state?.test === undefined) for (const next of state?.next ?? []) reached.add(next);
  }
  return reached;
}
