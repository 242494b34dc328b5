import { assertNever } from "../base/assert-never.ts";
import { REASONS, type Reason } from "../base/reason.ts";
import type { Family } from "./api.ts";
import { ERROR_TYPES } from "./error-type.ts";

/** What an agent is told when its call is refused. */
export interface NativeRefusal {
  readonly reason: Reason;
  /** Where it is finer than the reason's own. */
  readonly status?: number;
  /** In place of the reason's own sentence. */
  readonly sentence?: string;
  /** One sentence more; never text that the agent sent, never a credential. */
  readonly detail?: string;
  /** The member of the request that is at fault. */
  readonly param?: string;
  /** The id of the rule that refused: a budget, a limit, a guardrail. */
  readonly rule?: string;
  readonly request: string;
  /** Until the same call may succeed, in milliseconds; undefined: waiting does not help, or nobody knows. */
  readonly retryAfter?: number;
  /** The provider may have worked on the call, and be paid: asking again would be paid again. */
  readonly paid?: boolean;
  /** When a budget begins anew: RFC 3339. */
  readonly resetAt?: string;
  /** How the rate limits stand that the call came under. */
  readonly limits?: { readonly requests: RateLimit | undefined; readonly tokens: RateLimit | undefined };
}

export interface RateLimit {
  readonly limit: number;
  readonly remaining: number;
  /** Until all of it is free again, in milliseconds. */
  readonly reset: number;
  /** The same as an instant: RFC 3339. */
  readonly resetAt: string;
}

