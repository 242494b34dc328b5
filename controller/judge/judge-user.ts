import { acceptableUser } from "../inject/confine.ts";
import { PROVE_ID, ROUTER_ID } from "../pod/names.ts";
import type { JsonObject } from "../pod/pod.ts";
import { listAt, valueAt } from "./member.ts";
import { type Report, shown } from "./report.ts";

/** Whose packets leave the pod is decided by their UID: nobody else may have ours, nor the one that could take it. */
export function judgeUser(security: JsonObject, podSecurity: JsonObject, path: string, report: Report): void {
  const own = valueAt(security, "runAsUser");
  if (own !== undefined) judgeUserId(own, `${path}.runAsUser`, report);
  else if (valueAt(podSecurity, "runAsUser") === undefined) {
    report(
      "user_missing",
      `${path}.runAsUser`,
      `Set runAsUser to a UID other than 0, ${ROUTER_ID} and ${PROVE_ID}: the user that the image names cannot be seen.`,
    );
  }
  const nonRoot = valueAt(security, "runAsNonRoot") ?? valueAt(podSecurity, "runAsNonRoot");
  if (nonRoot !== true) {
    report(
      "user_root",
      `${path}.runAsNonRoot`,
      "Set runAsNonRoot to true: containers beside the router never run as root.",
    );
  }
  judgeGroupId(valueAt(security, "runAsGroup"), `${path}.runAsGroup`, report);
}

/** What all containers that name none of their own inherit. */
export function judgePodUser(podSecurity: JsonObject, path: string, report: Report): void {
  const user = valueAt(podSecurity, "runAsUser");
  if (user !== undefined) judgeUserId(user, `${path}.runAsUser`, report);
  judgeGroupId(valueAt(podSecurity, "runAsGroup"), `${path}.runAsGroup`, report);
  judgeGroupId(valueAt(podSecurity, "fsGroup"), `${path}.fsGroup`, report);
  for (const [index, group] of listAt(podSecurity, "supplementalGroups", path, report).entries()) {
    judgeGroupId(group, `${path}.supplementalGroups[${index}]`, report);
  }
}

function judgeUserId(user: unknown, path: string, report: Report): void {
  if (acceptableUser(user)) return;
  if (user === ROUTER_ID || user === PROVE_ID) {
    report("user_router", path, `UID ${user} is Sluice's own; choose another, such as 1000.`);
  } else {
    report("user_root", path, `runAsUser is ${shown(user)}; choose a UID above 0, such as 1000.`);
  }
}

function judgeGroupId(group: unknown, path: string, report: Report): void {
  if (group === ROUTER_ID || group === PROVE_ID) {
    report("group_router", path, `GID ${group} is Sluice's own; choose another.`);
  }
}
