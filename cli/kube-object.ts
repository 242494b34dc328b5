export type Members = Readonly<Record<string, unknown>>;

/** What stands in an answer of the API server, of which nothing is believed. Empty: it is no map. */
export function membersOf(value: unknown): Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : {};
}

/** A member of members; undefined where one of them is not there. */
export function memberAt(object: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>((value, name) => {
    const members = membersOf(value);
    return Object.hasOwn(members, name) ? members[name] : undefined;
  }, object);
}
