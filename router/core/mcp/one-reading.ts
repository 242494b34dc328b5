import { foldName } from "../json/fold-name.ts";
import type { Json } from "../json/json.ts";

/**
 * Whether all readers of JSON take a value alike: no object in it has two members whose names are one to those that ignore
 * case, no number is beyond the range of a double, no text holds half of a surrogate pair. As deep as the value is: who
 * parsed it has bounded that.
 */
export function hasOneReading(value: Json): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every((item: Json) => hasOneReading(item));
  const members = Object.entries(value);
  if (members.length > 1 && new Set(members.map(([name]) => foldName(name))).size !== members.length) return false;
  return members.every(([, member]) => hasOneReading(member));
}

/** Names by how they fold. */
export type Spellings = ReadonlyMap<string, string>;

export function spellings(names: readonly string[]): Spellings {
  return new Map(names.map((name) => [foldName(name), name]));
}

/** Whether the object has a member whose name is one of `known` to readers that ignore case, and is not spelled so. */
export function hasLookAlike(object: { readonly [name: string]: Json }, known: Spellings): boolean {
  return Object.keys(object).some((name) => (known.get(foldName(name)) ?? name) !== name);
}
