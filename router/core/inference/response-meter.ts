import type { MeteredBody } from "./meter-body.ts";
import { APIS } from "./api.ts";
import { DocumentBody } from "./meter-document.ts";
import type { MeterOptions } from "./meter-options.ts";
import { MeterState } from "./meter-state.ts";
import { streamBody } from "./meter-stream.ts";
import type { Usage } from "./usage.ts";

export type { MeterOptions };

/** What a terminal of our own needs to know of the stream that it ends. */
export interface CutFacts {
  /** The message (messages, converse) or response (responses) has begun. */
  readonly begun: boolean;
  /** messages, converse: the content block that is open. */
  readonly openBlock: number | undefined;
  /** chat, completions: the choices that have not finished. */
  readonly openChoices: readonly number[];
  /** chat, completions, responses: seconds since 1970. */
  readonly created: number | undefined;
  /** Ollama: the same as RFC 3339. */
  readonly createdAt: string | undefined;
  /** responses: the sequence number of the last event. */
  readonly sequence: number | undefined;
}

export interface ResponseMeter {
  readonly options: MeterOptions;
  /**
   * Takes the next octets of the body and hands on what the client gets, in order: the same buffers, untouched, except
   * at a dropped frame or a frame boundary that must be awaited. The chunk is the caller's again afterwards, except
   * for what was handed on. After `garbage` only a raw stream (neither `wholeFrames` nor `dropUsageFrame`) goes on.
   */
  push(chunk: Uint8Array, emit: (bytes: Uint8Array) => void): void;
  /** The body has ended: hands on what is left. */
  end(emit: (bytes: Uint8Array) => void): void;
  /**
   * Ends the stream here: nothing more is handed on. True: what was handed on ends with a whole frame, so that a
   * terminal can follow. Always true with `wholeFrames`, but within a frame longer than 1 MiB.
   */
  stop(): boolean;
  /** The last usage that the provider stated; undefined: none (unknown is never zero). */
  readonly usage: Usage | undefined;
  /** The half of `usage` that was not stated: it reads 0 there and is unknown. */
  readonly unstated: "input" | "output" | undefined;
  /** As the provider wrote them: dotted member path within the usage -> number (at most 32 and the known ones). */
  readonly native: ReadonlyMap<string, number>;
  /**
   * Stream: the API's own terminal was seen. chat, completions: `[DONE]`, or a finish reason for each choice that was
   * seen. responses: completed, incomplete, failed, cancelled. messages: `message_stop`. generate_content: a finish or
   * block reason. converse: `messageStop`. invoke: `message_stop` or the metrics. Ollama: the line that is done.
   * Otherwise: the JSON document is whole.
   */
  readonly complete: boolean;
  /** An error of the provider's own came inside the body: its code, status or type (64 printable ASCII at most), or "error". */
  readonly failure: string | undefined;
  /** The body is not what its API says (no frames, no JSON, a bad checksum): one sentence that repeats nothing of it. */
  readonly garbage: string | undefined;
  /** Output tokens so far: the stated running count, and for what came since an estimate; never 0 once content came. */
  readonly outputSoFar: number;
  /** A frame with content (token, tool call, reasoning) has come; set in the push in which it came. */
  readonly started: boolean;
  readonly id: string | undefined;
  readonly model: string | undefined;
  readonly finishReasons: readonly string[];
  readonly facts: CutFacts;
}

export function responseMeter(options: MeterOptions): ResponseMeter {
  const state = new MeterState(options.api);
  const body =
    options.streaming && APIS[options.api].streams ? streamBody(options, state) : new DocumentBody(options.api, state);
  return new Meter(options, state, body);
}

class Meter implements ResponseMeter {
  readonly options: MeterOptions;
  readonly #state: MeterState;
  readonly #body: MeteredBody;

  constructor(options: MeterOptions, state: MeterState, body: MeteredBody) {
    this.options = options;
    this.#state = state;
    this.#body = body;
  }

  push(chunk: Uint8Array, emit: (bytes: Uint8Array) => void): void {
    this.#body.push(chunk, emit);
  }

  end(emit: (bytes: Uint8Array) => void): void {
    this.#body.end(emit);
  }

  stop(): boolean {
    return this.#body.stop();
  }

  get usage(): Usage | undefined {
    return this.#state.stated?.usage;
  }

  get unstated(): "input" | "output" | undefined {
    return this.#state.stated?.unstated;
  }

  get native(): ReadonlyMap<string, number> {
    return this.#state.native;
  }

  get complete(): boolean {
    return this.#state.ended;
  }

  get failure(): string | undefined {
    return this.#state.failure;
  }

  get garbage(): string | undefined {
    return this.#state.garbage;
  }

  get outputSoFar(): number {
    return this.#state.outputSoFar;
  }

  get started(): boolean {
    return this.#state.started;
  }

  get id(): string | undefined {
    return this.#state.id;
  }

  get model(): string | undefined {
    return this.#state.model;
  }

  get finishReasons(): readonly string[] {
    return this.#state.finishReasons;
  }

  get facts(): CutFacts {
    return this.#state;
  }
}
