import { fail, ok, type Result } from "../router/core/base/result.ts";
import type { HeldApproval } from "./approve-object.ts";
import { apiProblem, type ApproveProblem, missingRole, type Sought } from "./approve-problem.ts";
import { EXIT } from "./cli-io.ts";
import type { KubeAccess } from "./kube-access.ts";
import { callKube } from "./kube-call.ts";
import { memberAt } from "./kube-object.ts";

export const GROUP = "sluice.dev";
export const RESOURCE = "egressapprovals";

/** The name that the API server knows the caller by. */
export async function whoAmI(access: KubeAccess, sought: Sought): Promise<Result<string, ApproveProblem>> {
  const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const answer = await callKube(access, { method: "POST", path, body });
  if (!answer.ok) return fail(apiProblem(answer.problem, sought));
  const username = memberAt(answer.value.object, "status", "userInfo", "username");
  if (typeof username === "string" && username !== "" && username !== "system:anonymous") return ok(username);
  const message = "The API server does not know who you are: this context has no credentials.";
  return fail({ exit: EXIT.no, message });
}

/** Before anybody is asked: what RBAC says to the verb, so that a missing role is named. */
export async function mayAct(
  access: KubeAccess,
  sought: Sought,
  { approval }: HeldApproval,
): Promise<Result<undefined, ApproveProblem>> {
  const { namespace, name, user } = sought;
  const isOwn = sought.verb === "revoke" && user !== undefined && approval.requestedBy === user;
  const needed = [
    { verb: "patch", subresource: sought.verb === "revoke" ? "" : "status" },
    ...(isOwn ? [] : [{ verb: "approve", subresource: "" }]),
  ];
  for (const { verb, subresource } of needed) {
    const resourceAttributes = { group: GROUP, resource: RESOURCE, subresource, namespace, name, verb };
    const answer = await callKube(access, {
      method: "POST",
      path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      body: { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { resourceAttributes } },
    });
    if (!answer.ok) return fail(apiProblem(answer.problem, sought));
    if (memberAt(answer.value.object, "status", "allowed") !== true) return fail(missingRole(sought));
  }
  return ok(undefined);
}
