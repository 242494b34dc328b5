import { assertNever } from "../base/assert-never.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { HIGHEST_UNIT, NOT_LINE_FEED } from "../guardrail/char-set.ts";
import { type Cursor, LazyDfa } from "../guardrail/lazy-dfa.ts";
import { searchAutomaton } from "../guardrail/search-automaton.ts";
import { parseSearchPattern, type SearchNode } from "../guardrail/search-syntax.ts";
import { NO, type Truth, UNKNOWN, YES } from "./truth.ts";

/** Whether a text is what a test asks for. */
export type TextMatcher = (text: string) => Truth;

/** Of one policy: each that is used takes some 100 KB, and at worst 4 MB. */
export const MAXIMUM_PATTERNS = 256;

/**
 * See `LazyDfa.work`: what building states for one text may cost, 10 to 20 ms however long it is. Reading takes some 15 ns a
 * unit besides; both of it twice where there are line feeds.
 */
const FREE_WORK = 100_000;

/**
 * A pattern in the syntax of `parseSearchPattern` that must take the whole of a text, in time proportional to its length;
 * it may begin with `^` and end with `$`, and may take the empty text.
 * Unknown: it would match if `.` took a line feed too, which a text of several lines does not decide; or the text asks
 * more of the pattern than is good. The problem is one sentence.
 */
export function parseTextPattern(source: string): Result<TextMatcher, string> {
  const parsed = parseWhole(source);
  if (!parsed.ok) return parsed;
  const node = parsed.value;
  const checked = searchAutomaton([{ lead: undefined, body: node }]);
  if (!checked.ok) return checked;
  // Made when they are first needed: a policy may have patterns that no action ever meets.
  let strict: LazyDfa | undefined;
  let lenient: LazyDfa | undefined;
  return ok((text) => {
    strict ??= machineOf(node);
    const found = matchesWhole(strict, text);
    if (found !== NO || !text.includes("\n")) return found;
    lenient ??= machineOf(overLines(node));
    return matchesWhole(lenient, text) === NO ? NO : UNKNOWN;
  });
}

/** What is searched for must not be empty, and a whole may be: it is read with a character behind it, which is left out. */
function parseWhole(source: string): Result<SearchNode, string> {
  const [flag, rest] = source.startsWith("(?i)") ? ["(?i)", source.slice(4)] : ["", source];
  const from = rest.startsWith("^") ? 1 : 0;
  const inner = rest.slice(from, isAnchoredAtEnd(rest) ? -1 : undefined);
  const parsed = parseSearchPattern(`${flag}(?:${inner})!`);
  if (!parsed.ok) return parsed;
  const [node, behind, ...more] = parsed.value.kind === "sequence" ? parsed.value.items : [];
  // A parenthesis of the source has closed ours.
  if (node === undefined || behind === undefined || more.length > 0) {
    return fail('The pattern cannot be read: there is a ")" without its "(".');
  }
  return ok(node);
}

/** Its last "$" is no escaped one. */
function isAnchoredAtEnd(source: string): boolean {
  if (!source.endsWith("$")) return false;
  let at = source.length - 2;
  while (source[at] === "\\") at -= 1;
  return (source.length - at) % 2 === 0;
}

function machineOf(node: SearchNode): LazyDfa {
  const automaton = searchAutomaton([{ lead: undefined, body: node }]);
  // With dots that take everything there are no more classes than with dots that do not.
  if (!automaton.ok) throw new Error(automaton.problem);
  return new LazyDfa(automaton.value, false);
}

function matchesWhole(machine: LazyDfa, text: string): Truth {
  const limit = machine.work + FREE_WORK;
  const cursor: Cursor = { state: machine.first("edge") };
  for (let at = 0; ; at += 1) {
    const stop = machine.scan(text, at, text.length, 1, cursor, limit);
    if (stop === undefined) return UNKNOWN;
    if (stop === text.length) return machine.endedBefore(cursor.state, machine.end).length > 0 ? YES : NO;
    cursor.state = machine.after(cursor.state, machine.classes.of[text.charCodeAt(stop)] ?? 0);
    if (cursor.state.items.length === 0) return NO;
    at = stop;
  }
}

const ANY_UNIT = Object.freeze([0, HIGHEST_UNIT]);

/** The same, with every `.` taking a line feed as well. */
function overLines(node: SearchNode): SearchNode {
  switch (node.kind) {
    case "set":
      return node.set === NOT_LINE_FEED ? { kind: "set", set: ANY_UNIT } : node;
    case "sequence":
      return { kind: "sequence", items: node.items.map(overLines) };
    case "choice":
      return { kind: "choice", branches: node.branches.map(overLines) };
    case "repeat":
      return { ...node, item: overLines(node.item) };
    case "assertion":
      return node;
    default:
      return assertNever(node);
  }
}
