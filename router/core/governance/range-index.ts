import { knownBlock } from "../policy/address-block.ts";
import { addTo } from "./text-index.ts";

/** Adds the lists of rules that name a network around an address, given as its octets. */
export type RangeIndex<Rule> = (octets: Uint8Array, found: (readonly Rule[])[]) => void;

/** By the bits that lead: a look-up for each length of prefix that the rules use. */
export function indexRanges<Rule>(
  rules: readonly (readonly [ranges: readonly string[], rule: Rule])[],
): RangeIndex<Rule> {
  const tables = new Map<
    string,
    { readonly octets: number; readonly bits: number; readonly rules: Map<string, Rule[]> }
  >();
  for (const [ranges, rule] of rules) {
    for (const range of ranges) {
      const { octets, prefixLength } = knownBlock(range);
      const name = `${octets.length}/${prefixLength}`;
      const table = tables.get(name) ?? { octets: octets.length, bits: prefixLength, rules: new Map<string, Rule[]>() };
      tables.set(name, table);
      addTo(table.rules, leadingBits(octets, prefixLength), rule);
    }
  }
  const all = [...tables.values()];
  return (octets, found) => {
    for (const table of all) {
      if (table.octets !== octets.length) continue;
      const list = table.rules.get(leadingBits(octets, table.bits));
      if (list !== undefined) found.push(list);
    }
  };
}

function leadingBits(octets: Uint8Array, bits: number): string {
  const whole = bits >> 3;
  let key = "";
  for (let index = 0; index < whole; index += 1) key += String.fromCharCode(octets[index] ?? 0);
  const spare = bits & 7;
  return spare === 0 ? key : key + String.fromCharCode((octets[whole] ?? 0) >> (8 - spare));
}
