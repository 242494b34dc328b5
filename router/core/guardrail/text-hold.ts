import type { DfaState } from "./lazy-dfa.ts";
import { joinedMatches, type Match } from "./match.ts";
import { type PatternSearch, TOO_COMPLEX } from "./pattern-search.ts";

/** Units kept before what is held: what checks look at before a match. */
const CONTEXT = 4;
/** What is not needed any more is cut off by so much at a time. */
const CUT_FROM = 256;

/**
 * One text that comes in pieces, searched while it comes. `settled` is how much of it is known not to be the beginning of
 * a match: the rest is held. Held is at most twice `window` units: of a match that is longer, what is older is let out
 * (masked, where its match has been found), and what follows of it is still blocked, or masked.
 */
export class TextHold {
  readonly #search: PatternSearch;
  readonly #action: "block" | "mask";
  readonly #window: number;
  #state: DfaState;
  /** From `#base` on. */
  #text = "";
  #base = 0;
  #settled = 0;
  /** A match that is not blocked at once ended after `#settled`. */
  #ended = false;
  /** The last one that needs no check, and where. */
  #last: { readonly target: number; readonly at: number } | undefined;
  /** What is under way may have begun before `#settled`. */
  #spilled = false;
  #matches: readonly Match[] = [];
  /** Where the last of them that there has been ended: what goes on there gets no second mask. */
  #masked = 0;

  constructor(search: PatternSearch, action: "block" | "mask", window: number) {
    this.#search = search;
    this.#action = action;
    this.#window = window;
    this.#state = search.together.first("edge");
  }

  get settled(): number {
    return this.#settled;
  }

  get length(): number {
    return this.#base + this.#text.length;
  }

  /** To be masked, all settled, in order and without overlaps. */
  get matches(): readonly Match[] {
    return this.#matches;
  }

  /** Matches that end there or before are no longer needed. */
  forget(before: number): void {
    if (this.#matches.length > 0) this.#matches = this.#matches.filter(({ end }) => end > before);
  }

  /** What is held. */
  get held(): string {
    return this.#text.slice(this.#settled - this.#base);
  }

  /** Of what is under way a part has been let out. */
  get isSpilled(): boolean {
    return this.#spilled;
  }

  /** The same text up to `to`, which is all of it or what is settled, to go on in another way; blocks. */
  fork(to: number): TextHold {
    const fork = new TextHold(this.#search, "block", this.#window);
    fork.#base = this.#base;
    fork.#settled = this.#settled;
    if (to === this.length) {
      fork.#state = this.#state;
      fork.#text = this.#text;
      fork.#ended = this.#ended;
      fork.#spilled = this.#spilled;
    } else {
      fork.#text = this.#text.slice(0, to - this.#base);
      if (fork.#text !== "") fork.#state = this.#search.firstAfter(fork.#text.charCodeAt(fork.#text.length - 1));
    }
    return fork;
  }

  /** The name of what blocks, or undefined. */
  push(piece: string): string | undefined {
    const { together } = this.#search;
    const from = this.length;
    this.#text += piece;
    for (let index = 0; index < piece.length; index += 1) {
      const unitClass = together.classes.of[piece.charCodeAt(index)] ?? 0;
      const name = this.#end(together.endedBefore(this.#state, unitClass), from + index);
      if (name !== undefined) return name;
      this.#state = together.after(this.#state, unitClass);
      if (!this.#state.pending) {
        const blocked = this.#settle(from + index + 1);
        if (blocked !== undefined) return blocked;
        this.#spilled = false;
      }
    }
    return this.length - this.#settled > 2 * this.#window ? this.#spill() : undefined;
  }

  /** The text ends here, as far as anybody knows: all of it is settled. It may go on all the same. */
  flush(): string | undefined {
    const { together } = this.#search;
    const name = this.#end(together.endedBefore(this.#state, together.end), this.length) ?? this.#settle(this.length);
    this.#spilled = this.#state.pending;
    return name;
  }

  #end(targets: readonly number[], at: number): string | undefined {
    for (const target of targets) {
      if (!this.#search.isChecked(target)) {
        if (this.#action === "block") return this.#search.nameOf(target);
        this.#last = { target, at };
      }
      this.#ended = true;
    }
    return undefined;
  }

  /** Nothing that began before `to` is under way. */
  #settle(to: number): string | undefined {
    if (this.#ended) {
      const found = this.#search.find(this.#text, this.#settled - this.#base, to - this.#base);
      if (found === undefined) return TOO_COMPLEX;
      const name = this.#take(found);
      if (name !== undefined) return name;
    }
    this.#ended = false;
    this.#last = undefined;
    this.#advance(to);
    return undefined;
  }

  #spill(): string | undefined {
    const cut = this.length - this.#window;
    if (this.#ended) {
      const found = this.#search.find(this.#text, this.#settled - this.#base);
      if (found === undefined) return TOO_COMPLEX;
      const name = this.#take(found.filter(({ start }) => start < cut - this.#base));
      if (name !== undefined) return name;
    }
    this.#advance(Math.max(cut, this.#matches.at(-1)?.end ?? 0));
    this.#spilled = true;
    return undefined;
  }

  /** Offsets of `found` are those of `#text`. */
  #take(found: readonly Match[]): string | undefined {
    if (this.#action === "block") return found[0]?.name;
    const matches = found.map(({ name, start, end }) => ({ name, start: this.#base + start, end: this.#base + end }));
    if (this.#spilled && this.#last !== undefined && this.#last.at > this.#settled) {
      // It began before what is held: all up to its end belongs to it, or is masked with it.
      const start = this.#masked === this.#settled ? this.#settled - 1 : this.#settled;
      matches.push({ name: this.#search.nameOf(this.#last.target), start, end: this.#last.at });
    }
    this.#matches = joinedMatches([...this.#matches, ...matches]);
    this.#masked = Math.max(this.#masked, this.#matches.at(-1)?.end ?? 0);
    return undefined;
  }

  #advance(to: number): void {
    this.#settled = Math.max(this.#settled, to);
    const unneeded = this.#settled - CONTEXT - this.#base;
    if (unneeded < CUT_FROM) return;
    this.#text = this.#text.slice(unneeded);
    this.#base += unneeded;
  }
}
