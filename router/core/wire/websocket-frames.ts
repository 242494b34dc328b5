/** What comes of octets that a WebSocket server sends. Offsets are within the chunk that was pushed. */
export interface FrameSink {
  /** These octets are payload of the message under way, or of a control frame. Never empty. */
  payload(from: number, to: number, control: boolean): void;
  /** The last octet of a message, or of a control frame, has come. */
  end(kind: "text" | "binary" | "control"): void;
}

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PONG = 10;
const LONGEST_CONTROL = 125;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const LONGEST_HEAD = 10;

/**
 * Reads the frames of a server (RFC 6455 section 5.2), split anywhere, with no extension agreed on. It keeps nothing of
 * what is in them. Strict: where two readers could see different frames, the stream is none.
 */
export class ServerFrames {
  readonly #head = new Uint8Array(LONGEST_HEAD);
  #headLength = 0;
  /** Octets of payload of the current frame that have not come. */
  #left = 0;
  #control = false;
  #final = false;
  /** Of the message under way, which may be in fragments. */
  #message: "text" | "binary" | undefined;

  /** One sentence where the octets are no frames of a server: nothing may be pushed after it. */
  push(chunk: Uint8Array, sink: FrameSink): string | undefined {
    const length = chunk.length;
    let at = 0;
    while (at < length) {
      if (this.#left > 0) {
        const to = Math.min(length, at + this.#left);
        this.#left -= to - at;
        sink.payload(at, to, this.#control);
        at = to;
        if (this.#left === 0) this.#ended(sink);
        continue;
      }
      this.#head[this.#headLength] = chunk[at] ?? 0;
      this.#headLength += 1;
      at += 1;
      if (this.#headLength < this.#headNeeds()) continue;
      const problem = this.#begin();
      if (problem !== undefined) return problem;
      this.#headLength = 0;
      if (this.#left === 0) this.#ended(sink);
    }
    return undefined;
  }

  /** Octets of the head of this frame, as far as they can be told. */
  #headNeeds(): number {
    if (this.#headLength < 2) return 2;
    const short = this.#octet(1) & 0x7f;
    return short === LENGTH_64 ? LONGEST_HEAD : short === LENGTH_16 ? 4 : 2;
  }

  #begin(): string | undefined {
    const first = this.#octet(0);
    const second = this.#octet(1);
    const opcode = first & 0x0f;
    if ((first & 0x70) !== 0) return "A frame uses an extension that was not agreed on.";
    if ((second & 0x80) !== 0) return "A frame of the server is masked.";
    const length = this.#length(second & 0x7f);
    if (length === undefined) return "The length of a frame is not in its shortest form, or too large.";
    this.#final = (first & 0x80) !== 0;
    this.#control = opcode >= CLOSE;
    this.#left = length;
    if (this.#control) {
      if (opcode > PONG) return "A frame has an unknown opcode.";
      return this.#final && length <= LONGEST_CONTROL ? undefined : "A control frame is in fragments, or too long.";
    }
    if (opcode > BINARY) return "A frame has an unknown opcode.";
    if ((opcode === 0) !== (this.#message !== undefined)) return "The fragments of a message do not follow each other.";
    if (opcode !== 0) this.#message = opcode === TEXT ? "text" : "binary";
    return undefined;
  }

  #length(short: number): number | undefined {
    if (short < LENGTH_16) return short;
    if (short === LENGTH_16) {
      const length = this.#octet(2) * 256 + this.#octet(3);
      return length < LENGTH_16 ? undefined : length;
    }
    let length = 0;
    for (let at = 2; at < LONGEST_HEAD; at += 1) length = length * 256 + this.#octet(at);
    return length < 65_536 || length > Number.MAX_SAFE_INTEGER ? undefined : length;
  }

  #ended(sink: FrameSink): void {
    if (this.#control) return sink.end("control");
    const kind = this.#message;
    if (!this.#final || kind === undefined) return;
    this.#message = undefined;
    sink.end(kind);
  }

  #octet(at: number): number {
    return this.#head[at] ?? 0;
  }
}
