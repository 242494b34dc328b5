import type { SearchAutomaton, UnitClasses } from "./search-automaton.ts";

/** What stands before the place where a scan begins: nothing, a unit of `\w`, or another. */
export type Before = "edge" | "word" | "other";

/**
 * The states of the automaton that a scan may be in after a unit, without those in which a match could begin anew: none,
 * and nothing is under way. It stays good when the table is thrown away.
 */
export interface DfaState {
  readonly items: readonly number[];
  readonly before: Before;
  /** Something is under way that has read more than a lead. */
  readonly pending: boolean;
  /** Its place in the table of `generation`. */
  row: number;
  generation: number;
}

/** Where a scan is. */
export interface Cursor {
  state: DfaState;
}

/** Of a table, four octets each. */
const MAXIMUM_CELLS = 1 << 19;
const UNKNOWN = -1;
const NONE: readonly number[] = [];

/**
 * The deterministic automaton of a search, of which only the states that texts lead to are built. A cell holds the row of
 * the next state doubled, plus one where a target ended before the unit: what `\b` says is known only with the unit after
 * it, or where nothing can end after it. A full table is thrown away and built again from where the scan is, so memory is bounded; what that costs is `work`.
 */
export class LazyDfa {
  readonly classes: UnitClasses;
  /** The class "the text ends here". */
  readonly end: number;
  /** States of the automaton that were visited to build the table: 100 to 200 ns each where every state is a new one. */
  work = 0;
  readonly #automaton: SearchAutomaton;
  readonly #anywhere: boolean;
  readonly #width: number;
  #cells = new Int32Array(0);
  #states: DfaState[] = [];
  readonly #byKey = new Map<string, DfaState>();
  /** By cell that is odd: the targets that ended. */
  readonly #ended = new Map<number, readonly number[]>();
  readonly #firsts = new Map<Before, DfaState>();
  #generation = 0;
  /** By state of the automaton: the closure that reached it last. */
  readonly #reached: Float64Array;
  #closures = 0;

  /** `anywhere`: a match may begin at each place; otherwise only where the scan does. */
  constructor(automaton: SearchAutomaton, anywhere: boolean) {
    this.#automaton = automaton;
    this.#anywhere = anywhere;
    this.classes = automaton.classes;
    this.end = automaton.classes.count;
    this.#width = this.end + 1;
    this.#reached = new Float64Array(automaton.sets.length);
  }

  /** The state before anything was read. */
  first(before: Before): DfaState {
    const known = this.#firsts.get(before);
    if (known !== undefined) return known;
    const state = this.#stateOf(this.#anywhere ? NONE : this.#automaton.starts, before);
    this.#firsts.set(before, state);
    return state;
  }

  after(state: DfaState, unitClass: number): DfaState {
    const cell = this.#cellOf(state, unitClass);
    return this.#states[(cell >> 1) / this.#width] ?? state;
  }

  /** The targets that have ended in this state where a unit of this class, or the end, follows. */
  endedBefore(state: DfaState, unitClass: number): readonly number[] {
    const cell = this.#cellOf(state, unitClass);
    return (cell & 1) === 0 ? NONE : (this.#ended.get(state.row + unitClass) ?? NONE);
  }

  /**
   * Reads on, in steps of 1 or -1, to the first unit before which a target has ended or nothing can end any more, and
   * stays before it: its index, or `to`. Undefined where `work` has reached `limit` before a state was to be built.
   */
  scan(text: string, from: number, to: number, step: 1 | -1, cursor: Cursor, limit: number): number | undefined {
    const { of } = this.classes;
    const width = this.#width;
    let row = this.#current(cursor.state).row;
    let cells = this.#cells;
    for (let at = from; at !== to; at += step) {
      const unitClass = of[text.charCodeAt(at)] ?? 0;
      let cell = cells[row + unitClass] ?? UNKNOWN;
      if ((cell & 1) === 1) {
        cursor.state = this.#states[row / width] ?? cursor.state;
        if (cell === UNKNOWN) {
          if (this.work >= limit) return undefined;
          cell = this.#cellOf(cursor.state, unitClass);
          cells = this.#cells;
        }
        if ((cell & 1) === 1) return at;
      }
      row = cell >> 1;
    }
    cursor.state = this.#states[row / width] ?? cursor.state;
    return to;
  }

  #cellOf(state: DfaState, unitClass: number): number {
    const { row } = this.#current(state);
    const cell = this.#cells[row + unitClass] ?? UNKNOWN;
    return cell === UNKNOWN ? this.#build(state, unitClass) : cell;
  }

