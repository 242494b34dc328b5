import { AnswerChunks } from "./answer-chunks.ts";
import { type AnswerHead, beginningProblem, MOST_HEAD_BYTES, readAnswerHead, unwell } from "./model-answer-head.ts";

/** Where what is read goes, in this order; of it only `data` comes more than once. */
export interface AnswerParts {
  head(head: AnswerHead): void;
  /** A view of a read, never empty. */
  data(content: Buffer): void;
  /** The answer is whole. `keep`: as the head said, and 0 also where octets came that are none of it. */
  whole(keep: number): void;
  /** What came is no answer. One sentence, and nothing of what was read is in it. */
  invalid(detail: string): void;
}

const HEAD_END = Buffer.from("\r\n\r\n");
const LF = 0x0a;
/** Responses before the final one. */
const MOST_INTERIM = 16;

/** Reads one answer from what a connection gives. Nothing more may be given to it after `whole` or `invalid`. */
export class ModelAnswerReader {
  /** An octet of it has come. */
  began = false;
  readonly #parts: AnswerParts;
  #state: "head" | "length" | "chunked" | "close" | "done" = "head";
  /** The beginning of a head that has not ended. */
  #kept: Buffer | undefined;
  #interim = 0;
  #left = 0;
  #chunks: AnswerChunks | undefined;
  #keep = 0;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
  }

  read(octets: Buffer): void {
    this.began = true;
    switch (this.#state) {
      case "head":
        return this.#readHead(octets);
      case "length":
        return this.#readLength(octets, 0);
      case "chunked":
        return this.#readChunks(octets, 0);
      case "close":
        return this.#parts.data(octets);
      case "done":
        throw new Error("the answer has ended");
    }
  }

  /** FIN. */
  end(): void {
    if (this.#state === "done") return;
    if (this.#state === "close") this.#whole(false);
    else this.#invalid(unwell("the connection ended within it"));
  }

  #readHead(octets: Buffer): void {
    let bytes = octets;
    let searched = 0;
    if (this.#kept !== undefined) {
      searched = Math.max(0, this.#kept.length - HEAD_END.length + 1);
      bytes = Buffer.concat([this.#kept, octets]);
      this.#kept = undefined;
    }
    for (let from = 0; ; searched = from) {
      const end = bytes.indexOf(HEAD_END, searched);
      if (end < 0) return this.#keepHead(bytes, from, searched);
      if (end - from > MOST_HEAD_BYTES) return this.#invalid(TOO_LONG);
      const head = readAnswerHead(bytes.toString("latin1", from, end));
      if (!head.ok) return this.#invalid(head.problem);
      from = end + HEAD_END.length;
      if (!("interim" in head.value)) return this.#readBody(head.value, bytes, from);
      this.#interim += 1;
      if (head.value.status === 101) return this.#invalid("The origin switched protocols unasked.");
      if (this.#interim > MOST_INTERIM) return this.#invalid("The origin sends interim responses without end.");
    }
  }

  /** A head that begins at `from`; what is before `searched` but for the last octets has been looked at. */
  #keepHead(bytes: Buffer, from: number, searched: number): void {
    if (bytes.length - from > MOST_HEAD_BYTES + HEAD_END.length) return this.#invalid(TOO_LONG);
    let latest = Math.max(from, searched - 1);
    if (bytes[latest] === LF) latest += 1;
    const first = bytes.toString("latin1", from, Math.min(bytes.length, from + 16));
    const problem = beginningProblem(first, bytes.toString("latin1", latest, bytes.length));
    if (problem !== undefined) this.#invalid(problem);
    else if (bytes.length > from) this.#kept = bytes.subarray(from);
  }

  #readBody(head: AnswerHead, bytes: Buffer, from: number): void {
    const { framing } = head;
    this.#keep = head.keep;
    this.#parts.head(head);
    switch (framing.kind) {
      case "none":
        return this.#whole(from < bytes.length);
      case "length":
        this.#state = "length";
        this.#left = framing.length;
        return this.#readLength(bytes, from);
      case "chunked":
        this.#state = "chunked";
        this.#chunks = new AnswerChunks();
        return this.#readChunks(bytes, from);
      case "close":
        this.#state = "close";
        if (from < bytes.length) this.#parts.data(bytes.subarray(from));
    }
  }

  #readLength(bytes: Buffer, from: number): void {
    const end = Math.min(bytes.length, from + this.#left);
    this.#left -= end - from;
    if (end > from) this.#parts.data(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end));
    if (this.#left === 0) this.#whole(end < bytes.length);
  }

  #readChunks(bytes: Buffer, from: number): void {
    const chunks = this.#chunks;
    if (chunks === undefined) throw new Error("there are no chunks");
    const end = chunks.read(bytes, from, this.#parts);
    if (end < 0) this.#invalid(unwell(chunks.problem ?? ""));
    else if (chunks.ended) this.#whole(end < bytes.length);
  }

  #whole(surplus: boolean): void {
    this.#state = "done";
    this.#parts.whole(surplus ? 0 : this.#keep);
  }

  #invalid(detail: string): void {
    this.#state = "done";
    this.#kept = undefined;
    this.#parts.invalid(detail);
  }
}

const TOO_LONG = unwell("its head is too long");
