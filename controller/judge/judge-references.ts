import { isTrustMount } from "../inject/trust-mount.ts";
import { RESERVED_PREFIX } from "../pod/names.ts";
import type { JsonObject } from "../pod/pod.ts";
import { objectAt, objectsAt, valueAt } from "./member.ts";
import { type Report, shown } from "./report.ts";

/** What a container that is not ours may see of what is ours: nothing but what it is given to trust, by whatever road. */
export function judgeReferences(container: JsonObject, path: string, report: Report): void {
  for (const [index, mount] of objectsAt(container, "volumeMounts", path, report).entries()) {
    if (isTrustMount(mount)) continue;
    judgeName(valueAt(mount, "name"), "router_volume", `${path}.volumeMounts[${index}].name`, report);
  }
  for (const [index, variable] of objectsAt(container, "env", path, report).entries()) {
    const from = `${path}.env[${index}].valueFrom`;
    const source = objectAt(variable, "valueFrom", `${path}.env[${index}]`, report);
    const secret = objectAt(source, "secretKeyRef", from, report);
    const configMap = objectAt(source, "configMapKeyRef", from, report);
    const file = objectAt(source, "fileKeyRef", from, report);
    judgeName(valueAt(secret, "name"), "router_secret", `${from}.secretKeyRef.name`, report);
    judgeName(valueAt(configMap, "name"), "router_volume", `${from}.configMapKeyRef.name`, report);
    judgeName(valueAt(file, "volumeName"), "router_volume", `${from}.fileKeyRef.volumeName`, report);
  }
  for (const [index, source] of objectsAt(container, "envFrom", path, report).entries()) {
    const from = `${path}.envFrom[${index}]`;
    const secret = objectAt(source, "secretRef", from, report);
    const configMap = objectAt(source, "configMapRef", from, report);
    judgeName(valueAt(secret, "name"), "router_secret", `${from}.secretRef.name`, report);
    judgeName(valueAt(configMap, "name"), "router_volume", `${from}.configMapRef.name`, report);
  }
}

/** The name of something that a container or a volume refers to. */
export function judgeName(name: unknown, code: "router_volume" | "router_secret", path: string, report: Report): void {
  if (!isReserved(name)) return;
  const what = code === "router_secret" ? "The Secret" : "What is called";
  report(
    code,
    path,
    `${what} ${shown(name)} is the router's alone; use a name that does not begin with "${RESERVED_PREFIX}".`,
  );
}

export function isReserved(name: unknown): boolean {
  return typeof name === "string" && name.startsWith(RESERVED_PREFIX);
}
