import { list, type ListOptions } from "./list-shape.ts";
import type { Shape } from "./shape.ts";

/** A list of at most so many items; of a longer one none is looked at. */
export function listUpTo<Item>(maximum: number, item: Shape<Item>, options: ListOptions = {}): Shape<readonly Item[]> {
  const whole = list(item, options);
  return {
    schema: { ...whole.schema, maxItems: maximum },
    read(node, report) {
      if (node.kind !== "list" || node.items.length <= maximum) return whole.read(node, report);
      report.add(node, "too_many", `The list has ${node.items.length} items; at most ${maximum} are allowed.`);
      return undefined;
    },
  };
}
