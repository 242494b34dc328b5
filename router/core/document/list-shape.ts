import type { DocumentNode, ListNode } from "./document-node.ts";
import { quoted } from "./quoted.ts";
import type { Report } from "./report.ts";
import { nameOf, type Shape } from "./shape.ts";

export interface ListOptions {
  /** An empty list stands for nothing at all, and never for everything. */
  readonly mayBeEmpty?: boolean;
  /** Items are scalars, and none stands twice. */
  readonly unique?: boolean;
}

export function list<Item>(item: Shape<Item>, options: ListOptions = {}): Shape<readonly Item[]> {
  const { mayBeEmpty = false, unique = false } = options;
  const itemSetting = item.setting;
  return {
    schema: {
      type: "array",
      items: item.schema,
      ...(mayBeEmpty ? {} : { minItems: 1 }),
      ...(unique ? { uniqueItems: true } : {}),
    },
    read(node, report) {
      if (node.kind === "broken") return undefined;
      if (node.kind !== "list") {
        report.add(node, "wrong_type", `A list is needed here, and this is ${nameOf(node)}.`);
        return undefined;
      }
      if (node.items.length === 0 && !mayBeEmpty) {
        report.add(node, "empty_list", "The list is empty: leave the key out, or say what it holds.");
        return undefined;
      }
      const values: Item[] = [];
      for (const entry of node.items) {
        const value = item.read(entry, report);
        if (value !== undefined) values.push(value);
      }
      const distinct = !unique || node.items.length === 1 || reportRepeats(node, report);
      return distinct && values.length === node.items.length ? values : undefined;
    },
    ...(itemSetting === undefined ? {} : { setting: (value, origin) => settingList(value, origin, itemSetting) }),
  };
}

/** True: no item stands twice. */
function reportRepeats(node: ListNode, report: Report): boolean {
  const seen = new Set<string>();
  let distinct = true;
  for (const entry of node.items) {
    if (entry.kind !== "scalar") continue;
    if (seen.has(entry.text)) {
      report.add(entry, "duplicate_item", `${quoted(entry.text)} stands twice in the list.`);
      distinct = false;
    }
    seen.add(entry.text);
  }
  return distinct;
}

/** `a,b`; an empty text is the empty list. */
function settingList(
  value: string,
  origin: string,
  item: (text: string, origin: string) => DocumentNode,
): DocumentNode {
  const items = value === "" ? [] : value.split(",").map((part) => item(part.trim(), origin));
  return { kind: "list", at: 0, items, origin };
}
