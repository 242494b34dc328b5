import type { TextTest } from "./governance-policy.ts";
import { isLiteral, literalPrefix } from "./text-glob.ts";

/** Adds the lists of all rules that a text may concern; a rule may be in several. */
export type TextIndex<Rule> = (text: string, found: (readonly Rule[])[]) => void;

/** Patterns can begin with anything, and so can a glob that begins with a star. */
export function isIndexable(test: TextTest): boolean {
  return test.pattern.length === 0 && test.glob.every((glob) => literalPrefix(glob) !== "");
}

/** The texts that alone can meet a test; undefined where they cannot be listed. */
export function literalsOf(test: TextTest): readonly string[] | undefined {
  return test.pattern.length === 0 && test.glob.every(isLiteral) ? [...new Set([...test.in, ...test.glob])] : undefined;
}

/** By whole texts, and by what globs begin with: a look-up and a binary search, however many rules there are. */
export function indexTexts<Rule>(rules: readonly (readonly [test: TextTest, rule: Rule])[]): TextIndex<Rule> {
  const exact = new Map<string, Rule[]>();
  const beginnings = new Map<string, Rule[]>();
  for (const [test, rule] of rules) {
    for (const text of test.in) addTo(exact, text, rule);
    for (const glob of test.glob) addTo(isLiteral(glob) ? exact : beginnings, literalPrefix(glob), rule);
  }
  // By UTF-16 units, as "<" compares.
  const prefixes = [...beginnings.keys()].toSorted((one, other) => (one < other ? -1 : one > other ? 1 : 0));
  const lists = prefixes.map((prefix) => beginnings.get(prefix) ?? []);
  const parents = longestPrefixes(prefixes);
  return (text, found) => {
    const whole = exact.get(text);
    if (whole !== undefined) found.push(whole);
    if (prefixes.length === 0) return;
    // Every prefix of `text` in the list is one of the greatest that is not over `text`, or that itself.
    let at = lastNotOver(prefixes, text);
    while (at >= 0 && !text.startsWith(prefixes[at] ?? "")) at = parents[at] ?? -1;
    for (; at >= 0; at = parents[at] ?? -1) found.push(lists[at] ?? []);
  };
}

export function addTo<Rule>(table: Map<string, Rule[]>, key: string, rule: Rule): void {
  const list = table.get(key);
  if (list === undefined) table.set(key, [rule]);
  else if (list.at(-1) !== rule) list.push(rule);
}

/** By place in a sorted list: that of the longest other one that it begins with, or -1. */
function longestPrefixes(sorted: readonly string[]): Int32Array {
  const parents = new Int32Array(sorted.length).fill(-1);
  const open: number[] = [];
  for (const [index, text] of sorted.entries()) {
    while (open.length > 0 && !text.startsWith(sorted[open.at(-1) ?? 0] ?? "")) open.pop();
    parents[index] = open.at(-1) ?? -1;
    open.push(index);
  }
  return parents;
}

function lastNotOver(sorted: readonly string[], text: string): number {
  let low = -1;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((sorted[middle] ?? "") <= text) low = middle;
    else high = middle - 1;
  }
  return low;
}
