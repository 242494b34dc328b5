import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";
import type { ModelCall, ModelEnd, ModelFailureCause, ModelSink, ModelTimeouts } from "./model-call.ts";
import { type AnswerHead, unwell } from "./model-answer-head.ts";
import { type AnswerParts, ModelAnswerReader } from "./model-answer-reader.ts";
import type { LaneCall, ModelLane } from "./model-lane.ts";
import type { RequestOctets } from "./model-request.ts";

/** Whose connections a transfer runs on. */
export interface TransferOwner {
  readonly clock: Clock;
  /** It has let go of its connection, and this is to become of that: `close` is FIN, `cut` RST. */
  freed(lane: ModelLane, then: "keep" | "close" | "cut"): void;
  ended(transfer: Transfer): void;
  /** Its connection was gone before a single octet of it was written. */
  unwritten(transfer: Transfer, code: string): void;
  /** A connection that had carried calls before broke without an answer. */
  stale(): void;
}

/** One call from `send` to its end: the caller's handle and what its connection tells at once, in one allocation. */
export class Transfer implements ModelCall, LaneCall, AnswerParts {
  readonly octets: RequestOctets;
  /** The attempt at a connection that was made for this call. */
  attempt: AbortController | undefined;
  lane: ModelLane | undefined;
  /** It was given back once by a connection that had died unused. */
  retried = false;
  seat = 0;
  readonly #owner: TransferOwner;
  readonly #sink: ModelSink;
  readonly #timeouts: ModelTimeouts;
  readonly #began: number;
  /** From the first octet sent. */
  #reader: ModelAnswerReader | undefined;
  /** The connection is another's now. */
  #freed = false;
  /** Whole, and not told yet, since the sink wants nothing for now. */
  #untold = false;
  #done = false;
  #paused = false;
  #reused = false;
  #received = 0;
  #firstByte = 0;
  /** When the request had been sent as far as was last seen. */
  #sentAt = 0;
  #progress = -1;
  #progressAt = 0;

  constructor(octets: RequestOctets, sink: ModelSink, timeouts: ModelTimeouts, owner: TransferOwner) {
    this.octets = octets;
    this.#sink = sink;
    this.#timeouts = timeouts;
    this.#owner = owner;
    this.#began = owner.clock.monotonic();
  }

  get began(): number {
    return this.#began;
  }

  get address(): IpAddress | undefined {
    return this.lane?.link.address;
  }

  get connectMillis(): Millis | undefined {
    return this.#reused ? undefined : this.lane?.link.connectMillis;
  }

  get firstByteMillis(): Millis | undefined {
    return this.#firstByte === 0 ? undefined : millis(this.#firstByte - this.#sentAt);
  }

  abort(): void {
    this.fail("aborted", "The caller gave up.");
  }

  pause(): void {
    this.#paused = true;
    if (this.#reader !== undefined && !this.#freed) this.lane?.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#untold) this.#complete();
    else if (this.#reader !== undefined && !this.#freed) this.lane?.resume();
  }

  /** Sends it over this connection. */
  start(lane: ModelLane): void {
    this.lane = lane;
    this.#reused = lane.carried > 0;
    lane.carry(this);
  }

  /** Ends it from outside: the sink hears of it once the caller of this has returned. */
  fail(cause: ModelFailureCause, detail: string): void {
    if (this.#done) return;
    const end = this.#failure(cause, detail);
    this.#settle();
    queueMicrotask(() => this.#sink.end(end));
  }

  /** Ends it where a deadline has passed. A connection being made has its own. */
  check(now: number): void {
    const { firstByte, idle, total } = this.#timeouts;
    if (now - this.#began >= total) return this.fail("lifetime_limit", `The call took longer than ${total} ms.`);
    const { lane } = this;
    if (this.#reader === undefined || this.#freed || lane === undefined) return;
    const { uploading } = lane;
    const progress = this.#received > 0 ? this.#received : lane.taken;
    if (progress !== this.#progress || this.#paused) {
      this.#progress = progress;
      this.#progressAt = now;
    }
    if (this.#received > 0 || uploading) {
      if (this.#received === 0) this.#sentAt = now;
      if (now - this.#progressAt >= idle) {
        this.fail(
          "idle_timeout",
          this.#received > 0 ? `Silence for ${idle} ms.` : `No octet was taken for ${idle} ms.`,
        );
      }
    } else if (this.#paused) this.#sentAt = now;
    else if (now - this.#sentAt >= firstByte) {
      this.fail("first_byte_timeout", `No octet of an answer's body within ${firstByte} ms.`);
    }
  }

  leave(): ModelAnswerReader {
    this.#reader = new ModelAnswerReader(this);
    this.#sentAt = this.#owner.clock.monotonic();
    if (this.#paused) this.lane?.pause();
    return this.#reader;
  }

  head(head: AnswerHead): void {
    if (this.#done) return;
    try {
      this.#sink.head(head.status, head.fields, head.length);
    } catch (error) {
      this.#broken("internal", threw(error));
    }
  }

  data(content: Buffer): void {
    if (this.#done) return;
    if (this.#received === 0) this.#firstByte = this.#owner.clock.monotonic();
    this.#received += content.length;
    try {
      if (!this.#sink.data(content)) this.pause();
    } catch (error) {
      this.#broken("internal", threw(error));
    }
  }

  whole(keep: number): void {
    const { lane } = this;
    if (this.#done || lane === undefined) return;
    lane.restMillis = keep;
    // Answered early, what is left of the request is not sent.
    this.#free(!lane.given ? "cut" : keep > 0 ? "keep" : "close");
    if (this.#paused) this.#untold = true;
    else this.#complete();
  }

  invalid(detail: string): void {
    this.#broken("upstream_invalid", detail);
  }

  broke(code: string): void {
    if (this.#done) return;
    if (this.#reader?.began === true) return this.#broken("upstream_invalid", unwell(code));
    if (this.#reused) this.#owner.stale();
    this.#broken("upstream_unreachable", `The connection broke before an answer (${code}).`);
  }

  unwritten(code: string): void {
    if (!this.#done) this.#owner.unwritten(this, code);
  }

  /** Ends it from within its connection. */
  #broken(cause: ModelFailureCause, detail: string): void {
    if (this.#done) return;
    const end = this.#failure(cause, detail);
    this.#settle();
    this.#tell(end);
  }

  #failure(cause: ModelFailureCause, detail: string): ModelEnd {
    const answered = this.#reader?.began === true;
    const sent = this.#reader !== undefined;
    // A lane that is another's now has brought all of it.
    const uploaded = sent && (this.#freed || this.lane?.uploading === false);
    return { cause, detail, answered, sent, uploaded, reused: this.#reused };
  }

  #complete(): void {
    if (this.#done) return;
    this.#settle();
    this.#tell({ cause: "completed" });
  }

  #settle(): void {
    this.#done = true;
    this.#free("cut");
    this.#owner.ended(this);
  }

  #free(then: "keep" | "close" | "cut"): void {
    const { lane } = this;
    if (this.#freed || lane === undefined) return;
    this.#freed = true;
    lane.release();
    this.#owner.freed(lane, then);
  }

  /** What the sink throws here goes to nobody else: past the reader, which is not to blame. */
  #tell(end: ModelEnd): void {
    try {
      this.#sink.end(end);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function threw(error: unknown): string {
  return `The receiver of the answer threw: ${error instanceof Error ? error.message : "no error"}`;
}
