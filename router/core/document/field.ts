import type { DocumentNode } from "./document-node.ts";
import { nodeOf } from "./node-of.ts";
import { Report } from "./report.ts";
import type { Json, JsonSchema, Shape } from "./shape.ts";

/** One key of a map: its shape, and what holds where it is left out. */
export interface Field<Value> {
  readonly shape: Shape<unknown>;
  readonly description: string;
  /** What editors are told of the key. */
  readonly schema: JsonSchema;
  readonly required: boolean;
  /** The value where the key is left out; of no meaning where it is required. */
  readonly absent: Value | undefined;
  /** Undefined: at least one problem was reported. */
  read(node: DocumentNode, report: Report): Value | undefined;
}

export function required<Value>(shape: Shape<Value>, description: string): Field<Value> {
  return field(shape, description, true, undefined, {});
}

export function optional<Value>(shape: Shape<Value>, description: string): Field<Value | undefined> {
  return field(shape, description, false, undefined, {});
}

/** `fallback` is written as in a document: `"10s"`, not 10000. One that does not fit the shape is a bug. */
export function defaulted<Value>(shape: Shape<Value>, fallback: Json, description: string): Field<Value> {
  const report = new Report("default", "");
  const absent = shape.read(nodeOf(fallback), report);
  if (absent === undefined) throw new Error(`a default does not fit: ${JSON.stringify(report.problems())}`);
  return field(shape, description, false, absent, { default: fallback });
}

function field<Value>(
  shape: Shape<Exclude<Value, undefined>> | Shape<Value>,
  description: string,
  isRequired: boolean,
  absent: Value | undefined,
  more: JsonSchema,
): Field<Value> {
  return {
    shape,
    description,
    schema: { description, ...more, ...shape.schema },
    required: isRequired,
    absent,
    read: (node, report) => shape.read(node, report),
  };
}
