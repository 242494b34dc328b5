import { type DocumentNode, entryOf, type ScalarNode } from "../document/document-node.ts";
import type { Condition } from "../document/object-shape.ts";
import { MAXIMUM_PATTERNS, parseTextPattern } from "./text-pattern.ts";

/**
 * Every pattern of the rules can be read, and they are not too many. Each is read once, however often it stands there,
 * so that a document of 4 MiB that holds nothing else does not keep its reader busy.
 */
export const readablePatterns: Condition<unknown> = {
  check(_values, map, report) {
    const rules = entryOf(map, "rules")?.value;
    const seen = new Set<string>();
    for (const rule of rules?.kind === "list" ? rules.items : []) {
      for (const key of ["when", "unless"]) {
        const written = rule.kind === "map" ? entryOf(rule, key)?.value : undefined;
        if (written === undefined) continue;
        for (const node of patternsIn(written)) {
          if (seen.has(node.text)) continue;
          seen.add(node.text);
          if (seen.size > MAXIMUM_PATTERNS) {
            const message = `There are more than ${MAXIMUM_PATTERNS} patterns in this document: use "in" or "glob".`;
            report.add(node, "too_many_patterns", message);
            return;
          }
          const parsed = parseTextPattern(node.text);
          if (!parsed.ok) report.add(node, "bad_pattern", parsed.problem);
        }
      }
    }
  },
};

/** What stands in lists under a key `pattern`, at any depth; the reader's own bound is the deepest. */
function* patternsIn(node: DocumentNode): Generator<ScalarNode> {
  if (node.kind === "list") {
    for (const item of node.items) yield* patternsIn(item);
  } else if (node.kind === "map") {
    for (const { key, value } of node.entries) {
      if (key !== "pattern" || value.kind !== "list") yield* patternsIn(value);
      else for (const item of value.items) if (item.kind === "scalar") yield item;
    }
  }
}
