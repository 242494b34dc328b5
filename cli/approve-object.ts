import { fail, ok, type Result } from "../router/core/base/result.ts";
import type { EgressApproval } from "../router/core/approval/approval.ts";
import { readApprovalObject } from "../router/core/approval/read-approval-object.ts";
import { type Members, membersOf } from "./kube-object.ts";

/** An EgressApproval as the API server holds it. */
export interface HeldApproval {
  readonly resourceVersion: string;
  readonly createdAt: string;
  /** As a router reads it. */
  readonly approval: EgressApproval;
  /** The spec as it stands, for comparing. */
  readonly spec: string;
  readonly conditions: readonly Members[];
  readonly answeredBy: string | undefined;
  readonly hasExpired: boolean;
}

/** As the routers read it: what they would not follow is a problem here, one sentence. */
export function readHeldApproval(object: Members): Result<HeldApproval, string> {
  const metadata = membersOf(object["metadata"]);
  const status = membersOf(object["status"]);
  const { name, resourceVersion, creationTimestamp } = metadata;
  if (typeof resourceVersion !== "string" || typeof name !== "string")
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
  return ok({
    resourceVersion,
    createdAt: typeof creationTimestamp === "string" ? creationTimestamp : "",
    approval: parsed.value,
    spec: JSON.stringify(object["spec"]),
    conditions,
    answeredBy: typeof approvedBy === "string" ? approvedBy : undefined,
    hasExpired: conditions.some((one) => one["type"] === "Expired" && one["status"] === "True"),
  });
}
