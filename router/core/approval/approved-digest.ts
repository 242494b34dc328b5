import { actionForm, type Sha256, toolForm } from "./action-form.ts";
import type { ActionDigest, EgressApproval } from "./approval.ts";

/** What an approval allows, as the digest of the action's form; undefined: nothing that could be named exactly. */
export function approvedDigest({ action, argumentsDigest }: EgressApproval, sha256: Sha256): ActionDigest | undefined {
  const isByDigest = action.kind === "tool" && argumentsDigest !== undefined;
  const form = isByDigest ? toolForm(action, argumentsDigest) : actionForm(action, sha256);
  return form === undefined ? undefined : sha256(form);
}

export interface Identity {
  readonly namespace: string;
  readonly agent: string;
  readonly pod: string;
}

/** Whether an approval is for this pod. */
export function isMeant({ target }: EgressApproval, { namespace, agent, pod }: Identity): boolean {
  return (
    (target.namespace ?? namespace) === namespace && (target.agent ?? agent) === agent && (target.pod ?? pod) === pod
  );
}
