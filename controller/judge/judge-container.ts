import type { InjectionConfig } from "../config/controller-config.ts";
import { RESERVED_PREFIX } from "../pod/names.ts";
import type { Container, JsonObject } from "../pod/pod.ts";
import { judgeConfinement } from "./judge-confinement.ts";
import { judgeDevices } from "./judge-devices.ts";
import { judgeHostAccess } from "./judge-host-access.ts";
import { isReserved, judgeReferences } from "./judge-references.ts";
import { judgeRestartRules } from "./judge-restart.ts";
import { judgeSeccomp } from "./judge-seccomp.ts";
import { judgeUser } from "./judge-user.ts";
import { objectAt, valueAt } from "./member.ts";
import { type Report, shown } from "./report.ts";

/** Any container that is not one of ours at its place: an application's, an init container's, another sidecar's. */
export function judgeContainer(
  container: Container,
  podSecurity: JsonObject,
  path: string,
  settings: InjectionConfig,
  report: Report,
): void {
  if (isReserved(container.name)) {
    report(
      "name_reserved",
      `${path}.name`,
      `Rename the container ${shown(container.name)}: names that begin with "${RESERVED_PREFIX}" are Sluice's.`,
    );
  }
  const security = objectAt(container, "securityContext", path, report);
  const at = `${path}.securityContext`;
  judgeUser(security, podSecurity, at, report);
  judgeConfinement(security, at, report);
  judgeSeccomp(security, podSecurity, at, settings, report);
  judgeReferences(container, path, report);
  judgeHostAccess(container, path, report);
  judgeDevices(container, path, report);
  judgeRestartRules(container, path, report);
}

/** A debugging container: it is in the pod's network like all others, and must not enter a container of ours. */
export function judgeEphemeral(
  container: Container,
  podSecurity: JsonObject,
  path: string,
  settings: InjectionConfig,
  report: Report,
): void {
  judgeContainer(container, podSecurity, path, settings, report);
  const target = valueAt(container, "targetContainerName");
  if (isReserved(target)) {
    report(
      "debug_target",
      `${path}.targetContainerName`,
      `Debug another container than ${shown(target)}: its process namespace is nobody else's.`,
    );
  }
}
