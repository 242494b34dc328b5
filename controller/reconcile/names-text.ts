const MOST_NAMED = 5;

/** Some of the names, for an Event: `a, b, c, d, e and others`. */
export function namesText(names: readonly string[]): string {
  const some = names.toSorted().slice(0, MOST_NAMED).join(", ");
  return names.length > MOST_NAMED ? `${some} and others` : some;
}
