import type { InjectionConfig } from "../config/controller-config.ts";
import { desiredVolumes } from "../inject/template-volumes.ts";
import { sameVolume } from "../inject/same-container.ts";
import { RESERVED_PREFIX } from "../pod/names.ts";
import type { JsonObject, PodObject, Volume } from "../pod/pod.ts";
import { isReserved, judgeName } from "./judge-references.ts";
import { objectAt, objectsAt, valueAt } from "./member.ts";
import { inNamed, type Report, shown } from "./report.ts";

/**
 * Kinds of volumes that the kubelet makes without opening a connection for the pod's author: an `nfs` or `iscsi`
 * volume is written to over the node's network, past the guard. Those of the Pod Security Standards, restricted.
 */
const KINDS: ReadonlySet<string> = new Set([
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
]);

/**
 * Drivers whose inline volumes hold what the node's own agents put there. Others, such as those for file servers,
 * connect to whatever the pod's author names.
 */
const DRIVERS: ReadonlySet<unknown> = new Set(["csi.cert-manager.io", "csi.spiffe.io", "secrets-store.csi.k8s.io"]);

/** Volumes are the pod's, so each must be what the router expects, or nothing of the router's. */
export function judgeVolumes(pod: PodObject, settings: InjectionConfig, report: Report): void {
  const desired = new Map(desiredVolumes(pod, settings).map((volume) => [volume.name, volume]));
  for (const [index, volume] of (pod.spec.volumes ?? []).entries()) {
    const path = `spec.volumes[${index}]`;
    if (isReserved(volume.name)) judgeOurs(volume, desired.get(volume.name), path, report);
    else judgeOther(volume, path, inNamed("volume", volume.name, report));
    desired.delete(volume.name);
  }
  for (const name of desired.keys()) {
    report("router_volume", "spec.volumes", `The volume ${name} is missing: let the injector write Sluice's volumes.`);
  }
}

function judgeOurs(volume: Volume, desired: Volume | undefined, path: string, report: Report): void {
  if (desired === undefined) {
    report(
      "name_reserved",
      `${path}.name`,
      `Rename the volume ${shown(volume.name)}: names that begin with "${RESERVED_PREFIX}" are Sluice's.`,
    );
  } else if (!sameVolume(volume, desired)) {
    report("router_volume", path, `Leave the volume ${volume.name} to the injector: it is not as it must be.`);
  }
}

function judgeOther(volume: Volume, path: string, report: Report): void {
  for (const kind of Object.keys(volume)) {
    if (kind === "name" || KINDS.has(kind) || valueAt(volume, kind) === undefined) continue;
    if (kind === "hostPath") {
      report("host_path", `${path}.hostPath`, "Remove hostPath: the node's files hold every pod's secrets.");
    } else {
      report(
        "device",
        `${path}.${shown(kind).slice(1, -1)}`,
        "Use a PersistentVolumeClaim: this kind is served around the guard.",
      );
    }
  }
  const secret = objectAt(volume, "secret", path, report);
  const configMap = objectAt(volume, "configMap", path, report);
  const driver = objectAt(volume, "csi", path, report);
  if (valueAt(volume, "csi") !== undefined && !DRIVERS.has(valueAt(driver, "driver"))) {
    report(
      "device",
      `${path}.csi.driver`,
      `Use a PersistentVolumeClaim: ${shown(valueAt(driver, "driver"))} may be served around the guard.`,
    );
  }
  const driverSecret = objectAt(driver, "nodePublishSecretRef", `${path}.csi`, report);
  judgeName(valueAt(secret, "secretName"), "router_secret", `${path}.secret.secretName`, report);
  judgeName(valueAt(configMap, "name"), "router_volume", `${path}.configMap.name`, report);
  judgeName(valueAt(driverSecret, "name"), "router_secret", `${path}.csi.nodePublishSecretRef.name`, report);
  const projected = objectAt(volume, "projected", path, report);
  for (const [index, source] of objectsAt(projected, "sources", `${path}.projected`, report).entries()) {
    judgeSource(source, `${path}.projected.sources[${index}]`, report);
  }
}

function judgeSource(source: JsonObject, path: string, report: Report): void {
  for (const kind of ["serviceAccountToken", "podCertificate"]) {
    if (valueAt(source, kind) === undefined) continue;
    report(
      "token",
      `${path}.${kind}`,
      "Remove this source: the pod's identity is the router's alone (injection.tokens).",
    );
  }
  const secret = objectAt(source, "secret", path, report);
  const configMap = objectAt(source, "configMap", path, report);
  judgeName(valueAt(secret, "name"), "router_secret", `${path}.secret.name`, report);
  judgeName(valueAt(configMap, "name"), "router_volume", `${path}.configMap.name`, report);
}
