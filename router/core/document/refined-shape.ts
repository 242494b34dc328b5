import type { DocumentNode } from "./document-node.ts";
import type { Report } from "./report.ts";
import type { JsonSchema, Shape } from "./shape.ts";

/**
 * A shape whose values must pass one more parser. `refine` returns undefined after it has reported why not;
 * `more` is what of that JSON Schema can say.
 */
export function refined<Value, Refined>(
  shape: Shape<Value>,
  refine: (value: Value, node: DocumentNode, report: Report) => Refined | undefined,
  more: JsonSchema = {},
): Shape<Refined> {
  return {
    ...(shape.setting === undefined ? {} : { setting: shape.setting }),
    schema: { ...shape.schema, ...more },
    read(node, report) {
      const value = shape.read(node, report);
      return value === undefined ? undefined : refine(value, node, report);
    },
  };
}
