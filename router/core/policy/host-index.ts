import type { Hostname } from "../wire/hostname.ts";
import type { HostPattern } from "./egress-policy.ts";

/** `order` is the rule's place in its document, from 0. */
interface Ordered {
  readonly order: number;
}

/**
 * The rules whose host patterns match a name, in document order, each once; the array is frozen. A few look-ups,
 * however many rules there are. The maps are closed over, so that nobody who holds an index can change it.
 */
export type HostIndex<Rule> = (name: Hostname) => readonly Rule[];

const none: readonly never[] = Object.freeze([]);

export function indexHosts<Rule extends Ordered>(
  rules: readonly (Rule & { readonly hosts: readonly HostPattern[] })[],
): HostIndex<Rule> {
  const exact = new Map<string, Rule[]>();
  const oneLabel = new Map<string, Rule[]>();
  const deep = new Map<string, Rule[]>();
  const tables = { exact, "one-label": oneLabel, deep } as const;
  for (const rule of rules) {
    for (const pattern of rule.hosts) {
      const table = tables[pattern.kind];
      const bucket = table.get(pattern.name);
      if (bucket === undefined) table.set(pattern.name, [rule]);
      else if (bucket.at(-1) !== rule) bucket.push(rule);
    }
  }
  for (const table of [exact, oneLabel, deep]) for (const bucket of table.values()) Object.freeze(bucket);

  /** How many labels deep patterns have: parents of any other length need no look-up. */
  const depths = [...new Set(deep.keys().map((name) => name.split(".").length))].toSorted((one, other) => one - other);

  return (name) => {
    let found: readonly Rule[] = exact.get(name) ?? none;
    if (oneLabel.size > 0) {
      const dot = name.indexOf(".");
      if (dot >= 0) found = merged(found, oneLabel.get(name.slice(dot + 1)));
    }
    // From the shortest parent up, so that a name of a hundred labels costs no more than the deepest pattern.
    let dot = name.length;
    let labels = 0;
    for (const depth of depths) {
      for (; labels < depth && dot >= 0; labels += 1) dot = name.lastIndexOf(".", dot - 1);
      if (dot < 0) break;
      found = merged(found, deep.get(name.slice(dot + 1)));
    }
    return found;
  };
}

function merged<Rule extends Ordered>(one: readonly Rule[], other: readonly Rule[] | undefined): readonly Rule[] {
  if (other === undefined) return one;
  if (one.length === 0) return other;
  return Object.freeze([...new Set([...one, ...other])].toSorted((left, right) => left.order - right.order));
}
