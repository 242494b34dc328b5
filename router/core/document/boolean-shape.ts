import { plainTypeOf } from "./plain-type.ts";
import { nameOf, type Shape } from "./shape.ts";
import { plainNode } from "./text-shape.ts";

/** `true` or `false`. Not `yes`, `on` or `1`: YAML 1.2 reads those as texts and numbers. */
export const boolean: Shape<boolean> = {
  schema: { type: "boolean" },
  read(node, report) {
    if (node.kind === "broken") return undefined;
    if (node.kind === "scalar" && node.plain && plainTypeOf(node.text) === "boolean") {
      return node.text.toLowerCase() === "true";
    }
    report.add(node, "wrong_type", `true or false is needed here, and this is ${nameOf(node)}.`);
    return undefined;
  },
  setting: plainNode,
};
