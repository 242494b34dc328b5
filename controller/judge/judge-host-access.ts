import type { JsonObject } from "../pod/pod.ts";
import { objectAt, objectsAt, valueAt } from "./member.ts";
import { type Report, shown } from "./report.ts";

/** What of the node a container asks for: ports, raw devices, and the kubelet's own connections. */
export function judgeHostAccess(container: JsonObject, path: string, report: Report): void {
  for (const [index, port] of objectsAt(container, "ports", path, report).entries()) {
    const hostPort = valueAt(port, "hostPort");
    if (hostPort !== undefined && hostPort !== 0) {
      report("host_port", `${path}.ports[${index}].hostPort`, "Remove hostPort; reach the pod by a Service.");
    }
  }
  if (objectsAt(container, "volumeDevices", path, report).length > 0) {
    report("device", `${path}.volumeDevices`, "Remove volumeDevices; mount the volume's file system.");
  }
  for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    judgeHandler(objectAt(container, probe, path, report), `${path}.${probe}`, report);
  }
  const lifecycle = objectAt(container, "lifecycle", path, report);
  for (const hook of ["postStart", "preStop"]) {
    const at = `${path}.lifecycle`;
    judgeHandler(objectAt(lifecycle, hook, at, report), `${at}.${hook}`, report);
  }
}

/** The kubelet connects from the node's network, which no guard holds: only ever to the pod itself. */
function judgeHandler(handler: JsonObject, path: string, report: Report): void {
  for (const action of ["httpGet", "tcpSocket"]) {
    const host = valueAt(objectAt(handler, action, path, report), "host") ?? "";
    if (host === "") continue;
    report("probe_host", `${path}.${action}.host`, `Remove host ${shown(host)}: a probe goes to its own pod.`);
  }
}
