import type { Reason } from "../core/base/reason.ts";
import type { PolicyIdentity } from "../core/policy/permit.ts";

/** Why an exchange does not go on. */
export interface Refused {
  readonly reason: Reason;
  readonly policy: PolicyIdentity | undefined;
  readonly rule: string | undefined;
  readonly detail?: string;
  /** Where it is finer than the reason's own. */
  readonly status?: number;
  /** Milliseconds after which the same may be asked again. */
  readonly retryAfter?: number;
  /** It can be asked for at run time. */
  readonly askable?: boolean;
}
