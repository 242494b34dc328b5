import type { DocumentProblem } from "../base/problem.ts";

/** More problems than this in one document are counted, not listed. */
export const MAXIMUM_PROBLEMS = 1000;

/** What a problem is about: a node or an entry, or an offset into the text. */
export type Place = number | { readonly at: number; readonly origin?: string };

/** Collects the problems of one document, so that all are reported at once, in the order of the text. */
export class Report {
  readonly #file: string;
  readonly #text: string;
  readonly #problems: DocumentProblem[] = [];
  #unlisted = 0;
  #lineStarts: readonly number[] | undefined;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
  }

  get clean(): boolean {
    return this.#problems.length === 0;
  }

  /** How many problems were added so far. */
  get count(): number {
    return this.#problems.length + this.#unlisted;
  }

  /** Further problems are only counted: time to stop looking. */
  get full(): boolean {
    return this.#problems.length >= MAXIMUM_PROBLEMS;
  }

  add(place: Place, code: string, message: string): void {
    if (this.full) {
      this.#unlisted += 1;
      return;
    }
    const origin = typeof place === "number" ? undefined : place.origin;
    if (origin !== undefined) {
      this.#problems.push({ file: origin, line: 0, column: 0, code, message });
      return;
    }
    const at = typeof place === "number" ? place : place.at;
    const line = this.lineOf(at);
    const column = at - (this.#starts()[line - 1] ?? 0) + 1;
    this.#problems.push({ file: this.#file, line, column, code, message });
  }

  /** The line, from 1, that holds the offset. Columns count UTF-16 code units, as editors do. */
  lineOf(at: number): number {
    const starts = this.#starts();
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  }

  /** All problems by position, one of each code at a place; never empty where `clean` is false. */
  problems(): readonly DocumentProblem[] {
    const sorted = this.#problems
      .toSorted((one, other) => one.line - other.line || one.column - other.column)
      .filter((problem, index, all) => !isRepeat(problem, all[index - 1]));
    if (this.#unlisted > 0) {
      const message = `There are ${this.#unlisted} more problems than the ${MAXIMUM_PROBLEMS} listed here.`;
      sorted.push({ file: this.#file, line: 0, column: 0, code: "more_problems", message });
    }
    return sorted;
  }

  #starts(): readonly number[] {
    if (this.#lineStarts !== undefined) return this.#lineStarts;
    const starts = [0];
    for (let end = this.#text.indexOf("\n"); end !== -1; end = this.#text.indexOf("\n", end + 1)) starts.push(end + 1);
    this.#lineStarts = starts;
    return starts;
  }
}

/** Two rooms saw the same: of settings, which have no place, every problem counts. */
function isRepeat(problem: DocumentProblem, before: DocumentProblem | undefined): boolean {
  const { line, column, code } = problem;
  return line > 0 && line === before?.line && column === before.column && code === before.code;
}
