/**
 * A copy that shares nothing with what it was made of, frozen throughout. For trees of maps, lists, sets and plain
 * values without cycles, such as a document's parser makes. A frozen `Set` or `Map` of JavaScript still takes entries,
 * so their copies have `add`, `set`, `delete` and `clear` that throw.
 */
export function frozenCopy<Value>(value: Value): Value {
  // Each branch makes what it was given.
  return copyOf(value) as Value;
}

function copyOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(copyOf));
  if (value instanceof Set) return sealed(new Set(Array.from(value, copyOf)));
  if (value instanceof Map) return sealed(new Map(Array.from(value, ([key, held]) => [copyOf(key), copyOf(held)])));
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, held]) => [key, copyOf(held)])));
}

function sealed<Collection extends object>(collection: Collection): Collection {
  for (const mutator of ["add", "set", "delete", "clear"]) {
    if (mutator in collection) Object.defineProperty(collection, mutator, { value: refuse });
  }
  return Object.freeze(collection);
}

function refuse(): never {
  throw new TypeError("a policy in force cannot be changed");
}
