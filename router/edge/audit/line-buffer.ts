import { MAXIMUM_LINE_BYTES } from "../../core/audit/record.ts";
import { leafHash } from "./leaf-hash.ts";

const CAPACITY = 4 * MAXIMUM_LINE_BYTES;
const NEWLINE = 0x0a;

/** The lines of one batch as they will stand in the file. One buffer, used again for each batch. */
export class LineBuffer {
  // The octet at 0 is never written out: `leafHash` borrows it for the first line.
  readonly #bytes = Buffer.allocUnsafeSlow(CAPACITY);
  #end = 1;

  get length(): number {
    return this.#end - 1;
  }

  /** True while any record still fits. */
  get hasRoom(): boolean {
    return this.#end + MAXIMUM_LINE_BYTES <= CAPACITY;
  }

  get lines(): Buffer {
    return this.#bytes.subarray(1, this.#end);
  }

  /** Adds a line, at most `MAXIMUM_LINE_BYTES` with its newline; returns its leaf. */
  add(line: string): string {
    const start = this.#end;
    const end = start + this.#bytes.write(line, start, "utf8");
    const leaf = leafHash(this.#bytes, start, end);
    this.#bytes[end] = NEWLINE;
    this.#end = end + 1;
    return leaf;
  }

  clear(): void {
    this.#end = 1;
  }
}
