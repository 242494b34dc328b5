import type { Dispatcher } from "undici";
import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";
import type { ModelCall, ModelEnd, ModelFailureCause, ModelSink, ModelTimeouts } from "./model-call.ts";
import type { ModelLane } from "./model-lane.ts";
import { modelResponseHead } from "./model-response-head.ts";

/** Whose connections a transfer runs on. */
export interface TransferOwner {
  readonly clock: Clock;
  /** It has ended; its connection, if it had one, is whole only where `reusable`. */
  ended(transfer: Transfer, reusable: boolean): void;
  /** Its connection was gone before a single octet of it was written. */
  unwritten(transfer: Transfer): void;
  /** A connection that had carried calls before broke without an answer. */
  stale(): void;
}

/** Responses before the final one. */
const MOST_INTERIM = 16;

/** undici parses for all connections with one parser, and going on with one while it parses another breaks both. */
let parsing = 0;

/** One call from `send` to its end: undici's handler and the caller's handle at once, since that is one allocation. */
export class Transfer implements ModelCall, Dispatcher.DispatchHandler {
  readonly options: Dispatcher.DispatchOptions;
  /** The attempt at a connection that was made for this call. */
  attempt: AbortController | undefined;
  lane: ModelLane | undefined;
  /** It was given back once by a connection that had died unused. */
  retried = false;
  readonly #owner: TransferOwner;
  readonly #sink: ModelSink;
  readonly #timeouts: ModelTimeouts;
  readonly #began: number;
  #controller: Dispatcher.DispatchController | undefined;
  #sent = false;
  #requestDone = false;
  #answered = false;
  #interim = 0;
  #done = false;
  #paused = false;
  #reused = false;
  #octets = 0;
  #firstByte = 0;
  /** When the request had been sent as far as was last seen. */
  #sentAt = 0;
  #progress = -1;
  #progressAt = 0;

  constructor(options: Dispatcher.DispatchOptions, sink: ModelSink, timeouts: ModelTimeouts, owner: TransferOwner) {
    this.options = options;
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
    this.#controller?.pause();
  }

  resume(): void {
    if (parsing > 0) return queueMicrotask(() => this.resume());
    this.#paused = false;
    if (!this.#done) this.#controller?.resume();
  }

  /** Sends it over this connection. */
  start(lane: ModelLane): void {
    this.lane = lane;
    this.#reused = lane.carried > 0;
    lane.dispatch(this.options, this);
  }

  /** Ends it from outside: the sink hears of it once the caller of this has returned. */
  fail(cause: ModelFailureCause, detail: string): void {
    if (this.#done) return;
    const end = this.#failure(cause, detail);
    this.#settle(false);
    queueMicrotask(() => this.#sink.end(end));
  }

  /** Ends it where a deadline has passed. A connection being made has its own. */
  check(now: number): void {
    const { firstByte, idle, total } = this.#timeouts;
    if (now - this.#began >= total) return this.fail("lifetime_limit", `The call took longer than ${total} ms.`);
    const { lane } = this;
    if (!this.#sent || lane === undefined) return;
    const uploading = !this.#requestDone || lane.unsent > 0;
    const progress = this.#octets > 0 ? this.#octets : lane.taken;
    if (progress !== this.#progress || this.#paused) {
      this.#progress = progress;
      this.#progressAt = now;
    }
    if (this.#octets > 0 || uploading) {
      if (this.#octets === 0) this.#sentAt = now;
      if (now - this.#progressAt >= idle) {
        this.fail("idle_timeout", this.#octets > 0 ? `Silence for ${idle} ms.` : `No octet was taken for ${idle} ms.`);
      }
    } else if (this.#paused) this.#sentAt = now;
    else if (now - this.#sentAt >= firstByte) {
      this.fail("first_byte_timeout", `No octet of an answer's body within ${firstByte} ms.`);
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // undici asks before it writes: ended in the meantime, nothing may leave.
    if (this.#done) return controller.abort(new Error("ended"));
    this.#controller = controller;
    if (this.#paused) controller.pause();
    this.#sent = true;
    this.#sentAt = this.#owner.clock.monotonic();
    if (this.lane !== undefined) this.lane.expecting = true;
  }

  onRequestSent(): void {
    this.#requestDone = true;
  }

  onResponseStarted(): void {
    this.#answered = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#done) return;
    if (status < 200) {
      this.#interim += 1;
      if (status === 101) this.#broken("upstream_invalid", "The origin switched protocols unasked.");
      else if (this.#interim > MOST_INTERIM) {
        this.#broken("upstream_invalid", "The origin sends interim responses without end.");
      }
      return;
    }
    const head = modelResponseHead(status, controller.rawHeaders as Buffer[]);
    if (!head.ok) return this.#broken("upstream_invalid", head.problem);
    parsing += 1;
    try {
      this.#sink.head(status, head.value.fields, head.value.length);
    } catch (error) {
      this.#broken("internal", threw(error));
    } finally {
      parsing -= 1;
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#done) return;
    if (this.#octets === 0) this.#firstByte = this.#owner.clock.monotonic();
    this.#octets += chunk.length;
    parsing += 1;
    try {
      if (!this.#sink.data(chunk)) {
        this.#paused = true;
        controller.pause();
      }
    } catch (error) {
      this.#broken("internal", threw(error));
    } finally {
      parsing -= 1;
    }
  }

  onResponseEnd(): void {
    if (this.#done) return;
    const brokenBy = this.lane?.brokenBy;
    if (brokenBy !== undefined)
      return this.#broken("upstream_invalid", `The response is not whole, well-formed HTTP/1.1 (${brokenBy}).`);
    this.#settle(true);
    this.#tell({ cause: "completed" });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#done) return;
    if (!this.#sent) return queueMicrotask(() => this.#unwritten());
    if (this.#answered || isMalformed(error)) {
      this.#answered = true;
      this.#broken("upstream_invalid", `The response is not whole, well-formed HTTP/1.1 (${what(error)}).`);
      return;
    }
    if (this.#reused) this.#owner.stale();
    this.#broken("upstream_unreachable", `The connection broke before an answer (${what(error)}).`);
  }

  #unwritten(): void {
    if (!this.#done) this.#owner.unwritten(this);
  }

  /** Ends it from within undici. */
  #broken(cause: ModelFailureCause, detail: string): void {
    if (this.#done) return;
    const end = this.#failure(cause, detail);
    this.#settle(false);
    this.#tell(end);
  }

  #failure(cause: ModelFailureCause, detail: string): ModelEnd {
    return { cause, detail, answered: this.#answered, sent: this.#sent, reused: this.#reused };
  }

  #settle(reusable: boolean): void {
    this.#done = true;
    if (this.lane !== undefined) this.lane.expecting = false;
    this.#owner.ended(this, reusable);
  }

  /** What the sink throws here goes to nobody else: past undici, which would take it for its own. */
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

/** What came is not HTTP, as opposed to a connection that broke. */
function isMalformed(error: Error): boolean {
  if (error.name === "HTTPParserError") return true;
  const code = codeOf(error);
  if (code === "UND_ERR_SOCKET") return error.message.startsWith("bad ");
  return code === "UND_ERR_HEADERS_OVERFLOW" || code.startsWith("UND_ERR_RES_");
}

/** The parser's and undici's sentences are fixed ones; those of others may repeat what was sent. */
function what(error: Error): string {
  const code = codeOf(error);
  return error.name === "HTTPParserError" || code.startsWith("UND_ERR_") ? error.message : code;
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : error.name;
}

function threw(error: unknown): string {
  return `The receiver of the answer threw: ${error instanceof Error ? error.message : "no error"}`;
}
