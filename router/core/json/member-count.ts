import type { Json } from "./json.ts";

/** The members of all objects in a value. As deep as the value is: who parsed it has bounded that. */
export function memberCount(value: Json): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (isList(value)) {
    for (const item of value) count += memberCount(item);
    return count;
  }
  for (const name of Object.keys(value)) count += 1 + memberCount(value[name] ?? null);
  return count;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
