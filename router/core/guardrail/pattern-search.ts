import { fail, ok, type Result } from "../base/result.ts";
import { mayEscape, mayFold, type Reading, readText } from "./folded-text.ts";
import { type Before, type Cursor, type DfaState, LazyDfa } from "./lazy-dfa.ts";
import { joinedMatches, type Match } from "./match.ts";
import { searchAutomaton, type SearchTarget } from "./search-automaton.ts";
import { parseSearchPattern, reversed, type SearchNode } from "./search-syntax.ts";

/** One of the patterns that are searched for together, in the syntax of `parseSearchPattern`. */
export interface SearchPattern {
  readonly name: string;
  /** What stands before `pattern` and by itself tells nothing, so that a stream need not be held back for it. */
  readonly lead?: string;
  readonly pattern: string;
  /** A match that begins here is worth asking `check` for: quick, for texts where a match could begin everywhere. */
  readonly mayStart?: (text: string, start: number) => boolean;
  /** Whether the longest match counts: where it ends, at most `end`, or undefined. May look at what is around it. */
  readonly check?: (text: string, start: number, end: number) => number | undefined;
  /** Where a match that counts ends for masking, at most `end`. */
  readonly cut?: (text: string, start: number, end: number) => number;
}

/** The name of what is found where a text asks more of the patterns than is good: it is treated as a match. */
export const TOO_COMPLEX = "too_complex";

/** More than a guardrail's built-in rows and own patterns can be. */
const MAXIMUM_PATTERNS = 128;
/** All patterns together, in states of the automaton. */
const MAXIMUM_STATES = 20_000;
/** See `LazyDfa.work`: 100 to 200 ms for one pattern, and as many ns more a unit; a quarter of it for several together. */
const FREE_WORK = 1_000_000;
const GROUP_WORK = 250_000;
/** Units that may be read to find where matches end: for each unit of the text, and at all. */
const STEPS_PER_UNIT = 8;
const FREE_STEPS = 65_536;

/** Of one pattern in one text: some 10 MB while they are masked. */
const MAXIMUM_MATCHES = 50_000;

interface Compiled extends SearchPattern {
  readonly body: SearchNode;
  machines: Machines | undefined;
}

/** For one pattern: reads backward through a text, and from the start of a match to its end. */
interface Machines {
  readonly backward: LazyDfa;
  readonly longest: LazyDfa;
}

/**
 * Searches texts for patterns in time proportional to their length, whatever the texts. All patterns are looked for in
 * one pass; each that ended somewhere gets a pass of its own for where its matches begin: leftmost, longest, not
 * overlapping. Where patterns together lead to ever new states, each half of them gets a pass of its own, and so on.
 */
export class PatternSearch {
  /** For streams, which keep their own place in it. */
  readonly together: LazyDfa;
  readonly #patterns: readonly Compiled[];
  /** Of halves, quarters ... of the patterns, once they were needed. */
  readonly #groups = new Map<number, LazyDfa>();

  private constructor(patterns: readonly Compiled[], together: LazyDfa) {
    this.#patterns = patterns;
    this.together = together;
  }

  /** The problem is one sentence. `keepLeads`: leads count as such; otherwise they are a part of what is found. */
  static compile(patterns: readonly SearchPattern[], keepLeads: boolean): Result<PatternSearch, string> {
    if (patterns.length === 0 || patterns.length > MAXIMUM_PATTERNS) {
      return fail(`There must be 1 to ${MAXIMUM_PATTERNS} patterns.`);
    }
    const compiled: Compiled[] = [];
    const targets: SearchTarget[] = [];
    for (const pattern of patterns) {
      const parsed = parseSearchPattern(pattern.pattern);
      if (!parsed.ok) return parsed;
      const lead = pattern.lead === undefined ? undefined : parseSearchPattern(pattern.lead);
      if (lead?.ok === false) return lead;
      const body: SearchNode =
        lead === undefined ? parsed.value : { kind: "sequence", items: [lead.value, parsed.value] };
      compiled.push({ ...pattern, body, machines: undefined });
      // What is still to be checked is looked for as a whole, also in a stream.
      const hasLead = keepLeads && pattern.check === undefined;
      targets.push(hasLead ? { lead: lead?.value, body: parsed.value } : { lead: undefined, body });
    }
    const automaton = searchAutomaton(targets);
    if (!automaton.ok) return automaton;
    if (automaton.value.sets.length > MAXIMUM_STATES) return fail("The patterns are too large together.");
    return ok(new PatternSearch(compiled, new LazyDfa(automaton.value, true)));
  }

  nameOf(target: number): string {
    return this.#patterns[target]?.name ?? TOO_COMPLEX;
  }

