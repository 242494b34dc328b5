import { nameOf, type Shape } from "./shape.ts";

/** A map whose keys the author chooses. */
export function record<Key, Value>(key: Shape<Key>, value: Shape<Value>): Shape<ReadonlyMap<Key, Value>> {
  return {
    schema: { type: "object", propertyNames: key.schema, additionalProperties: value.schema },
    read(node, report) {
      if (node.kind === "broken") return undefined;
      if (node.kind !== "map") {
        report.add(node, "wrong_type", `A map is needed here, and this is ${nameOf(node)}.`);
        return undefined;
      }
      const values = new Map<Key, Value>();
      for (const entry of node.entries) {
        const keyNode = { kind: "scalar", at: entry.keyAt, text: entry.key, plain: false } as const;
        const readKey = key.read(keyNode, report);
        const readValue = value.read(entry.value, report);
        if (readKey !== undefined && readValue !== undefined) values.set(readKey, readValue);
      }
      return !node.damaged && values.size === node.entries.length ? values : undefined;
    },
  };
}
