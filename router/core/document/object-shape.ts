import { didYouMean } from "./did-you-mean.ts";
import { entryOf, type MapNode } from "./document-node.ts";
import type { Field } from "./field.ts";
import { quoted } from "./quoted.ts";
import type { Report } from "./report.ts";
import { type JsonSchema, nameOf, type Shape } from "./shape.ts";

export type Fields = Readonly<Record<string, Field<unknown>>>;

export type Values<Of extends Fields> = {
  readonly [Key in keyof Of]: Of[Key] extends Field<infer Value> ? Value : never;
};

/**
 * What must hold between the keys of one map. `values` lacks whatever is unreadable and has the defaults of
 * what is left out; `map` tells which keys were written.
 */
export interface Condition<Value> {
  readonly schema?: JsonSchema;
  check(values: Partial<Value>, map: MapNode, report: Report): void;
}

export interface ObjectShape<Value> extends Shape<Value> {
  readonly fields: Fields;
}

/** A map of known keys. An unknown key is a problem, never ignored; so is a missing one that is required. */
export function object<const Of extends Fields>(
  fields: Of,
  ...conditions: readonly Condition<Values<Of>>[]
): ObjectShape<Values<Of>> {
  const names = Object.keys(fields);
  const rows = Object.entries(fields);
  return {
    fields,
    schema: schemaOf(fields, conditions),
    read(node, report) {
      if (node.kind === "broken") return undefined;
      if (node.kind !== "map") {
        report.add(node, "wrong_type", `A map is needed here, and this is ${nameOf(node)}.`);
        return undefined;
      }
      const values: Record<string, unknown> = {};
      let complete = !node.damaged;
      for (const entry of node.entries) {
        if (Object.hasOwn(fields, entry.key)) continue;
        complete = false;
        const meant = report.full ? "" : didYouMean(entry.key, names);
        const message = `There is no key ${quoted(entry.key)} here${meant}.`;
        report.add({ ...entry.value, at: entry.keyAt }, "unknown_key", message);
      }
      for (const [name, field] of rows) {
        const entry = entryOf(node, name);
        if (entry !== undefined) {
          values[name] = field.read(entry.value, report);
          if (values[name] === undefined) complete = false;
        } else if (!field.required) {
          values[name] = field.absent;
        } else {
          complete = false;
          if (!node.damaged) report.add(node, "missing_key", `The key ${quoted(name)} is missing here.`);
        }
      }
      // Every field was read or defaulted under its own name, or `complete` is false.
      const typed = values as Values<Of>;
      const before = report.count;
      for (const condition of conditions) condition.check(typed, node, report);
      return complete && report.count === before ? typed : undefined;
    },
  };
}

function schemaOf<Value>(fields: Fields, conditions: readonly Condition<Value>[]): JsonSchema {
  const entries = Object.entries(fields);
  const schemas = conditions.map((condition) => condition.schema).filter((schema) => schema !== undefined);
  return {
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(entries.map(([name, field]) => [name, field.schema])),
    required: entries.filter(([, field]) => field.required).map(([name]) => name),
    ...(schemas.length === 0 ? {} : { allOf: schemas }),
  };
}
