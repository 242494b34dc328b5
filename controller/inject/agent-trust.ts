import type { Container } from "../pod/pod.ts";
import { isTrustMount, TRUST_MOUNT, TRUST_PATH } from "./trust-mount.ts";

const IN_THE_WAY =
  "is taken by another mount: the container gets no certificates, and hosts that are inspected fail in it";

/**
 * The container with what the router puts there for it: the certificate of the pod's own authority, and a bundle of it and
 * the platform's. Undefined where a mount of the container's own is in the way, which is said.
 */
export function withTrustMount(
  container: Container,
  warn: (subject: string, what: string) => void,
): Container | undefined {
  const mounts = container.volumeMounts ?? [];
  if (mounts.some(isTrustMount)) return container;
  if (mounts.some(({ mountPath }) => isInTheWay(mountPath))) {
    warn(TRUST_PATH, IN_THE_WAY);
    return undefined;
  }
  return { ...container, volumeMounts: [...mounts, TRUST_MOUNT] };
}

/** At the place, above it (a runtime would have to make ours in it) or below it. */
function isInTheWay(mountPath: unknown): boolean {
  if (typeof mountPath !== "string") return false;
  const [one, other] = [`${mountPath}/`.replace(/\/+/g, "/"), `${TRUST_PATH}/`];
  return one.startsWith(other) || other.startsWith(one);
}
