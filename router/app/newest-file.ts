import type { Millis } from "../core/base/quantity.ts";
import { inTime } from "../edge/audit/in-time.ts";
import { writeNote } from "../edge/audit/note-file.ts";

/** One write at a time for all files that share it: of those that hang, only one holds a thread of the pool. */
export class Lane {
  #last: Promise<void> = Promise.resolve();

  async run(work: () => Promise<void>): Promise<void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    try {
      await work();
    } finally {
      resolve();
    }
  }
}

/** Keeps a file to be the newest of the notes that it is given; what comes while it writes waits, and only the last of that. */
export class NewestFile {
  readonly #path: string;
  readonly #lane: Lane;
  readonly #deadline: Millis;
  readonly #onProblem: (sentence: string | undefined) => void;
  #next: string | undefined;
  #writing: Promise<void> | undefined;
  #problem: string | undefined;

  /** `onProblem` is told at each change: what went wrong, or undefined once a note is written again. */
  constructor(path: string, lane: Lane, deadline: Millis, onProblem: (sentence: string | undefined) => void) {
    this.#path = path;
    this.#lane = lane;
    this.#deadline = deadline;
    this.#onProblem = onProblem;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  offer(note: string): void {
    this.#next = note;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Resolves once everything offered is written, or cannot be. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#next !== undefined) {
      const note = this.#next;
      this.#next = undefined;
      try {
        const writing = this.#lane.run(() => writeNote(this.#path, note));
        if (!(await inTime(writing, this.#deadline))) {
          this.#tell(`${this.#path}: the disk did not answer within ${this.#deadline} ms.`);
        }
        // Two writes at once could spoil each other: what hangs here holds up this file alone.
        await writing;
        this.#tell(undefined);
      } catch (error) {
        this.#tell(error instanceof Error ? error.message : String(error));
      }
    }
  }

  #tell(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#onProblem(problem);
  }
}