  /** Puts a state of a table that was thrown away into this one. */
  #current(state: DfaState): DfaState {
    if (state.generation === this.#generation) return state;
    const key = keyOf(state.items, state.before);
    const known = this.#byKey.get(key);
    if (known === undefined) {
      this.#enter(state, key);
    } else {
      state.row = known.row;
      state.generation = known.generation;
    }
    return state;
  }

  #build(state: DfaState, unitClass: number): number {
    const { sets, next, targets, classes, hasAssertions } = this.#automaton;
    const isWord = classes.isWord[unitClass] === true;
    const closed = this.#closure(state, unitClass === this.end ? "edge" : isWord ? "word" : "other");
    const ended: number[] = [];
    const items = new Set<number>();
    for (const item of closed) {
      const target = targets[item] ?? -1;
      if (target >= 0) ended.push(target);
      const set = sets[item] ?? -1;
      if (set >= 0 && classes.inSet[set]?.[unitClass] === true) items.add(next[item]?.[0] ?? 0);
    }
    const sorted = [...items].toSorted((one, other) => one - other);
    const following = this.#stateOf(sorted, hasAssertions && isWord ? "word" : "other");
    const stops = ended.length > 0 || (!this.#anywhere && following.items.length === 0);
    const cell = following.row * 2 + (stops ? 1 : 0);
    // A full table may have been thrown away for `following`.
    const at = this.#current(state).row + unitClass;
    if (following.generation !== this.#generation) return this.#build(state, unitClass);
    this.#cells[at] = cell;
    if (ended.length > 0) this.#ended.set(at, ended);
    return cell;
  }

  /** All states reached without reading a unit, with those that begin here. */
  #closure(state: DfaState, after: Before): readonly number[] {
    const { assertions, next, starts, sets } = this.#automaton;
    this.#closures += 1;
    const closed: number[] = [];
    const reach = (item: number): void => {
      if (this.#reached[item] === this.#closures) return;
      this.#reached[item] = this.#closures;
      closed.push(item);
    };
    for (const item of state.items) reach(item);
    if (this.#anywhere) for (const item of starts) reach(item);
    for (const item of closed) {
      if ((sets[item] ?? -1) >= 0) continue;
      const assertion = assertions[item];
      const holds =
        assertion === undefined ||
        (assertion === "start"
          ? state.before === "edge"
          : assertion === "end"
            ? after === "edge"
            : ((state.before === "word") !== (after === "word")) === (assertion === "boundary"));
      if (holds) for (const reached of next[item] ?? NONE) reach(reached);
    }
    this.work += closed.length + 8;
    return closed;
  }

  #stateOf(items: readonly number[], before: Before): DfaState {
    const key = keyOf(items, before);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const { lead } = this.#automaton;
    const state = { items, before, pending: items.some((item) => lead[item] !== true), row: 0, generation: -1 };
    this.#enter(state, key);
    return state;
  }

  #enter(state: DfaState, key: string): void {
    let row = this.#states.length * this.#width;
    if (row + this.#width > MAXIMUM_CELLS) {
      this.#states = [];
      this.#byKey.clear();
      this.#ended.clear();
      this.#cells.fill(UNKNOWN);
      this.#generation += 1;
      row = 0;
    }
    if (row + this.#width > this.#cells.length) {
      const grown = new Int32Array(Math.min(MAXIMUM_CELLS, Math.max(this.#width * 32, this.#cells.length * 2)));
      grown.fill(UNKNOWN);
      grown.set(this.#cells);
      this.#cells = grown;
    }
    state.row = row;
    state.generation = this.#generation;
    this.#states.push(state);
    this.#byKey.set(key, state);
  }
}

function keyOf(items: readonly number[], before: Before): string {
  return before.charAt(0) + String.fromCharCode(...items);
}
