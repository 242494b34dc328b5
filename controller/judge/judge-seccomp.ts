import type { InjectionConfig } from "../config/controller-config.ts";
import { namedProfiles } from "../inject/confine.ts";
import { ANNOTATION } from "../pod/names.ts";
import type { JsonObject, PodObject } from "../pod/pod.ts";
import { objectAt, valueAt } from "./member.ts";
import { type Report, shown } from "./report.ts";

/** A profile that there is not would be passed over in silence, or be missed in every container without a word why. */
export function judgeProfileName({ metadata }: PodObject, settings: InjectionConfig, report: Report): void {
  const { [ANNOTATION.seccompProfile]: name } = metadata.annotations ?? {};
  const known = namedProfiles(settings);
  if (name === undefined || known.includes(name)) return;
  report(
    "seccomp",
    `metadata.annotations[${ANNOTATION.seccompProfile}]`,
    `There is no seccomp profile ${shown(name)}: write ${known.join(" or ")}, or remove the annotation for agent.`,
  );
}

/** The profile that counts is the container's, or else the pod's; without either the kubelet's default may be none. */
export function judgeSeccomp(
  security: JsonObject,
  podSecurity: JsonObject,
  path: string,
  settings: InjectionConfig,
  report: Report,
): void {
  const holder = valueAt(security, "seccompProfile") === undefined ? podSecurity : security;
  const profile = objectAt(holder, "seccompProfile", path, report);
  const type = valueAt(profile, "type");
  const localhost = valueAt(profile, "localhostProfile");
  const allowed = agentProfiles(settings);
  const isAllowed =
    allowed === undefined
      ? type === "RuntimeDefault"
      : type === "Localhost" && typeof localhost === "string" && allowed.includes(localhost);
  if (isAllowed) return;
  const wanted = allowed === undefined ? "RuntimeDefault" : `Localhost with ${allowed.join(" or ")}`;
  report(
    "seccomp",
    `${path}.seccompProfile`,
    `The seccomp profile is ${type === undefined ? "missing" : shown(localhost ?? type)}; remove it, and ${wanted} is set.`,
  );
}

/** Of every container but ours; undefined: the runtime's default. */
function agentProfiles({ seccomp }: InjectionConfig): readonly string[] | undefined {
  if (seccomp.mode === "runtimeDefault") return undefined;
  return Object.entries(seccomp.profiles).flatMap(([name, path]) => (name === "router" ? [] : [path]));
}