export interface NativeAnswer {
  readonly status: number;
  /** Without framing. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/**
 * The longest wait that is asked of an SDK. openai-node and the Python SDKs take only waits up to 60 s seriously and fall
 * back to half a second for longer ones; anthropic-sdk-typescript sleeps for any (ai-gateways.md section 4.4). So
 * longer waits are told in the body, and the SDK is told not to retry.
 */
const LONGEST_WAIT = 60_000;

/** Why nothing changes by asking again soon. */
const FINAL: ReadonlySet<Reason> = new Set([
  "malformed_request",
  "model_not_allowed",
  "budget_exhausted",
  "guardrail_blocked",
  "request_too_large",
  "policy_expired",
  "method_not_allowed",
  "path_not_allowed",
  "denied_by_rule",
  "address_not_allowed",
  "governance_denied",
  "approval_required",
  "host_mismatch",
]);
/** Where a moment may help, and nobody knows how long it is. */
const SOON: ReadonlySet<Reason> = new Set(["overloaded", "draining", "policy_missing", "audit_unavailable"]);

/**
 * A refusal in the shape that the caller's own SDK reads, with the fields of contract.md beside it. One error type for
 * each reason and family (`error-type.ts`).
 */
export function nativeRefusal(family: Family, refusal: NativeRefusal): NativeAnswer {
  const row = REASONS[refusal.reason];
  const types = ERROR_TYPES[refusal.reason];
  const status = refusal.status ?? (refusal.reason === "policy_missing" ? 503 : row.status);
  const sentence = refusal.sentence ?? inferenceSentences[refusal.reason] ?? row.sentence;
  const message = refusal.detail === undefined ? sentence : `${sentence} ${refusal.detail}`;
  const fields: (readonly [string, string])[] = [
    ["Content-Type", "application/json"],
    ["Proxy-Status", `sluice; error=${row.proxyStatus}; details="${refusal.reason}"`],
    ["Sluice-Reason", refusal.reason],
    [family === "anthropic" ? "request-id" : "x-request-id", refusal.request],
    ["Cache-Control", "no-store"],
    ...retryFields(refusal),
    ...limitFields(family, refusal),
  ];
  if (refusal.resetAt !== undefined) fields.push(["Sluice-Budget-Reset", refusal.resetAt]);
  const more = {
    reason: refusal.reason,
    ...(refusal.rule === undefined ? {} : { rule: refusal.rule }),
    ...(refusal.resetAt === undefined ? {} : { reset_at: refusal.resetAt }),
  };
  const { body, extra } = shaped();
  return { status, fields: extra === undefined ? fields : [...fields, extra], body: JSON.stringify(body) };

  function shaped(): { readonly body: unknown; readonly extra?: readonly [string, string] } {
    switch (family) {
      case "openai":
        return {
          body: { error: { message, type: types.openai, param: refusal.param ?? null, code: types.code, ...more } },
        };
      case "azure":
        return {
          body: {
            error: { code: types.code, message, type: types.openai, param: refusal.param ?? null, status, ...more },
          },
        };
      case "anthropic":
        return {
          body: {
            type: "error",
            error: { type: types.anthropic, message, details: { error_code: types.code, ...more } },
            request_id: refusal.request,
          },
        };
      case "gemini":
        return {
          body: {
            error: {
              code: status,
              message,
              status: types.google,
              details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", domain: "sluice.dev", ...more }],
            },
          },
        };
      case "bedrock":
        return { body: { message, __type: types.aws, ...more }, extra: ["x-amzn-errortype", types.aws] };
      case "ollama":
        return { body: { error: message, ...more } };
      default:
        return assertNever(family);
    }
  }
}

function retryFields({ reason, retryAfter, paid = false }: NativeRefusal): readonly (readonly [string, string])[] {
  if (retryAfter !== undefined && retryAfter <= LONGEST_WAIT && reason !== "budget_exhausted") {
    const wait = Math.max(1, Math.ceil(retryAfter));
    return [
      ["retry-after", String(Math.ceil(wait / 1000))],
      ["retry-after-ms", String(wait)],
    ];
  }
  if (retryAfter !== undefined || paid || FINAL.has(reason)) return [["x-should-retry", "false"]];
  return SOON.has(reason) ? [["retry-after", "1"]] : [];
}

/** In the words of the caller's API (ai-gateways.md section 4.3); of the others none has such fields. */
function limitFields(family: Family, { limits }: NativeRefusal): readonly (readonly [string, string])[] {
  if (limits === undefined) return [];
  return (["requests", "tokens"] as const).flatMap((unit): readonly (readonly [string, string])[] => {
    const one = limits[unit];
    if (one === undefined) return [];
    const limit = String(one.limit);
    const remaining = String(one.remaining);
    switch (family) {
      case "openai":
      case "azure":
        return [
          [`x-ratelimit-limit-${unit}`, limit],
          [`x-ratelimit-remaining-${unit}`, remaining],
          [`x-ratelimit-reset-${unit}`, durationText(one.reset)],
        ];
      case "anthropic":
        return [
          [`anthropic-ratelimit-${unit}-limit`, limit],
          [`anthropic-ratelimit-${unit}-remaining`, remaining],
          [`anthropic-ratelimit-${unit}-reset`, one.resetAt],
        ];
      case "gemini":
      case "bedrock":
      case "ollama":
        return [];
      default:
        return assertNever(family);
    }
  });
}

/** As OpenAI writes a duration: `12ms`, `1.5s`, `6m0s`. */
function durationText(wait: number): string {
  const whole = Math.ceil(wait);
  if (whole < 1_000) return `${whole}ms`;
  if (whole < 60_000) return `${whole / 1_000}s`;
  const seconds = Math.ceil(whole / 1_000);
  return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/** Where the sentence of the table speaks of connections. */
const inferenceSentences: Partial<Record<Reason, string>> = {
  policy_missing: "No inference policy is loaded.",
  policy_expired: "The inference policy has expired.",
  rate_limited: "Too many calls.",
  upstream_unreachable: "The model provider could not be reached.",
  upstream_invalid: "The model provider's answer is not well-formed.",
  idle_timeout: "The model provider stopped answering.",
  lifetime_limit: "The call took longer than its provider's limit allows.",
  connection_limit: "Too many calls at the same time.",
  path_not_allowed: "This path is not served.",
};
