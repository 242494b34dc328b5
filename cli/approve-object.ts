import { fail, ok, type Result } from "../router/core/base/result.ts";
import type { EgressApproval } from "../router/core/approval/approval.ts";
import { readApprovalObject } from "../router/core/approval/read-approval-object.ts";
import { type Members, membersOf } from "./kube-object.ts";

/** An EgressApproval as the API server holds it. */
export interface HeldApproval {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly createdAt: string;
  /** Deleted, and held by a finalizer. */
  readonly isEnding: boolean;
  /** As a router reads it. */
  readonly approval: EgressApproval;
  /** `spec.action` as it stands. */
  readonly action: Members;
  /** The spec as it stands but for `revoked`, and of which object: for comparing. */
  readonly asked: string;
  readonly conditions: readonly Members[];
  readonly answeredBy: string | undefined;
  readonly hasExpired: boolean;
}

/** As the routers read it: what they would not follow is a problem here, one sentence. */
export function readHeldApproval(object: Members): Result<HeldApproval, string> {
  const metadata = membersOf(object["metadata"]);
  const status = membersOf(object["status"]);
  const { name, uid, resourceVersion, creationTimestamp, deletionTimestamp } = metadata;
  if (typeof resourceVersion !== "string" || typeof uid !== "string" || typeof name !== "string")
    return fail("The API server's answer is no object.");
  const given: unknown = status["conditions"];
  const conditions = Array.isArray(given) ? given.map(membersOf) : [];
  const parsed = readApprovalObject(name, object);
  if (!parsed.ok) {
    const [first] = parsed.problem;
    const why = first === undefined ? "it is no EgressApproval." : `${first.code}: ${first.message}`;
    return fail(`No router follows it: ${why}`);
  }
  const { approvedBy } = status;
  const { revoked: _, ...asked } = membersOf(object["spec"]);
  return ok({
    uid,
    resourceVersion,
    isEnding: deletionTimestamp !== undefined && deletionTimestamp !== null,
    createdAt: typeof creationTimestamp === "string" ? creationTimestamp : "",
    approval: parsed.value,
    action: membersOf(asked["action"]),
    asked: JSON.stringify([uid, asked]),
    conditions,
    answeredBy: typeof approvedBy === "string" ? approvedBy : undefined,
    hasExpired: conditions.some((one) => one["type"] === "Expired" && one["status"] === "True"),
  });
}
