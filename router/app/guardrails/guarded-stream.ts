import { canGuardStream } from "../../core/guardrail/frame-texts.ts";
import type { Guardrail } from "../../core/guardrail/guardrail-rule.ts";
import type { StreamCheck } from "../../core/guardrail/stream-check.ts";
import { StreamCollector } from "../../core/guardrail/stream-collector.ts";
import { StreamGuard, type StreamStep } from "../../core/guardrail/stream-guard.ts";
import type { Api } from "../../core/inference/api.ts";
import { askRemotely, CHECK_FAILED, type PostCheck, type RemoteCheck, WEBHOOK } from "./remote-check.ts";

/** Frames go in whole, with their terminators; what comes out goes to the agent in that order. Blocked is for good. */
export interface GuardedStream {
  /** Something goes out before the end: false where a check is asked about the whole. */
  readonly flows: boolean;
  frame(bytes: Uint8Array): StreamStep;
  end(): StreamStep | Promise<StreamStep>;
}

type RemoteRail = Guardrail & { readonly check: RemoteCheck };

/** Undefined: the streams of this API cannot be guarded. */
export function guardedStream(
  api: Api,
  model: string,
  checks: readonly StreamCheck[],
  remote: readonly RemoteRail[],
  post: PostCheck,
): GuardedStream | undefined {
  if (!canGuardStream(api)) return undefined;
  const guard = checks.length === 0 ? undefined : new StreamGuard({ api, checks });
  if (guard !== undefined && remote.length === 0) {
    return { flows: true, frame: (bytes) => guard.frame(bytes), end: () => guard.end() };
  }
  let collector = new StreamCollector(api);
  const unjudged: StreamStep = { kind: "blocked", guardrail: remote[0]?.id ?? "", name: CHECK_FAILED };
  let blocked: StreamStep | undefined;
  /** What the patterns let out is kept for the checks. */
  const keep = (step: StreamStep): StreamStep => {
    if (blocked === undefined && step.kind === "blocked") blocked = step;
    if (blocked === undefined && step.kind === "emit" && !step.frames.every((frame) => collector.frame(frame))) {
      blocked = unjudged;
    }
    return blocked ?? { kind: "emit", frames: [] };
  };
  return {
    flows: false,
    frame: (bytes) => blocked ?? keep(guard?.frame(bytes) ?? { kind: "emit", frames: [bytes] }),
    async end() {
      if (guard !== undefined) keep(guard.end());
      if (blocked !== undefined) return blocked;
      for (const rail of remote) {
        const verdict = await askRemotely(rail, { phase: "output", api, model, texts: collector.texts() }, post);
        if (verdict.kind === "block") return { kind: "blocked", guardrail: rail.id, name: verdict.reason };
        if (verdict.kind === "pass") continue;
        const frames = collector.release(verdict.texts);
        // What may not be masked was: something is in it.
        if (frames === undefined) return { kind: "blocked", guardrail: rail.id, name: WEBHOOK };
        collector = new StreamCollector(api);
        if (!frames.every((frame) => collector.frame(frame))) return unjudged;
      }
      const frames = collector.release();
      return frames === undefined ? unjudged : { kind: "emit", frames };
    },
  };
}
