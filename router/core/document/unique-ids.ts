import { entryOf, type MapNode, type ScalarNode } from "./document-node.ts";
import type { Condition } from "./object-shape.ts";
import { quoted } from "./quoted.ts";

/** What stands under `key` in the maps of the list `list`: also in maps that are otherwise unreadable. */
export function* idsUnder(map: MapNode, list: string, key: string): Generator<ScalarNode> {
  const items = entryOf(map, list)?.value;
  for (const item of items?.kind === "list" ? items.items : []) {
    const id = item.kind === "map" ? entryOf(item, key)?.value : undefined;
    if (id?.kind === "scalar") yield id;
  }
}

/** No two maps of these lists, taken together, have the same `key`. */
export function uniqueIds(lists: readonly string[], key: string): Condition<unknown> {
  return {
    check(_values, map, report) {
      const seen = new Map<string, ScalarNode>();
      for (const list of lists) {
        for (const id of idsUnder(map, list, key)) {
          const first = seen.get(id.text);
          if (first === undefined) {
            seen.set(id.text, id);
          } else {
            const message = `${quoted(id.text)} stands in line ${report.lineOf(first.at)} already: each ${key} is used once.`;
            report.add(id, "duplicate_id", message);
          }
        }
      }
    },
  };
}
