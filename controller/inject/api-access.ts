import type { Container, PodSpec, Volume } from "../pod/pod.ts";
import { isObject } from "../pod/shape-check.ts";

const ADMISSION_VOLUME = /^kube-api-access-[a-z0-9]{1,16}$/;

/**
 * Names of the volumes with which the API server's ServiceAccount admission gives every container a token for the API;
 * it does so before any webhook is asked, whatever the webhook then says of `automountServiceAccountToken`. Only a
 * projection that is named so: anything else with a token in it is the pod's own wish, and refused.
 */
export function apiAccessVolumes({ volumes = [] }: PodSpec): ReadonlySet<string> {
  return new Set(volumes.filter(isApiAccess).map(({ name }) => name));
}

function isApiAccess({ name, projected }: Volume): boolean {
  if (!ADMISSION_VOLUME.test(name) || !isObject(projected)) return false;
  const { sources } = projected;
  return (
    Array.isArray(sources) && sources.some((source) => isObject(source) && isObject(source["serviceAccountToken"]))
  );
}

/** The container without its mounts of these volumes. */
export function withoutMounts(container: Container, volumes: ReadonlySet<string>): Container {
  const { volumeMounts, ...rest } = container;
  const kept = volumeMounts?.filter(({ name }) => !volumes.has(name));
  if (kept === undefined || kept.length === volumeMounts?.length) return container;
  return kept.length === 0 ? rest : { ...container, volumeMounts: kept };
}
