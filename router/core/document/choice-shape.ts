import { didYouMean } from "./did-you-mean.ts";
import { quoted } from "./quoted.ts";
import type { Shape } from "./shape.ts";
import { quotedNode, textOf } from "./text-shape.ts";

/** One of a closed list of texts, exactly as written. */
export function choice<const Value extends string>(...values: readonly Value[]): Shape<Value> {
  return {
    schema: values.length === 1 ? { const: values[0] ?? "" } : { enum: values },
    read(node, report) {
      const given = textOf(node, report);
      if (given === undefined) return undefined;
      const value = values.find((candidate) => candidate === given);
      if (value === undefined) {
        const message = `${quoted(given)} is none of ${values.join(", ")}${didYouMean(given, values)}.`;
        report.add(node, "unknown_value", message);
      }
      return value;
    },
    setting: quotedNode,
  };
}