  /** A match of it counts only after its check, or only a part of it does. */
  isChecked(target: number): boolean {
    return this.#patterns[target]?.check !== undefined;
  }

  /** For streams: nothing is under way, and this unit stands before. */
  firstAfter(unit: number): DfaState {
    const { classes } = this.together;
    return this.together.first(classes.isWord[classes.of[unit] ?? 0] === true ? "word" : "other");
  }

  /** The name of a pattern that matches between `from` and `to`, or `TOO_COMPLEX`, or undefined. */
  test(text: string, from = 0, to = text.length): string | undefined {
    const ended = this.#endedIn(text, from, to, true);
    if (ended === TOO_COMPLEX) return TOO_COMPLEX;
    for (const target of ended) {
      const pattern = this.#patterns[target];
      if (pattern?.check === undefined) return this.nameOf(target);
      const spans = this.#spans(pattern, text, from, to, true);
      if (spans === undefined) return TOO_COMPLEX;
      if (spans.length > 0) return pattern.name;
    }
    return undefined;
  }

  /** As `test`, of the text in each other reading; undefined, too, where none differs. */
  testFolded(text: string): string | undefined {
    const folds = mayFold(text);
    const escapes = mayEscape(text);
    return (
      (folds ? this.#testRead(text, "folded") : undefined) ??
      (escapes ? this.#testRead(text, "unescaped") : undefined) ??
      (folds && escapes ? this.#testRead(text, "both") : undefined)
    );
  }

  #testRead(text: string, reading: Reading): string | undefined {
    const read = readText(text, reading);
    return read === undefined ? undefined : this.test(read);
  }

  /**
   * All matches between `from` and `to`, in order; what overlaps is one match under the name of the first. Anchors and
   * checks see what is around. Undefined: too complex.
   */
  find(text: string, from = 0, to = text.length): readonly Match[] | undefined {
    const ended = this.#endedIn(text, from, to, false);
    if (ended === TOO_COMPLEX) return undefined;
    const all: Match[] = [];
    for (const target of ended) {
      const pattern = this.#patterns[target];
      const spans = pattern && this.#spans(pattern, text, from, to, false);
      if (spans === undefined) return undefined;
      for (const span of spans) all.push(span);
    }
    return joinedMatches(all);
  }

  /** The targets that end somewhere; with `first`, the list may stop at one that needs no check. */
  #endedIn(text: string, from: number, to: number, first: boolean): readonly number[] | typeof TOO_COMPLEX {
    const isEnough = (target: number): boolean => first && !this.isChecked(target);
    const ended: number[] = [];
    const ranges: (readonly [low: number, high: number])[] = [[0, this.#patterns.length]];
    for (;;) {
      const range = ranges.pop();
      if (range === undefined) return ended;
      const [low, high] = range;
      const isOne = high - low === 1;
      const work = isOne ? FREE_WORK + (to - from) : GROUP_WORK;
      const ends = endsIn(this.#forwardOf(low, high), text, from, to, work, (target) => isEnough(low + target));
      if (ends === undefined) {
        if (isOne) return TOO_COMPLEX;
        const middle = (low + high) >> 1;
        ranges.push([middle, high], [low, middle]);
        continue;
      }
      for (const target of ends) {
        ended.push(low + target);
        if (isEnough(low + target)) return [low + target];
      }
    }
  }

  /** Looks for the patterns from `low` to before `high` together. */
  #forwardOf(low: number, high: number): LazyDfa {
    if (high - low === this.#patterns.length) return this.together;
    const known = this.#groups.get(low * MAXIMUM_PATTERNS + high);
    if (known !== undefined) return known;
    const group = machineOf(
      this.#patterns.slice(low, high).map(({ body }) => body),
      true,
    );
    this.#groups.set(low * MAXIMUM_PATTERNS + high, group);
    return group;
  }

  /** With `one`, the first will do. */
  #spans(pattern: Compiled, text: string, from: number, to: number, one: boolean): readonly Match[] | undefined {
    const starts = startsIn(machinesOf(pattern).backward, text, from, to);
    if (starts === undefined) return undefined;
    const { longest } = machinesOf(pattern);
    const limit = longest.work + workFor(from, to);
    const spans: Match[] = [];
    let steps = STEPS_PER_UNIT * (to - from) + FREE_STEPS;
    for (let start = starts.indexOf(1); start >= 0;) {
      const at = from + start;
      let end: number | undefined;
      if (pattern.mayStart?.(text, at) !== false) {
        const found = longestFrom(longest, text, at, to, limit, steps);
        if (found === undefined) return undefined;
        steps -= found.steps;
        end = found.end;
        if (end !== undefined && pattern.check !== undefined) end = pattern.check(text, at, end);
      }
      if (end !== undefined) {
        spans.push({ name: pattern.name, start: at, end: Math.max(at + 1, pattern.cut?.(text, at, end) ?? end) });
        if (one) return spans;
        if (spans.length > MAXIMUM_MATCHES) return undefined;
      }
      start = starts.indexOf(1, (spans.at(-1)?.end ?? at) > at ? (spans.at(-1)?.end ?? at) - from : start + 1);
    }
    return spans;
  }
}

function machinesOf(pattern: Compiled): Machines {
  // oxlint-disable-next-line no-param-reassign -- kept with what it was made from
  pattern.machines ??= {
    backward: machineOf([reversed(pattern.body)], true),
    longest: machineOf([pattern.body], false),
  };
  return pattern.machines;
}

function machineOf(bodies: readonly SearchNode[], anywhere: boolean): LazyDfa {
  const automaton = searchAutomaton(bodies.map((body) => ({ lead: undefined, body })));
  // They were a part of an automaton with no fewer classes.
  if (!automaton.ok) throw new Error(automaton.problem);
  return new LazyDfa(automaton.value, anywhere);
}

const NO_TARGETS: ReadonlySet<number> = new Set();

function workFor(from: number, to: number): number {
  return FREE_WORK + (to - from);
}

/** What stands before or behind a place, for a scan that begins there. */
function beside(dfa: LazyDfa, text: string, at: number): Before {
  if (at < 0 || at >= text.length) return "edge";
  return dfa.classes.isWord[dfa.classes.of[text.charCodeAt(at)] ?? 0] === true ? "word" : "other";
}

function classAt(dfa: LazyDfa, text: string, at: number): number {
  return at < 0 || at >= text.length ? dfa.end : (dfa.classes.of[text.charCodeAt(at)] ?? 0);
}

/** The targets that end; up to the first for which `isEnough` is true. Undefined: more work than allowed. */
function endsIn(
  dfa: LazyDfa,
  text: string,
  from: number,
  to: number,
  work: number,
  isEnough: (target: number) => boolean,
): ReadonlySet<number> | undefined {
  const limit = dfa.work + work;
  let ends = NO_TARGETS;
  const cursor: Cursor = { state: dfa.first(beside(dfa, text, from - 1)) };
  for (let at = from; ; at += 1) {
    const stop = dfa.scan(text, at, to, 1, cursor, limit);
    if (stop === undefined) return undefined;
    at = stop;
    const unitClass = classAt(dfa, text, at);
    for (const target of dfa.endedBefore(cursor.state, unitClass)) {
      if (!ends.has(target)) ends = new Set([...ends, target]);
      if (isEnough(target)) return new Set([target]);
    }
    if (at === to) return ends;
    cursor.state = dfa.after(cursor.state, unitClass);
  }
}

/** By place after `from`: 1 where a match begins. */
function startsIn(dfa: LazyDfa, text: string, from: number, to: number): Uint8Array | undefined {
  const limit = dfa.work + workFor(from, to);
  const starts = new Uint8Array(to - from + 1);
  const cursor: Cursor = { state: dfa.first(beside(dfa, text, to)) };
  for (let at = to - 1; ; at -= 1) {
    const stop = dfa.scan(text, at, from - 1, -1, cursor, limit);
    if (stop === undefined) return undefined;
    at = stop;
    const unitClass = classAt(dfa, text, at);
    if (dfa.endedBefore(cursor.state, unitClass).length > 0) starts[at + 1 - from] = 1;
    if (at === from - 1) return starts;
    cursor.state = dfa.after(cursor.state, unitClass);
  }
}

/** Where the longest match that begins at `start` ends, and how many units were read for it. */
function longestFrom(
  dfa: LazyDfa,
  text: string,
  start: number,
  to: number,
  limit: number,
  steps: number,
): { readonly end: number | undefined; readonly steps: number } | undefined {
  const cursor: Cursor = { state: dfa.first(beside(dfa, text, start - 1)) };
  const last = Math.min(to, start + steps);
  let end: number | undefined;
  for (let at = start; ; at += 1) {
    const stop = dfa.scan(text, at, last, 1, cursor, limit);
    if (stop === undefined || (stop === last && last < to)) return undefined;
    at = stop;
    const unitClass = classAt(dfa, text, at);
    if (dfa.endedBefore(cursor.state, unitClass).length > 0) end = at;
    if (at === to) return { end, steps: at - start };
    cursor.state = dfa.after(cursor.state, unitClass);
    if (cursor.state.items.length === 0) return { end, steps: at - start };
  }
}
