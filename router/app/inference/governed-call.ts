import type { InferenceAction } from "../../core/governance/action.ts";
import type { Leave } from "../governance/governor.ts";

/** What the governance policy is asked of a call, and the leave that it gave. */
export interface GovernedCall {
  readonly actions: readonly InferenceAction[];
  readonly leave: Leave;
}
