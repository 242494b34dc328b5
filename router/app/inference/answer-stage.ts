import { HeldOctets } from "../../core/base/held-octets.ts";
import { blockedBy, type ContentSignal, contentSignals } from "../../core/guardrail/content-filter.ts";
import type { StreamStep } from "../../core/guardrail/stream-guard.ts";
import { type Api, APIS } from "../../core/inference/api.ts";
import { EventStreamBoundary } from "../../core/inference/event-stream.ts";
import { FrameAssembly } from "../../core/inference/frame-assembly.ts";
import type { FrameBoundary } from "../../core/inference/frame-boundary.ts";
import { NdjsonBoundary } from "../../core/inference/ndjson-frames.ts";
import { readFrame, SseBoundary } from "../../core/inference/sse-frames.ts";
import type { Json } from "../../core/json/json.ts";
import type { Severity } from "../../core/models/inference-policy.ts";
import type { DeniedCall } from "../../core/toolcall/open-calls.ts";
import { type GateStep, ToolCallGate } from "../../core/toolcall/tool-call-gate.ts";
import type { ResponseContext, StreamTranslation, Translation } from "../../core/translate/translation.ts";
import type { GuardedStream } from "../guardrails/guarded-stream.ts";
import type { CallTools } from "./call-tools.ts";
import { MOST_GUARDED } from "./whole-body.ts";
import type { Verdict } from "../guardrails/guardrails.ts";

export type Emit = (bytes: Uint8Array) => void;

/** What stands between a provider's answer and the agent: its filter's annotations, a translation, the guardrails. */
export interface AnswerStage {
  /** Something goes out before the end: false where the whole is judged. */
  readonly flows: boolean;
  push(bytes: Uint8Array, emit: Emit): void;
  /** The provider's answer is whole. */
  end(emit: Emit): void | Promise<void>;
  /** Set once nothing more may pass. */
  readonly stopped: Stopped | undefined;
}

export interface Stopped {
  readonly reason:
    | "guardrail_blocked"
    | "governance_denied"
    | "audit_unavailable"
    | "upstream_invalid"
    | "request_too_large";
  readonly rule: string | undefined;
  readonly detail: string;
}

/** What a stage is made of; what is undefined is not done. */
export interface StageParts {
  /** What the provider speaks, and what the caller does. */
  readonly api: Api;
  readonly callerApi: Api;
  readonly translation: Translation | undefined;
  readonly context: ResponseContext & { readonly includeUsage: boolean };
  /** Floors of the provider's own filter; undefined: its annotations are not looked for. */
  readonly floors: ReadonlyMap<string, Severity> | undefined;
  /** Who judges the tools that it calls. */
  readonly tools: CallTools | undefined;
  signals(signals: readonly ContentSignal[]): void;
}

/** Octets of one frame, and of one answer that is translated whole. */
const MOST_FRAME = 1024 * 1024;
const MOST_ANSWER = 8 * 1024 * 1024;
const FILTER_WORD = "content_filter";

/** A stream: every frame is looked at by itself, in the order translation, guardrails, tools: what is judged is what goes out. */
export class FrameStage implements AnswerStage {
  readonly flows: boolean;
  stopped: Stopped | undefined;
  readonly #parts: StageParts;
  readonly #guard: GuardedStream | undefined;
  readonly #translation: StreamTranslation | undefined;
  readonly #source: FrameAssembly;
  /** A translation gives text of several frames: they are cut anew for the guardrails. */
  readonly #target: FrameAssembly;
  readonly #gate: ToolCallGate | undefined;
  #emit: Emit = () => undefined;

  constructor(parts: StageParts, guard: GuardedStream | undefined) {
    this.#parts = parts;
    this.#guard = guard;
    this.flows = guard?.flows ?? true;
    this.#translation = parts.translation?.stream(parts.context);
    const { tools, callerApi } = parts;
    this.#gate =
      tools &&
      new ToolCallGate({
        api: callerApi,
        judge: (name) => tools.judge(name),
        judgeCall: (name, text) => tools.judgeCall(name, text),
      });
    this.#source = this.#frames(parts.api, (bytes) => this.#fromProvider(bytes));
    this.#target = this.#frames(parts.callerApi, (bytes) => this.#toCaller(bytes));
  }

  push(bytes: Uint8Array, emit: Emit): void {
    this.#emit = emit;
    if (this.stopped === undefined && this.#source.push(bytes) === "broken") this.#stop("upstream_invalid", BROKEN);
  }

  end(emit: Emit): void | Promise<void> {
    this.#emit = emit;
    if (this.stopped !== undefined) return undefined;
    const rest = this.#source.rest();
    if (rest !== undefined) this.#fromProvider(rest);
    const closing = this.#translation?.end() ?? "";
    if (closing !== "") this.#target.push(Buffer.from(closing));
    const last = this.#guard?.end();
    if (last instanceof Promise) {
      return last.then((step) => this.#takeLast(step));
    }
    return last === undefined ? this.#endGate() : this.#takeLast(last);
  }

  #frames(api: Api, frame: (bytes: Uint8Array) => void): FrameAssembly {
    return new FrameAssembly(boundaryOf(api), MOST_FRAME, {
      frame: (bytes, from, to) => frame(bytes.subarray(from, to)),
      piece: () => this.#stop("upstream_invalid", "A frame of the provider's stream is longer than any frame."),
    });
  }

  #fromProvider(bytes: Uint8Array): void {
    if (this.stopped !== undefined) return;
    const { floors, api } = this.#parts;
    if (floors !== undefined && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(FILTER_WORD)) {
      const text = APIS[api].family === "ollama" ? Buffer.from(bytes).toString() : readFrame(bytes).data;
      this.#looked(parsed(text));
    }
    if (this.#translation === undefined) return this.#toCaller(bytes);
    const { event, data } = readFrame(bytes);
    if (data === undefined) return;
    const translated = this.#translation.frame(event, data);
    if (!translated.ok) return this.#stop("upstream_invalid", translated.problem);
    if (translated.value !== "") this.#target.push(Buffer.from(translated.value));
  }

  #looked(body: unknown): void {
    const signals = contentSignals(body);
    this.#parts.signals(signals);
    const blocking = blockedBy(signals, this.#parts.floors ?? new Map());
    if (blocking !== undefined) this.stopped = filtered(blocking);
  }

  #toCaller(bytes: Uint8Array): void {
    if (this.stopped !== undefined) return;
    if (this.#guard === undefined) this.#out(bytes);
    else this.#take(this.#guard.frame(bytes));
  }

  #out(frame: Uint8Array): void {
    if (this.#gate === undefined) this.#emit(frame);
    else this.#pass(this.#gate.frame(frame));
  }

  #takeLast(step: StreamStep): void {
    this.#take(step);
    this.#endGate();
  }

