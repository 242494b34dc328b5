import type { JsonObject } from "../pod/pod.ts";
import { objectAt, objectsAt } from "./member.ts";
import { type Report, shown } from "./report.ts";

/**
 * Names of extended resources that are network hardware, or the kernel's means to drive it: their packets pass no guard.
 * Device plugins choose names freely, so this is what the known ones have in theirs; GPUs are nobody's way out. A device
 * class is a claim by another name: which devices it gives is in other objects, as with `judgeClaims`.
 */
const NETWORK_DEVICE =
  /^deviceclass\.resource\.kubernetes\.io\/|rdma|vfio|sriov|hca|infiniband|mlnx|mlx|hostdev|netdev|dpdk|vhost|\/(?:efa|tun)$/;
const LONGEST_NAME = 512;

/** Devices that a container asks for by name. */
export function judgeDevices(container: JsonObject, path: string, report: Report): void {
  const resources = objectAt(container, "resources", path, report);
  for (const list of ["limits", "requests"]) {
    const at = `${path}.resources`;
    const found = Object.keys(objectAt(resources, list, at, report)).find(isNetworkDevice);
    if (found === undefined) continue;
    report("device", `${at}.${list}`, `Remove ${shown(found)}: such a device sends past the guard.`);
  }
}

function isNetworkDevice(name: string): boolean {
  return name.includes("/") && (name.length > LONGEST_NAME || NETWORK_DEVICE.test(name.toLowerCase()));
}

/** Devices by claim: which they are is in other objects, which nobody judges. */
export function judgeClaims(spec: JsonObject, report: Report): void {
  if (objectsAt(spec, "resourceClaims", "spec", report).length === 0) return;
  report("device", "spec.resourceClaims", "Remove resourceClaims: what is claimed may be a network of its own.");
}
