import { VOLUME } from "../pod/names.ts";
import type { VolumeMount } from "../pod/pod.ts";
import { sameMount } from "./same-container.ts";

/** Where containers find what they are to trust. */
export const TRUST_PATH = "/etc/sluice/ca";
/** Where the router writes it. */
export const TRUST_SOURCE = "/var/run/sluice/ca";

/** The only way in which a container that is not ours has anything of ours: to read, whole, at this place. */
export const TRUST_MOUNT: VolumeMount = { name: VOLUME.ca, readOnly: true, mountPath: TRUST_PATH };

/** Whether a mount is exactly that one. */
export function isTrustMount(mount: unknown): boolean {
  return sameMount(mount, TRUST_MOUNT);
}
