import type { JsonObject } from "../../controller/pod/pod.ts";

/** Members of a pod's JSON that a test relies on: what is not of the shape is a mistake of the test's. */
export function asObject(value: unknown): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`no object: ${show(value)}`);
  return value as JsonObject;
}

export function asText(value: unknown): string {
  if (typeof value !== "string") throw new Error(`no text: ${show(value)}`);
  return value;
}

/** An absent list is empty. */
export function list(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Error(`no list: ${show(value)}`);
  return value as readonly unknown[];
}

/** Refuses members that the lab does not know: it would run another pod than the one that was written. */
export function onlyKnown(what: string, value: object, known: readonly string[]): void {
  const unknown = Object.keys(value).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`${what}: the lab does not know ${unknown.join(", ")}`);
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? "undefined";
}
