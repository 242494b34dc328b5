import type { PodObject } from "../../controller/pod/pod.ts";
import { NODE, POD } from "../netns/lab.ts";

/** What a `fieldRef` of this pod comes to, in environment and downward API alike. */
export function fieldOf(pod: PodObject, path: string): string {
  const { metadata } = pod;
  const [, map = "", key = ""] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path) ?? [];
  if (map === "labels" || map === "annotations") return metadata[map]?.[key] ?? "";
  switch (path) {
    case "metadata.name":
      return metadata.name ?? "";
    case "metadata.namespace":
      return metadata.namespace ?? "";
    case "metadata.labels":
      return lines(metadata.labels);
    case "metadata.annotations":
      return lines(metadata.annotations);
    case "status.podIP":
      return POD.ipv4[0];
    case "status.podIPs":
      return `${POD.ipv4[0]},${POD.ipv6[0]}`;
    case "status.hostIP":
      return NODE.ipv4;
    default:
      throw new Error(`the lab has no field ${path}`);
  }
}

/** `key="value"`, sorted, the value quoted as Go does. */
function lines(map: Readonly<Record<string, string>> = {}): string {
  return Object.entries(map)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}
