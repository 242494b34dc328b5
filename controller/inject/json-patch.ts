import type { JsonObject } from "../pod/pod.ts";
import { isObject } from "../pod/shape-check.ts";

/** RFC 6902, the three operations that we need. `path` is a JSON Pointer (RFC 6901). */
export type PatchOperation =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

/** Items that are put in and taken out of one list; with more, the list is replaced whole. */
const MAXIMUM_MOVES = 100;

/**
 * A patch that makes `after` of `before`, two JSON values of which the second was built from the first. What is the same
 * object in both is passed over unread, so the work and the patch are as large as the difference and not as the pod.
 * Lists are compared by their items' `name`, or by place where names are missing or repeated. The recursion goes only where
 * a builder made new objects, and so no deeper than the builder's own code.
 */
export function jsonPatch(before: JsonObject, after: JsonObject): readonly PatchOperation[] {
  const operations: PatchOperation[] = [];
  compareObjects(before, after, "", operations);
  return operations;
}

function compare(before: unknown, after: unknown, path: string, into: PatchOperation[]): void {
  if (before === after) return;
  if (Array.isArray(before) && Array.isArray(after)) compareLists(before, after, path, into);
  else if (isObject(before) && isObject(after)) compareObjects(before, after, path, into);
  else into.push({ op: "replace", path, value: after });
}

function compareObjects(before: JsonObject, after: JsonObject, path: string, into: PatchOperation[]): void {
  for (const name of Object.keys(before)) {
    if (!isThere(after, name) && isThere(before, name)) into.push({ op: "remove", path: `${path}/${escaped(name)}` });
  }
  for (const name of Object.keys(after)) {
    if (!isThere(after, name)) continue;
    const at = `${path}/${escaped(name)}`;
    if (isThere(before, name)) compare(before[name], after[name], at, into);
    else into.push({ op: "add", path: at, value: after[name] });
  }
}

/** JSON has no `undefined`. */
function isThere(object: JsonObject, name: string): boolean {
  return Object.hasOwn(object, name) && object[name] !== undefined;
}

/** RFC 6901, section 3. */
function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

/**
 * Operations apply one after another: every index is one in the list as it is by then. What is the same object at both
 * ends of the lists stays; what is between is compared by name where it can be, or else by place.
 */
function compareLists(
  before: readonly unknown[],
  after: readonly unknown[],
  path: string,
  into: PatchOperation[],
): void {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let tail = 0;
  while (tail < shorter - start && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const old = before.slice(start, before.length - tail);
  const wanted = after.slice(start, after.length - tail);
  const oldNames = namesOf(old);
  const wantedNames = namesOf(wanted);
  if (oldNames !== undefined && wantedNames !== undefined && moves(oldNames, wantedNames) <= MAXIMUM_MOVES) {
    place(old, wanted, oldNames, wantedNames, { path, start, into });
  } else if (old.length === wanted.length) {
    for (const [index, item] of wanted.entries()) compare(old[index], item, `${path}/${start + index}`, into);
  } else {
    into.push({ op: "replace", path, value: after });
  }
}

/** Takes out, puts in and compares, so that `old` becomes `wanted`; what moved is compared with what stood there. */
function place(
  old: readonly unknown[],
  wanted: readonly unknown[],
  oldNames: Names,
  wantedNames: Names,
  { path, start, into }: { readonly path: string; readonly start: number; readonly into: PatchOperation[] },
): void {
  const unwanted = [...oldNames.keys()].map((name) => !wantedNames.has(name));
  let from = 0;
  for (const [name, offset] of wantedNames) {
    const at = `${path}/${start + offset}`;
    for (; unwanted[from] === true; from += 1) into.push({ op: "remove", path: at });
    if (oldNames.has(name)) {
      compare(old[from], wanted[offset], at, into);
      from += 1;
    } else into.push({ op: "add", path: at, value: wanted[offset] });
  }
  for (; from < old.length; from += 1) into.push({ op: "remove", path: `${path}/${start + wanted.length}` });
}

/** Positions by name. */
type Names = ReadonlyMap<string, number>;

/** Undefined: an item without a name, or two with the same. */
function namesOf(list: readonly unknown[]): Names | undefined {
  const names = new Map<string, number>();
  for (const [index, item] of list.entries()) {
    if (!isObject(item) || typeof item["name"] !== "string" || names.has(item["name"])) return undefined;
    names.set(item["name"], index);
  }
  return names;
}

/** Items that are in one of the two and not in the other. */
function moves(before: Names, after: Names): number {
  let common = 0;
  for (const name of after.keys()) if (before.has(name)) common += 1;
  return before.size + after.size - 2 * common;
}
