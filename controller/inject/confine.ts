import type { InjectionConfig } from "../config/controller-config.ts";
import { ANNOTATION, PROVE_ID, ROUTER_ID } from "../pod/names.ts";
import type { Container, JsonObject, PodObject } from "../pod/pod.ts";
import { isObject } from "../pod/shape-check.ts";

const AGENT_PROFILES: readonly string[] = ["agent", "browser"];

/** What the annotation may name; where the runtime's profile is used the names count for nothing, and must be right all the same. */
export function namedProfiles({ seccomp }: InjectionConfig): readonly string[] {
  if (seccomp.mode === "runtimeDefault") return AGENT_PROFILES;
  return AGENT_PROFILES.filter((name) => seccomp.profiles[name] !== undefined);
}
const MAXIMUM_ID = 2_147_483_647;

/** Whether a UID may be an application's: a number that is neither root's nor one of ours. */
export function acceptableUser(id: unknown): id is number {
  return (
    typeof id === "number" && Number.isInteger(id) && id > 0 && id <= MAXIMUM_ID && id !== ROUTER_ID && id !== PROVE_ID
  );
}

/**
 * The seccomp profile for the pod's own containers: `agent`, or the one that the annotation names. Undefined: the pod
 * names none that there is, and is refused.
 */
export function agentSeccomp(pod: PodObject, settings: InjectionConfig): JsonObject | undefined {
  const { seccomp } = settings;
  if (seccomp.mode === "runtimeDefault") return { type: "RuntimeDefault" };
  const name = pod.metadata.annotations?.[ANNOTATION.seccompProfile] ?? "agent";
  const profile = namedProfiles(settings).includes(name) ? seccomp.profiles[name] : undefined;
  return profile === undefined ? undefined : { type: "Localhost", localhostProfile: profile };
}

/** What a container's security context is filled up with. */
export interface Confinement {
  /** Undefined: the pod sets one that no container may have; the containers are left without and refused for it. */
  readonly user: number | undefined;
  readonly seccomp: JsonObject | undefined;
}

/** The same for all containers of a pod. */
export function confinementOf(pod: PodObject, settings: InjectionConfig): Confinement {
  const given = pod.spec.securityContext?.["runAsUser"];
  const user = given === undefined ? settings.agentUser : acceptableUser(given) ? given : undefined;
  return { user, seccomp: agentSeccomp(pod, settings) };
}

/**
 * A container of the pod's own, with everything set that was not. What is set stays, right or wrong: an application that
 * asks for more than it may have is refused with a reason and not run with less than it needs. Set on the container even
 * where the pod says the same: the image's `USER` is seen by nobody who admits it, and a pod's context may be overridden.
 */
export function confine(container: Container, { user, seccomp }: Confinement): Container {
  const given = container.securityContext ?? {};
  const added = {
    ...(given["runAsUser"] === undefined && user !== undefined && { runAsUser: user }),
    ...(given["runAsNonRoot"] === undefined && { runAsNonRoot: true }),
    // With `privileged` the API server refuses false, for a reason that nobody wrote: ours, later, is the better one.
    ...(given["allowPrivilegeEscalation"] === undefined &&
      given["privileged"] !== true && { allowPrivilegeEscalation: false }),
    ...(given["privileged"] === undefined && { privileged: false }),
    ...dropped(given["capabilities"]),
    ...(given["seccompProfile"] === undefined && seccomp !== undefined && { seccompProfile: seccomp }),
  };
  return Object.keys(added).length === 0 ? container : { ...container, securityContext: { ...given, ...added } };
}

/** An empty list is what the API server leaves out: as good as unset. */
function dropped(capabilities: unknown): JsonObject {
  const given = isObject(capabilities) ? capabilities : {};
  const drop = given["drop"];
  return Array.isArray(drop) && drop.length > 0 ? {} : { capabilities: { ...given, drop: ["ALL"] } };
}
