import { isObject } from "../pod/shape-check.ts";
import type { JsonObject } from "../pod/pod.ts";
import type { Report } from "./report.ts";

/** Of every list in a pod, as `readPod` has it. */
const MOST_ITEMS = 10_000;

/** `null` is absence to Kubernetes. */
export function valueAt(parent: JsonObject, name: string): unknown {
  return Object.hasOwn(parent, name) ? (parent[name] ?? undefined) : undefined;
}

/** The object at a member; empty where there is none. What is no object is reported. */
export function objectAt(parent: JsonObject, name: string, path: string, report: Report): JsonObject {
  const value = valueAt(parent, name);
  if (value === undefined) return {};
  if (isObject(value)) return value;
  report("malformed_pod", `${path}.${name}`, `${name} must be an object.`);
  return {};
}

/** The list at a member; empty where there is none. What is no list, or longer than any should be, is reported. */
export function listAt(parent: JsonObject, name: string, path: string, report: Report): readonly unknown[] {
  const value = valueAt(parent, name);
  if (value === undefined) return [];
  if (Array.isArray(value) && value.length <= MOST_ITEMS) return value;
  report("malformed_pod", `${path}.${name}`, `${name} must be a list of at most ${MOST_ITEMS} items.`);
  return [];
}

/** As `listAt`, where every item must be an object. Items keep their places: the index is the item's. */
export function objectsAt(parent: JsonObject, name: string, path: string, report: Report): readonly JsonObject[] {
  return listAt(parent, name, path, report).map((item, index) => {
    if (isObject(item)) return item;
    report("malformed_pod", `${path}.${name}[${index}]`, `An item of ${name} must be an object.`);
    return {};
  });
}
