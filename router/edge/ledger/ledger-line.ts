import { crc32 } from "node:zlib";

/** `,"0123abcd"]`, and a line feed behind it. */
const SUFFIX = 12;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BRACKET = 0x5d;

/** The checksum before a ledger's first line. */
export const FIRST_CHECKSUM = 0;

/**
 * Lines of a ledger: the entry's text, closed by a CRC-32 of it and of all lines before it as the array's last item. So a
 * line that was changed, lost, doubled or moved is noticed. It guards against disks and editors, not against an attacker
 * who can write to the router's own directory.
 */
export class LineWriter {
  #checksum = FIRST_CHECKSUM;
  #buffer = Buffer.allocUnsafe(4096);

  /** The octets of the next line; valid until the next call. `text` is ASCII. */
  write(text: string): Buffer {
    const length = text.length + SUFFIX + 1;
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(length);
    this.#buffer.write(text, 0, "latin1");
    this.#checksum = crc32(this.#buffer.subarray(0, text.length), this.#checksum);
    this.#buffer.write(`,"${hex(this.#checksum)}"]\n`, text.length, "latin1");
    return this.#buffer.subarray(0, length);
  }
}

/** Checks lines in the order in which a `LineWriter` wrote them. */
export class LineReader {
  #checksum = FIRST_CHECKSUM;

  /** The entry's text of a line (without its line feed); undefined where the checksum does not match. */
  read(line: Buffer): string | undefined {
    const end = line.length - SUFFIX;
    if (end <= 0 || line[end] !== COMMA || line[end + 1] !== QUOTE) return undefined;
    if (line[end + 10] !== QUOTE || line[end + 11] !== BRACKET) return undefined;
    this.#checksum = crc32(line.subarray(0, end), this.#checksum);
    const matches = line.toString("latin1", end + 2, end + 10) === hex(this.#checksum);
    return matches ? line.toString("latin1", 0, end) : undefined;
  }
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}
