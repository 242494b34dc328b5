import type { EpochMillis } from "../router/core/base/quantity.ts";
import type { HeldApproval } from "./approve-object.ts";
import type { ApprovalVerb } from "./approve-options.ts";

/** A merge patch (RFC 7386), and to which part of the object it goes. */
export interface ApprovalWrite {
  readonly subresource: "" | "/status?fieldManager=sluice-approve";
  readonly body: object;
}

/**
 * What makes an answer of the very version that was looked at, or a revocation of the very object: whoever may change its
 * labels would keep a version from standing still. A list of conditions is replaced whole, so that those of others go with
 * it. `now` is by the API server's clock.
 */
export function approvalWrite(
  verb: ApprovalVerb,
  held: HeldApproval,
  { user, now, reason }: { readonly user: string; readonly now: EpochMillis; readonly reason: string | undefined },
): ApprovalWrite {
  const { uid, resourceVersion } = held;
  if (verb === "revoke") return { subresource: "", body: { metadata: { uid }, spec: { revoked: true } } };
  const answer = {
    type: "Approved",
    status: verb === "approve" ? "True" : "False",
    // Whole seconds, as Kubernetes writes times.
    lastTransitionTime: `${new Date(now).toISOString().slice(0, 19)}Z`,
    reason: verb === "approve" ? "Approved" : "Denied",
    ...(reason === undefined ? {} : { message: reason }),
  };
  const others = held.conditions.filter((condition) => condition["type"] !== "Approved");
  const status = { approvedBy: user, conditions: [...others, answer] };
  // Of a status no uid is read, but no two objects share a version. A manager of its own: the admission policy finds the
  // time of this write by it.
  return { subresource: "/status?fieldManager=sluice-approve", body: { metadata: { resourceVersion }, status } };
}
