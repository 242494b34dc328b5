import { choice } from "../document/choice-shape.ts";
import { entryOf } from "../document/document-node.ts";
import { quoted } from "../document/quoted.ts";
import type { ObjectShape } from "../document/object-shape.ts";
import { nameOf, type Shape } from "../document/shape.ts";

type Variants = Readonly<Record<string, ObjectShape<unknown>>>;
type ValueOf<Of extends Variants> = Of[keyof Of] extends ObjectShape<infer Value> ? Value : never;

/**
 * A map of one of several forms, which the text under `key` tells apart; each form has that key among its own. What
 * belongs to another form is an unknown key.
 */
export function variant<const Of extends Variants>(key: string, variants: Of): Shape<ValueOf<Of>> {
  const names = choice(...Object.keys(variants));
  return {
    schema: { anyOf: Object.values(variants).map(({ schema }) => schema) },
    read(node, report) {
      if (node.kind === "broken") return undefined;
      if (node.kind !== "map") {
        report.add(node, "wrong_type", `A map is needed here, and this is ${nameOf(node)}.`);
        return undefined;
      }
      const entry = entryOf(node, key);
      if (entry === undefined) {
        if (!node.damaged) report.add(node, "missing_key", `The key ${quoted(key)} is missing here.`);
        return undefined;
      }
      const name = names.read(entry.value, report);
      // One of the variants made it.
      return name === undefined ? undefined : (variants[name]?.read(node, report) as ValueOf<Of> | undefined);
    },
  };
}
