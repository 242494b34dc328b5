import type { JsonObject } from "../pod/pod.ts";
import { listAt, objectAt, valueAt } from "./member.ts";
import { type Report, shown } from "./report.ts";

const ALLOWED_CAPABILITY = "NET_BIND_SERVICE";
/** Those of the Pod Security Standards, baseline. */
const SELINUX_TYPES: readonly unknown[] = [
  undefined,
  "",
  "container_t",
  "container_init_t",
  "container_kvm_t",
  "container_engine_t",
];

/** What a container may ask of the kernel: every one that is not ours must leave no way to the router's UID or the wire. */
export function judgeConfinement(security: JsonObject, path: string, report: Report): void {
  const privileged = valueAt(security, "privileged");
  if (privileged !== undefined && privileged !== false) {
    report("privileged", `${path}.privileged`, "Remove privileged: such a container can undo the guard.");
  }
  if (valueAt(security, "allowPrivilegeEscalation") !== false) {
    report(
      "privilege_escalation",
      `${path}.allowPrivilegeEscalation`,
      "Set allowPrivilegeEscalation to false: a setuid file could become the router.",
    );
  }
  judgeCapabilities(objectAt(security, "capabilities", path, report), `${path}.capabilities`, report);
  const procMount = valueAt(security, "procMount");
  if (procMount !== undefined && procMount !== "Default") {
    report("proc_mount", `${path}.procMount`, "Remove procMount or set it to Default.");
  }
  judgeProfiles(security, path, report);
}

/** Of a pod or a container: AppArmor, SELinux, Windows. What is not set is the runtime's default. */
export function judgeProfiles(security: JsonObject, path: string, report: Report): void {
  const appArmor = valueAt(objectAt(security, "appArmorProfile", path, report), "type");
  if (appArmor !== undefined && appArmor !== "RuntimeDefault" && appArmor !== "Localhost") {
    report("apparmor", `${path}.appArmorProfile.type`, "Remove appArmorProfile or set its type to RuntimeDefault.");
  }
  const selinux = objectAt(security, "seLinuxOptions", path, report);
  const type = valueAt(selinux, "type");
  if (!SELINUX_TYPES.includes(type)) {
    report(
      "selinux",
      `${path}.seLinuxOptions.type`,
      `Remove the SELinux type ${shown(type)}; container_t is the usual one.`,
    );
  }
  for (const name of ["user", "role"]) {
    if ((valueAt(selinux, name) ?? "") !== "") {
      report("selinux", `${path}.seLinuxOptions.${name}`, `Remove the SELinux ${name}.`);
    }
  }
  if (valueAt(security, "windowsOptions") !== undefined) {
    report("windows", `${path}.windowsOptions`, "Remove windowsOptions: the guard holds on Linux only.");
  }
}

function judgeCapabilities(capabilities: JsonObject, path: string, report: Report): void {
  if (!listAt(capabilities, "drop", path, report).includes("ALL")) {
    report("capability", `${path}.drop`, "Drop ALL capabilities: the runtime's defaults include NET_RAW and SETUID.");
  }
  for (const [index, capability] of listAt(capabilities, "add", path, report).entries()) {
    if (capability === ALLOWED_CAPABILITY) continue;
    report(
      "capability",
      `${path}.add[${index}]`,
      `Do not add ${shown(capability)}; only ${ALLOWED_CAPABILITY} may be added beside the router.`,
    );
  }
}
