import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installProfiles } from "../../controller/seccomp/install-profiles.ts";
import { asObject, asText, list } from "./pod-lab-json.ts";

/**
 * What `RuntimeDefault` stands for here: the profile that Debian's containers-common gives to CRI-O, Podman and Buildah,
 * brought into the form that runc reads. containerd's is built into its program and differs in little of it.
 */
const RUNTIME_DEFAULT = "/usr/share/containers/seccomp.json";
const MACHINE = process.arch === "x64" ? "amd64" : "arm64";

/** Whether this machine has the file; it comes with buildah. */
export function haveRuntimeDefault(): boolean {
  return existsSync(RUNTIME_DEFAULT);
}

/** A node's /var/lib/kubelet/seccomp, filled as `sluice seccomp install` does it. Remove the directory. */
export async function seccompRoot(): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "sluice-seccomp-root-"));
  const installed = await installProfiles(root, Date.now(), "lab");
  if (installed.ok) return root;
  rmSync(root, { recursive: true });
  throw new Error(installed.problem);
}

/** The filter of a container with that `seccompProfile` and those capabilities; undefined: unconfined. */
export function seccompOf(profile: unknown, caps: readonly string[], root: string): object | undefined {
  const { type, localhostProfile } = asObject(profile ?? { type: "Unconfined" });
  switch (type) {
    case "Unconfined":
      return undefined;
    case "RuntimeDefault":
      return runtimeDefault(caps);
    case "Localhost":
      return asObject(JSON.parse(readFileSync(join(root, asText(localhostProfile)), "utf8")));
    default:
      throw new Error(`no such seccompProfile: ${String(type)}`);
  }
}

/** Docker's form has conditions on capabilities and machines, which runc's lacks: they are settled here. */
function runtimeDefault(caps: readonly string[]): object {
  const given = asObject(JSON.parse(readFileSync(RUNTIME_DEFAULT, "utf8")));
  const holds = (condition: unknown, wanted: boolean): boolean => {
    const { caps: ofCaps, arches, ...others } = asObject(condition ?? {});
    if (Object.keys(others).length > 0) throw new Error(`unknown condition: ${Object.keys(others).join(", ")}`);
    const met = [
      ...(ofCaps === undefined ? [] : [list(ofCaps).every((each) => caps.includes(asText(each)))]),
      ...(arches === undefined ? [] : [list(arches).includes(MACHINE)]),
    ];
    return met.every((each) => each === wanted);
  };
  const syscalls = list(given["syscalls"]).map((each) => asObject(each));
  return {
    defaultAction: given["defaultAction"],
    defaultErrnoRet: given["defaultErrnoRet"],
    architectures:
      MACHINE === "amd64"
        ? ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
        : ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    syscalls: syscalls
      .filter(({ includes, excludes }) => holds(includes, true) && holds(excludes, false))
      .map(({ names, action, errnoRet, args }) => ({
        names,
        action,
        ...(errnoRet !== undefined && { errnoRet }),
        ...(args !== undefined && args !== null && { args }),
      })),
  };
}
