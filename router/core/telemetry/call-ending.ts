import { assertNever } from "../base/assert-never.ts";
import type { CallOutcome } from "../outcome/inference-outcome.ts";

/**
 * - `completed`: the provider did what it was asked.
 * - `provider_error`: its answer reached the agent whole, and was an error.
 * - `refused`: the router sent nothing to a provider.
 * - `aborted`: something was sent, and the router ended it for a reason.
 * - `cancelled`: the agent left.
 */
export const CALL_ENDINGS = ["completed", "provider_error", "refused", "aborted", "cancelled"] as const;
export type CallEnding = (typeof CALL_ENDINGS)[number];

export function callEnding(outcome: CallOutcome): CallEnding {
  switch (outcome.kind) {
    case "refused":
      return "refused";
    case "aborted":
      return outcome.reason === undefined ? "cancelled" : "aborted";
    case "completed":
      return (outcome.facts.status ?? 200) < 400 ? "completed" : "provider_error";
    default:
      return assertNever(outcome);
  }
}
