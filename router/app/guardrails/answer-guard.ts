import { FrameAssembly } from "../../core/inference/frame-assembly.ts";
import { NdjsonBoundary } from "../../core/inference/ndjson-frames.ts";
import { SseBoundary } from "../../core/inference/sse-frames.ts";
import type { Guardrail } from "../../core/guardrail/guardrail-rule.ts";
import type { StreamStep } from "../../core/guardrail/stream-guard.ts";
import type { Api } from "../../core/inference/api.ts";
import type { AnswerStage } from "../inference/answer-stage.ts";
import type { GuardedStream } from "./guarded-stream.ts";
import type { Guardrails, Verdict } from "./guardrails.ts";

type Emit = (bytes: Uint8Array) => void;
type Blocked = NonNullable<AnswerStage["blocked"]>;

/** Octets of an answer that is judged as a whole, and of one frame of a stream. */
const MAXIMUM_ANSWER = 8_388_608;
const MAXIMUM_FRAME = 1_048_576;

/**
 * The output guardrails as a stage between a provider's answer and the agent. Undefined: none applies. "unsupported": one
 * does, and this API's streams cannot be guarded, so the call must be refused.
 */
export function answerGuard(
  guardrails: Guardrails,
  rails: readonly Guardrail[],
  api: Api,
  model: string,
  streaming: boolean,
): AnswerStage | "unsupported" | undefined {
  const stream = guardrails.guardStream(rails, api, model);
  if (stream === "free") return undefined;
  if (!streaming) return new WholeAnswer((body) => guardrails.judgeOutput(rails, api, model, body));
  return stream === "unsupported" ? stream : new FramedAnswer(stream, api);
}

function blockedBy(rule: string, reason: string): Blocked {
  return { rule, detail: `The guardrail "${rule}" does not let this answer pass (${reason}).` };
}

/** Keeps an answer until it has been judged: nothing of it is out before. */
class WholeAnswer implements AnswerStage {
  blocked: Blocked | undefined;
  pending: Promise<void> | undefined;
  readonly #judge: (body: string) => Verdict | Promise<Verdict>;
  #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(judge: (body: string) => Verdict | Promise<Verdict>) {
    this.#judge = judge;
    // Until the end, that there is something to wait for is all there is to say.
    this.pending = Promise.withResolvers<undefined>().promise;
  }

  push(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.blocked !== undefined) return;
    if (this.#length <= MAXIMUM_ANSWER) {
      this.#chunks.push(bytes.slice());
      return;
    }
    this.#chunks = [];
    this.blocked = blockedBy("*", "the answer is too large to be judged");
  }

  end(emit: Emit): void {
    this.pending = undefined;
    if (this.blocked !== undefined) return;
    const octets = Buffer.concat(this.#chunks);
    this.#chunks = [];
    const body = textOf(octets);
    if (body === undefined) {
      this.blocked = blockedBy("*", "the answer is not UTF-8");
      return;
    }
    const verdict = this.#judge(body);
    const apply = (judged: Verdict): void => {
      if (judged.kind === "block") this.blocked = blockedBy(judged.guardrail, judged.reason);
      else emit(judged.kind === "mask" ? Buffer.from(judged.body) : octets);
    };
    if (verdict instanceof Promise) this.pending = verdict.then(apply);
    else apply(verdict);
  }
}

/** Cuts a stream into frames and hands them to its guard. */
class FramedAnswer implements AnswerStage {
  blocked: Blocked | undefined;
  pending: Promise<void> | undefined;
  readonly #stream: GuardedStream;
  readonly #frames: FrameAssembly;
  #emit: Emit | undefined;

  constructor(stream: GuardedStream, api: Api) {
    this.#stream = stream;
    // Whoever asks a service about the whole keeps it all until then.
    this.pending = stream.flows ? undefined : Promise.withResolvers<undefined>().promise;
    const isLines = api === "ollama_chat" || api === "ollama_generate";
    this.#frames = new FrameAssembly(isLines ? new NdjsonBoundary() : new SseBoundary(), MAXIMUM_FRAME, {
      frame: (bytes, from, to) => {
        if (this.blocked === undefined) this.#apply(stream.frame(bytes.subarray(from, to)));
      },
      piece: () => {
        this.blocked ??= blockedBy("*", "a frame is too large to be judged");
      },
    });
  }

  push(bytes: Uint8Array, emit: Emit): void {
    if (this.blocked !== undefined) return;
    this.#emit = emit;
    this.#frames.push(bytes);
  }

  end(emit: Emit): void {
    this.pending = undefined;
    if (this.blocked !== undefined) return;
    this.#emit = emit;
    // A frame without its end: readers of event streams drop it, readers of lines do not.
    const rest = this.#frames.rest();
    if (rest !== undefined) this.#apply(this.#stream.frame(rest));
    const step = this.#stream.end();
    if (step instanceof Promise) this.pending = step.then((last) => this.#apply(last));
    else this.#apply(step);
  }

  #apply(step: StreamStep): void {
    if (this.blocked !== undefined) return;
    if (step.kind === "blocked") this.blocked = blockedBy(step.guardrail, step.name);
    else for (const frame of step.frames) this.#emit?.(frame);
  }
}

function textOf(octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(octets);
  } catch {
    return undefined;
  }
}
