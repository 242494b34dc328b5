import type { Container, JsonObject, Volume, VolumeMount } from "../pod/pod.ts";
import { isObject } from "../pod/shape-check.ts";

/** Resources for which a LimitRange may give defaults where the template asks for nothing; no devices, no huge pages. */
const LIMIT_RANGE = ["cpu", "memory", "ephemeral-storage"];

/**
 * Whether a container is the one that the template makes: all of it, and nothing else. Two things that admission in the
 * API server does to every container are not ours to undo, and take nothing away from the pod's protection:
 * - LimitRanger fills in requests and limits for cpu, memory and ephemeral-storage where none are set. What the template
 *   sets must stand as it is.
 * - AlwaysPullImages sets `imagePullPolicy: Always`.
 * `actual` may be anything that was read from a pod: no deeper into it than `desired` goes.
 */
export function sameContainer(actual: Container, desired: Container): boolean {
  return sameValue(actual, withAdmission(desired, actual));
}

/** Whether a volume is the template's: exactly. */
export function sameVolume(actual: Volume, desired: Volume): boolean {
  return sameValue(actual, desired);
}

/** Whether a mount is that one: exactly. `actual` may be anything. */
export function sameMount(actual: unknown, desired: VolumeMount): boolean {
  return sameValue(actual, desired);
}

/** The template's container, with what the API server's own admission has done to the one that is there, if any is. */
export function withAdmission(desired: Container, actual: Container | undefined): Container {
  if (actual === undefined) return desired;
  const { resources, imagePullPolicy } = desired;
  const found = actual["resources"];
  return {
    ...desired,
    ...(isObject(resources) && isObject(found) && { resources: withLimitRange(resources, found) }),
    ...(imagePullPolicy !== undefined && actual["imagePullPolicy"] === "Always" && { imagePullPolicy: "Always" }),
  };
}

function withLimitRange(desired: JsonObject, actual: JsonObject): JsonObject {
  return { ...desired, ...withDefaults(desired, actual, "limits"), ...withDefaults(desired, actual, "requests") };
}

function withDefaults(desired: JsonObject, actual: JsonObject, list: "limits" | "requests"): JsonObject {
  const found = actual[list];
  if (!isObject(found)) return {};
  const wanted = isObject(desired[list]) ? desired[list] : {};
  const filled = LIMIT_RANGE.flatMap((name): [string, unknown][] => {
    const quantity = Object.hasOwn(found, name) && !Object.hasOwn(wanted, name) ? found[name] : undefined;
    return typeof quantity === "string" && quantity.length <= 30 ? [[name, quantity]] : [];
  });
  return filled.length === 0 ? {} : { [list]: { ...wanted, ...Object.fromEntries(filled) } };
}

/** JSON equality: members in any order, items in theirs. The recursion goes as deep as `desired`, which is ours. */
function sameValue(actual: unknown, desired: unknown): boolean {
  if (actual === desired) return true;
  if (Array.isArray(desired)) {
    return (
      Array.isArray(actual) &&
      actual.length === desired.length &&
      desired.every((item, index) => sameValue(actual[index], item))
    );
  }
  if (!isObject(desired) || !isObject(actual)) return false;
  const names = Object.keys(desired);
  return (
    names.length === Object.keys(actual).length &&
    names.every((name) => Object.hasOwn(actual, name) && sameValue(actual[name], desired[name]))
  );
}
