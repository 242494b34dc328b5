import type { Reason } from "../base/reason.ts";
import type { PolicyIdentity } from "../policy/permit.ts";
import type { Limit } from "../limiter/limit.ts";
import type { Obligations } from "./governance-policy.ts";

/** A limit that applies to an action, with the name under which its bucket stands. */
export interface AppliedLimit extends Limit {
  readonly id: string;
}

/**
 * What the policy says of one action, before limits, approvals and behaviour. Deny over require_approval over the rest;
 * where nothing matches: deny.
 */
export type Verdict =
  | {
      readonly effect: "allow";
      /** The rule that allows; undefined: the kind is delegated, or the policy only observes. */
      readonly rule: string | undefined;
      /** All must have room; taken together or not at all. */
      readonly limits: readonly AppliedLimit[];
      readonly obligations: Obligations;
      readonly policy: PolicyIdentity;
      /** In observe mode: what would have been. */
      readonly observed:
        | { readonly effect: "deny" | "require_approval"; readonly rule: string | undefined }
        | undefined;
    }
  | {
      readonly effect: "require_approval";
      readonly rule: string;
      readonly limits: readonly AppliedLimit[];
      readonly obligations: Obligations;
      readonly policy: PolicyIdentity;
      readonly message: string | undefined;
    }
  | {
      readonly effect: "deny";
      /** `governance_denied`, `policy_missing` or `policy_expired`. */
      readonly reason: Reason;
      /** The deny rule; undefined: no rule allows it, and an approval could. */
      readonly rule: string | undefined;
      /** Those that count where an approval allows it all the same. */
      readonly limits: readonly AppliedLimit[];
      readonly policy: PolicyIdentity | undefined;
      readonly message: string | undefined;
    };
