import type { Json } from "../json/json.ts";

export interface JsonObject {
  readonly [key: string]: Json;
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !isList(value);
}

/** Absent, or null, which both APIs read as absent. */
export function isAbsent(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null;
}

/** A string that holds something, or undefined. */
export function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function asObject(value: Json | undefined): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

/** The `type` of an object, or "". */
export function typeOf(value: Json | undefined): string {
  return textOf(asObject(value)?.["type"]) ?? "";
}

/** Without the members that are undefined, in the same order. `members` are names of our own. */
export function present(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  const kept: Record<string, Json> = {};
  for (const [name, value] of Object.entries(members)) if (value !== undefined) kept[name] = value;
  return kept;
}

/** A schema or a tool's input nests less than this; `JSON.stringify`, which recurs, ends the process' stack far beyond it. */
const MAXIMUM_DEPTH = 256;

/**
 * Whether a value that is carried over as it stands (a schema, a tool's input) can be written again: it nests at most
 * 256 deep. Walks without recursion.
 */
export function isShallow(value: Json): boolean {
  let level: Json[] = [value];
  for (let depth = 0; depth <= MAXIMUM_DEPTH; depth++) {
    const below: Json[] = [];
    for (const one of level) {
      if (typeof one !== "object" || one === null) continue;
      for (const member of isList(one) ? one : Object.values(one)) {
        if (typeof member === "object" && member !== null) below.push(member);
      }
    }
    if (below.length === 0) return true;
    level = below;
  }
  return false;
}
