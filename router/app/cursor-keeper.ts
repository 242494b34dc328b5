import type { Clock } from "../core/base/clock.ts";
import type { SegmentCursor } from "../edge/audit/segment-cursor.ts";

const EVERY_MILLIS = 1_000;

export interface CursorKeeperOptions {
  readonly clock: Clock;
  /** Where an earlier process stood; undefined: at the beginning of the log. */
  readonly from: SegmentCursor | undefined;
  readonly persist: (cursor: SegmentCursor) => Promise<void>;
  readonly onProblem: (sentence: string) => void;
}

/** A cursor, and its copy that outlives the process: a second old at most, unless it cannot be written. */
export class CursorKeeper {
  readonly #options: CursorKeeperOptions;
  #cursor: SegmentCursor | undefined;
  #kept: SegmentCursor | undefined;
  #keptAt = -Infinity;
  #keeping: Promise<void> | undefined;

  constructor(options: CursorKeeperOptions) {
    this.#options = options;
    this.#cursor = options.from;
    this.#kept = options.from;
  }

  get cursor(): SegmentCursor | undefined {
    return this.#cursor;
  }

  /** False where it stood there already. */
  moveTo(cursor: SegmentCursor): boolean {
    if (sameCursor(cursor, this.#cursor)) return false;
    this.#cursor = cursor;
    this.keepSoon();
    return true;
  }

  /** Begins to keep the cursor where it has moved and a second has passed; nobody waits for it. */
  keepSoon(): void {
    const now = this.#options.clock.monotonic();
    if (this.#keeping !== undefined || now - this.#keptAt < EVERY_MILLIS) return;
    if (this.#cursor === undefined || sameCursor(this.#cursor, this.#kept)) return;
    this.#keptAt = now;
    this.#keeping = this.#keep(this.#cursor);
  }

  /** Keeps it as it is now, once what is under way has ended. */
  async keepNow(): Promise<void> {
    await this.#keeping;
    if (this.#cursor !== undefined && !sameCursor(this.#cursor, this.#kept)) await this.#keep(this.#cursor);
  }

  async #keep(cursor: SegmentCursor): Promise<void> {
    try {
      await this.#options.persist(cursor);
      this.#kept = cursor;
    } catch (error) {
      this.#options.onProblem(`The cursor cannot be kept: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      this.#keeping = undefined;
    }
  }
}

function sameCursor(one: SegmentCursor, other: SegmentCursor | undefined): boolean {
  return one.file === other?.file && one.offset === other.offset;
}
