import { list, type ListOptions } from "../document/list-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";

/** A list of at most so many items. */
export function listUpTo<Item>(maximum: number, item: Shape<Item>, options: ListOptions = {}): Shape<readonly Item[]> {
  return refined(
    list(item, options),
    (items, node, report) => {
      if (items.length <= maximum) return items;
      report.add(node, "too_many", `The list has ${items.length} items; at most ${maximum} are allowed.`);
      return undefined;
    },
    { maxItems: maximum },
  );
}
