import type { InjectionConfig } from "../config/controller-config.ts";
import { RESERVED_PREFIX } from "../pod/names.ts";
import type { Container, JsonObject } from "../pod/pod.ts";
import { judgeConfinement } from "./judge-confinement.ts";
import { judgeDevices } from "./judge-devices.ts";
import { judgeHostAccess } from "./judge-host-access.ts";
import { judgePortNames } from "./judge-port-names.ts";
import { isReserved, judgeReferences } from "./judge-references.ts";
import { judgeRestartRules } from "./judge-restart.ts";
import { judgeSeccomp } from "./judge-seccomp.ts";
import { judgeUser } from "./judge-user.ts";
import { objectAt, valueAt } from "./member.ts";
import { inNamed, type Report, shown } from "./report.ts";

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
  const named = inNamed("container", container.name, report);
  const security = objectAt(container, "securityContext", path, named);
  const at = `${path}.securityContext`;
  judgeUser(security, podSecurity, at, named);
  judgeConfinement(security, at, named);
  judgeSeccomp(security, podSecurity, at, settings, named);
  judgeReferences(container, path, named);
  judgePortNames(container, path, named);
  judgeHostAccess(container, path, named);
  judgeDevices(container, path, named);
  judgeRestartRules(container, path, named);
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
    inNamed("container", container.name, report)(
      "debug_target",
      `${path}.targetContainerName`,
      `Debug another container than ${shown(target)}: its process namespace is nobody else's.`,
    );
  }
}