  #endGate(): void {
    if (this.#gate !== undefined && this.stopped === undefined) this.#pass(this.#gate.end());
  }

  #pass(step: GateStep): void {
    if (this.stopped !== undefined) return;
    if (step.kind === "emit") for (const frame of step.frames) this.#emit(frame);
    else this.stopped = refusedTool(this.#parts.tools, step.why);
  }

  #take(step: StreamStep): void {
    if (step.kind === "emit") for (const frame of step.frames) this.#out(frame);
    else this.stopped = { reason: "guardrail_blocked", rule: step.guardrail, detail: `It found: ${step.name}.` };
  }

  #stop(reason: Stopped["reason"], detail: string): void {
    this.stopped ??= { reason, rule: undefined, detail };
  }
}

const BROKEN = "The provider's stream is not one of its API's.";

/** An answer that is no stream: judged and translated whole, at its end. */
export class WholeStage implements AnswerStage {
  readonly flows = false;
  stopped: Stopped | undefined;
  readonly #parts: StageParts;
  readonly #judge: ((body: string) => Verdict | Promise<Verdict>) | undefined;
  readonly #octets = new HeldOctets();

  constructor(parts: StageParts, judge: ((body: string) => Verdict | Promise<Verdict>) | undefined) {
    this.#parts = parts;
    this.#judge = judge;
  }

  push(bytes: Uint8Array): void {
    if (this.stopped !== undefined) return;
    const most = this.#judge === undefined ? MOST_ANSWER : MOST_GUARDED;
    if (this.#octets.length + bytes.length <= most) this.#octets.push(bytes);
    else this.stopped = { reason: "upstream_invalid", rule: undefined, detail: "The answer is too long to be judged." };
  }

  end(emit: Emit): void | Promise<void> {
    if (this.stopped !== undefined) return undefined;
    let text = Buffer.concat(this.#octets.take()).toString("utf8");
    const { floors, translation, context } = this.#parts;
    if (floors !== undefined && text.includes(FILTER_WORD)) {
      const signals = contentSignals(parsed(text));
      this.#parts.signals(signals);
      const blocking = blockedBy(signals, floors);
      if (blocking !== undefined) {
        this.stopped = filtered(blocking);
        return undefined;
      }
    }
    if (translation !== undefined) {
      const translated = translation.response(parsed(text) as Json, context);
      if (!translated.ok) {
        this.stopped = { reason: "upstream_invalid", rule: undefined, detail: translated.problem };
        return undefined;
      }
      text = JSON.stringify(translated.value);
    }
    const verdict = this.#judge?.(text);
    if (verdict === undefined) return this.#out(text, emit);
    if (verdict instanceof Promise) return verdict.then((late) => this.#conclude(late, text, emit));
    return this.#conclude(verdict, text, emit);
  }

  #conclude(verdict: Verdict, text: string, emit: Emit): void | Promise<void> {
    if (verdict.kind === "block") {
      const { guardrail: rule, reason } = verdict;
      this.stopped = { reason: "guardrail_blocked", rule, detail: `It found: ${reason}.` };
      return undefined;
    }
    return this.#out(verdict.kind === "mask" ? verdict.body : text, emit);
  }

  #out(text: string, emit: Emit): void | Promise<void> {
    const octets = Buffer.from(text);
    const { tools, callerApi } = this.#parts;
    const finish = (allows: boolean): void => {
      if (allows) emit(octets);
      else this.stopped = refusedTool(tools, "denied");
    };
    const allows = tools === undefined || tools.allows(callerApi, octets);
    return typeof allows === "boolean" ? finish(allows) : allows.then(finish);
  }
}

function boundaryOf(api: Api): FrameBoundary {
  switch (APIS[api].family) {
    case "ollama":
      return new NdjsonBoundary();
    case "bedrock":
      return new EventStreamBoundary();
    case "openai":
    case "anthropic":
    case "gemini":
      return new SseBoundary();
    default:
      return APIS[api].family satisfies never;
  }
}

function refusedTool(tools: CallTools | undefined, why: DeniedCall["why"]): Stopped {
  const told = why === "denied" ? tools?.refusal : undefined;
  const detail = told?.detail ?? "The answer may call a tool in a way that cannot be judged.";
  return { reason: told?.reason ?? "governance_denied", rule: told?.rule, detail };
}

function filtered({ category, severity, where }: ContentSignal): Stopped {
  const how = severity === undefined ? "" : ` at severity ${severity}`;
  const detail = `The provider's content filter reports ${category}${how} in the ${where}.`;
  return { reason: "guardrail_blocked", rule: `contentFilter.${category}`, detail };
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
