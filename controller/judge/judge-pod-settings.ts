import type { InjectionConfig } from "../config/controller-config.ts";
import type { PodObject } from "../pod/pod.ts";
import { judgeProfiles } from "./judge-confinement.ts";
import { judgePodUser } from "./judge-user.ts";
import { listAt, objectAt, objectsAt, valueAt } from "./member.ts";
import { type Report, shown } from "./report.ts";

const HOST_SETTINGS = [
  ["hostNetwork", "host_network", "Remove hostNetwork: on the node's network nothing holds the pod."],
  ["hostPID", "host_namespace", "Remove hostPID: it shows the router's process to others."],
  ["hostIPC", "host_namespace", "Remove hostIPC."],
  [
    "shareProcessNamespace",
    "process_namespace_shared",
    "Remove shareProcessNamespace: the router's process is nobody else's.",
  ],
] as const;

/** Sysctls of an IPC namespace of the pod's own, in both spellings; those of its network are the guard's business. */
const SAFE_SYSCTL = /^(?:kernel[./](?:shm|msg|sem)|fs[./]mqueue[./])/;
const APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/";

/** What holds for the pod as a whole. */
export function judgePodSettings({ metadata, spec }: PodObject, settings: InjectionConfig, report: Report): void {
  for (const [name, code, message] of HOST_SETTINGS) {
    const value = valueAt(spec, name);
    if (value !== undefined && value !== false) report(code, `spec.${name}`, message);
  }
  const security = objectAt(spec, "securityContext", "spec", report);
  const at = "spec.securityContext";
  for (const [index, sysctl] of objectsAt(security, "sysctls", at, report).entries()) {
    const name = valueAt(sysctl, "name");
    if (typeof name === "string" && SAFE_SYSCTL.test(name)) continue;
    report("sysctl", `${at}.sysctls[${index}]`, `Remove the sysctl ${shown(name)}: it may change the pod's network.`);
  }
  judgePodUser(security, at, report);
  judgeProfiles(security, at, report);
  for (const [name, value] of Object.entries(metadata.annotations ?? {})) {
    if (name.startsWith(APPARMOR_ANNOTATION) && value === "unconfined") {
      report(
        "apparmor",
        `metadata.annotations[${shown(name)}]`,
        "Remove this annotation: no container runs unconfined.",
      );
    }
  }
  if (valueAt(spec, "automountServiceAccountToken") !== false) {
    report(
      "token",
      "spec.automountServiceAccountToken",
      "Set automountServiceAccountToken to false: only the router has a token.",
    );
  }
  const dns = objectAt(spec, "dnsConfig", "spec", report);
  if (settings.resolverServers.length === 0 && listAt(dns, "nameservers", "spec.dnsConfig", report).length > 0) {
    report(
      "router_altered",
      "spec.dnsConfig.nameservers",
      "Remove nameservers: the router would believe them too. The operator names servers in injection.resolverServers.",
    );
  }
}
