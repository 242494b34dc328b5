import { OUR_CONTAINERS } from "../../controller/pod/names.ts";
import type { PodObject } from "../../controller/pod/pod.ts";
import { remove, set, type Step } from "./pod-change.ts";

/** Of an injected pod: each leaf of our containers and volumes replaced by another value of its type, and taken away. */
export function alterations({ spec }: PodObject): readonly Step[] {
  const containers = OUR_CONTAINERS.flatMap((_, index) =>
    leaves(`spec initContainers ${index}`, spec.initContainers?.[index]),
  );
  const volumes = (spec.volumes ?? []).flatMap((volume, index) =>
    volume.name.startsWith("sluice-") ? leaves(`spec volumes ${index}`, volume) : [],
  );
  return [...containers, ...volumes].flatMap(([at, value]) => [set(at, otherThan(value)), remove(at)]);
}

/** Of members whose values are a closed list: another of it, so that the API server does not refuse it before us. */
const OTHERS: Readonly<Record<string, string>> = {
  Always: "Never",
  FallbackToLogsOnError: "File",
  HTTP: "HTTPS",
  IfNotPresent: "Never",
  Localhost: "RuntimeDefault",
  Memory: "HugePages",
  NET_ADMIN: "NET_RAW",
  RuntimeDefault: "Unconfined",
  TCP: "UDP",
};

function leaves(at: string, value: unknown): readonly (readonly [string, unknown])[] {
  if (typeof value !== "object" || value === null) return [[at, value]];
  return Object.entries(value).flatMap(([name, member]) => leaves(`${at} ${name}`, member));
}

function otherThan(value: unknown): unknown {
  if (typeof value === "boolean") return !value;
  if (typeof value === "number") return value + 1;
  // A quantity stays one, a name too.
  return OTHERS[String(value)] ?? `1${String(value)}`;
}
