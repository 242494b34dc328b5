import type { Guardrail } from "../../core/guardrail/guardrail-rule.ts";
import { judgeBody, TOKEN_IDS, UNREADABLE } from "../../core/guardrail/judge-body.ts";
import type { PatternSearch } from "../../core/guardrail/pattern-search.ts";
import { railSearch } from "../../core/guardrail/rail-search.ts";
import { rewrittenBody } from "../../core/guardrail/rewritten-body.ts";
import type { StreamCheck } from "../../core/guardrail/stream-check.ts";
import { bodyTexts, type Phase } from "../../core/guardrail/written-texts.ts";
import type { Api } from "../../core/inference/api.ts";
import { type GuardedStream, guardedStream } from "./guarded-stream.ts";
import { askRemotely, isRemote, type PostCheck, type RemoteCheck, WEBHOOK } from "./remote-check.ts";

export type Verdict =
  | { readonly kind: "pass" }
  /** `guardrails`: those that masked something. */
  | { readonly kind: "mask"; readonly body: string; readonly guardrails: readonly string[] }
  /** `reason`: a pattern's name, a word of ours, or what a check said (printable ASCII, bounded). Never of the body. */
  | { readonly kind: "block"; readonly guardrail: string; readonly reason: string };

export interface Guardrails {
  /** Makes ready what the first call would wait for: some 10 ms a guardrail. */
  prepare(rails: readonly Guardrail[]): void;
  /** A request's body, as text. A promise only where a webhook or a moderation is asked; it never rejects. */
  judgeInput(rails: readonly Guardrail[], api: Api, model: string, body: string): Verdict | Promise<Verdict>;
  /** The body of an answer that is not a stream and not an error. */
  judgeOutput(rails: readonly Guardrail[], api: Api, model: string, body: string): Verdict | Promise<Verdict>;
  /** "free": no guardrail applies to this stream; "unsupported": one does, and it cannot be guarded, so it must be refused. */
  guardStream(rails: readonly Guardrail[], api: Api, model: string): GuardedStream | "free" | "unsupported";
}

type RemoteRail = Guardrail & { readonly check: RemoteCheck };

const PASS: Verdict = Object.freeze({ kind: "pass" });
/** A reason: the guardrail's own patterns cannot be searched for. */
const INVALID_PATTERN = "invalid_pattern";

/**
 * Patterns first, in the policy's order, then the checks that others make, one after the other: what a pattern masks,
 * nobody is asked about. Everything unexpected blocks.
 */
export function createGuardrails(post: PostCheck): Guardrails {
  /** Guardrails of a snapshot are one object each as long as it stands. */
  const searches = new WeakMap<Guardrail, PatternSearch | typeof INVALID_PATTERN>();

  function searchOf(rail: Guardrail): PatternSearch | typeof INVALID_PATTERN | undefined {
    const { check, action } = rail;
    if (check.kind !== "patterns") return undefined;
    const known = searches.get(rail);
    if (known !== undefined) return known;
    const compiled = railSearch(check, action);
    const search = compiled.ok ? compiled.value : INVALID_PATTERN;
    searches.set(rail, search);
    return search;
  }

  function judge(
    rails: readonly Guardrail[],
    phase: Phase,
    api: Api,
    model: string,
    body: string,
  ): Verdict | Promise<Verdict> {
    const masking: string[] = [];
    const remote: RemoteRail[] = [];
    let now = body;
    for (const rail of rails) {
      if (!applies(rail, phase, model)) continue;
      if (isRemote(rail)) {
        remote.push(rail);
        continue;
      }
      const verdict = judgedByPatterns(rail, phase, now);
      if (verdict.kind === "block") return verdict;
      if (verdict.kind === "pass") continue;
      now = verdict.body;
      masking.push(rail.id);
    }
    if (remote.length > 0) return askAll(remote, phase, api, model, now, masking);
    return verdictOf(now, masking);
  }

  function judgedByPatterns(rail: Guardrail, phase: Phase, body: string): Verdict {
    const blocked = (reason: string): Verdict => ({ kind: "block", guardrail: rail.id, reason });
    try {
      const search = searchOf(rail);
      if (search === undefined || search === INVALID_PATTERN) return blocked(INVALID_PATTERN);
      const verdict = judgeBody(search, rail.action, body, phase);
      if (verdict.kind === "block") return blocked(verdict.name);
      return verdict.kind === "mask" ? { kind: "mask", body: verdict.body, guardrails: [rail.id] } : PASS;
    } catch {
      // A bug of ours, or a text beyond what the engine holds.
      return blocked("internal");
    }
  }

  async function askAll(
    rails: readonly RemoteRail[],
    phase: Phase,
    api: Api,
    model: string,
    body: string,
    masked: readonly string[],
  ): Promise<Verdict> {
    let now = body;
    const masking = [...masked];
    for (const rail of rails) {
      const texts = bodyTexts(now, phase);
      if (texts === undefined) return { kind: "block", guardrail: rail.id, reason: UNREADABLE };
      if (texts.hasTokenIds) return { kind: "block", guardrail: rail.id, reason: TOKEN_IDS };
      const question = { phase, api, model, texts: texts.said.map(({ value }) => value) };
      const verdict = await askRemotely(rail, question, post);
      if (verdict.kind === "block") return { kind: "block", guardrail: rail.id, reason: verdict.reason };
      if (verdict.kind === "pass") continue;
      const values = new Map(texts.said.map((token, index) => [token, verdict.texts[index] ?? ""]));
      for (const [token, value] of values) if (value === token.value) values.delete(token);
      const maskable = new Set(texts.written);
      // A name or a number cannot be masked: whoever would has found something.
      if (values.keys().some((token) => !maskable.has(token))) {
        return { kind: "block", guardrail: rail.id, reason: WEBHOOK };
      }
      if (values.size === 0) continue;
      now = rewrittenBody(now, texts, values);
      masking.push(rail.id);
    }
    return verdictOf(now, masking);
  }

  return {
    prepare(rails) {
      for (const rail of rails) searchOf(rail);
    },
    judgeInput: (rails, api, model, body) => judge(rails, "input", api, model, body),
    judgeOutput: (rails, api, model, body) => judge(rails, "output", api, model, body),
    guardStream(rails, api, model) {
      const checks: StreamCheck[] = [];
      const remote: RemoteRail[] = [];
      for (const rail of rails) {
        if (!applies(rail, "output", model)) continue;
        if (isRemote(rail)) {
          remote.push(rail);
          continue;
        }
        const search = searchOf(rail);
        if (search === undefined || search === INVALID_PATTERN) return "unsupported";
        checks.push({ guardrail: rail.id, search, action: rail.action });
      }
      if (checks.length === 0 && remote.length === 0) return "free";
      return guardedStream(api, model, checks, remote, post) ?? "unsupported";
    },
  };
}

function applies({ on, models }: Guardrail, phase: Phase, model: string): boolean {
  return on.includes(phase) && (models === undefined || models.has(model));
}

function verdictOf(body: string, guardrails: readonly string[]): Verdict {
  return guardrails.length === 0 ? PASS : { kind: "mask", body, guardrails };
}
