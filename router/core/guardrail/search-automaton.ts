import { assertNever } from "../base/assert-never.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { type CharSet, HIGHEST_UNIT, holds, rangesOf, WORD } from "./char-set.ts";
import type { Assertion, SearchNode } from "./search-syntax.ts";

/** What an automaton looks for under one number. */
export interface SearchTarget {
  /** A beginning whose own text tells nothing: see `SearchAutomaton.lead`. */
  readonly lead: SearchNode | undefined;
  readonly body: SearchNode;
}

/**
 * Thompson's construction for several patterns at once. A state takes a unit (`sets[state]` is the set's number), or none:
 * then `next` are the states it leads to, all of them only where `assertions[state]` holds. It may be the end of a target.
 */
export interface SearchAutomaton {
  readonly sets: readonly number[];
  readonly assertions: readonly (Assertion | undefined)[];
  readonly next: readonly (readonly number[])[];
  /** By state: the number of the target that ends there, or -1. */
  readonly targets: readonly number[];
  readonly starts: readonly number[];
  /** By state: whoever is there has read nothing but the lead of its target. */
  readonly lead: readonly boolean[];
  readonly hasAssertions: boolean;
  readonly classes: UnitClasses;
}

/** Units that no pattern tells apart are one class. */
export interface UnitClasses {
  readonly count: number;
  /** By unit. */
  readonly of: Uint8Array;
  /** By class: it holds what `\w` holds. */
  readonly isWord: readonly boolean[];
  /** By the number of the set, then by class. */
  readonly inSet: readonly (readonly boolean[])[];
}

const MAXIMUM_CLASSES = 254;

/** The problem is one sentence: the patterns tell too many classes of characters apart. */
export function searchAutomaton(targets: readonly SearchTarget[]): Result<SearchAutomaton, string> {
  const builder = new Builder();
  const starts = targets.map(({ lead, body }, index) => {
    const end = builder.add({ target: index });
    const start = builder.node(body, end);
    if (lead === undefined) return start;
    const border = builder.add({ next: [start] });
    const first = builder.node(lead, border);
    for (let state = border; state < builder.next.length; state += 1) builder.lead[state] = true;
    return first;
  });
  const classes = unitClasses(builder.distinct);
  if (classes === undefined) return fail(`The patterns tell more than ${MAXIMUM_CLASSES} classes of characters apart.`);
  return ok({
    sets: builder.sets,
    assertions: builder.assertions,
    next: builder.next,
    targets: builder.targets,
    starts,
    lead: builder.lead,
    hasAssertions: builder.assertions.some((assertion) => assertion !== undefined),
    classes,
  });
}

class Builder {
  readonly sets: number[] = [];
  readonly assertions: (Assertion | undefined)[] = [];
  readonly next: number[][] = [];
  readonly targets: number[] = [];
  readonly lead: boolean[] = [];
  readonly distinct: CharSet[] = [];
  readonly #numbers = new Map<string, number>();

  add(state: { set?: CharSet; assertion?: Assertion; next?: number[]; target?: number }): number {
    this.sets.push(state.set === undefined ? -1 : this.#numberOf(state.set));
    this.assertions.push(state.assertion);
    this.targets.push(state.target ?? -1);
    this.lead.push(false);
    return this.next.push(state.next ?? []) - 1;
  }

  /** Adds the states for `node` before the state `after`; the index of the first of them. */
  node(node: SearchNode, after: number): number {
    switch (node.kind) {
      case "set":
        return this.add({ set: node.set, next: [after] });
      case "sequence":
        return node.items.reduceRight((next, item) => this.node(item, next), after);
      case "choice":
        return this.add({ next: node.branches.map((branch) => this.node(branch, after)) });
      case "assertion":
        return this.add({ assertion: node.at, next: [after] });
      case "repeat": {
        const { item, least, most } = node;
        let next = after;
        if (most === undefined) {
          const again = this.add({ next: [after] });
          this.next[again]?.push(this.node(item, again));
          next = again;
        } else {
          for (let count = least; count < most; count += 1) {
            next = this.add({ next: [this.node(item, next), after] });
          }
        }
        for (let count = 0; count < least; count += 1) next = this.node(item, next);
        return next;
      }
      default:
        return assertNever(node);
    }
  }

  #numberOf(set: CharSet): number {
    const key = set.join();
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.distinct.length);
    return this.distinct.push(set) - 1;
  }
}

function unitClasses(sets: readonly CharSet[]): UnitClasses | undefined {
  const borders = new Set([0]);
  for (const [low, high] of [...sets, WORD].flatMap(rangesOf)) {
    borders.add(low);
    if (high < HIGHEST_UNIT) borders.add(high + 1);
  }
  const froms = [...borders].toSorted((one, other) => one - other);
  const of = new Uint8Array(HIGHEST_UNIT + 1);
  const known = new Map<string, number>();
  const isWord: boolean[] = [];
  const inSet: boolean[][] = sets.map(() => []);
  for (const [index, from] of froms.entries()) {
    const within = [WORD, ...sets].map((set) => holds(set, from));
    const key = within.map(Number).join("");
    const found = known.get(key) ?? known.size;
    if (found === known.size) {
      known.set(key, found);
      isWord.push(within[0] === true);
      for (const [number, members] of inSet.entries()) members.push(within[number + 1] === true);
    }
    if (found >= MAXIMUM_CLASSES) return undefined;
    of.fill(found, from, froms[index + 1] ?? HIGHEST_UNIT + 1);
  }
  return { count: known.size, of, isWord, inSet };
}
