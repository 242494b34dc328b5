import { assertNever } from "../base/assert-never.ts";
import { REASONS } from "../base/reason.ts";
import type { CallOutcome } from "../outcome/inference-outcome.ts";

/** Statuses of providers that have a value of their own (ai-gateways.md section 4.2); any other is `_OTHER`. */
const STATUSES: ReadonlyMap<number, string> = new Map(
  [
    400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 415, 422, 424, 429, 498, 499, 500, 501, 502, 503, 504, 524, 529,
  ].map((status) => [status, String(status)]),
);

/** Every value of `callError`. */
export const CALL_ERRORS: ReadonlySet<string> = new Set([
  ...Object.keys(REASONS),
  ...STATUSES.values(),
  "cancelled",
  "_OTHER",
]);

/**
 * `error.type` of a call, from a closed list: a reason of `base/reason.ts` where the router refused or cut it, `cancelled`
 * where the agent left, else the provider's status. Undefined: no error.
 */
export function callError(outcome: CallOutcome): string | undefined {
  switch (outcome.kind) {
    case "refused":
      return outcome.reason;
    case "aborted":
      return outcome.reason ?? "cancelled";
    case "completed": {
      const { status } = outcome.facts;
      return status === undefined || status < 400 ? undefined : (STATUSES.get(status) ?? "_OTHER");
    }
    default:
      return assertNever(outcome);
  }
}
