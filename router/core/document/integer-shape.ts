import { plainTypeOf } from "./plain-type.ts";
import { quoted } from "./quoted.ts";
import { nameOf, type Shape } from "./shape.ts";
import { plainNode } from "./text-shape.ts";

export interface IntegerOptions {
  readonly minimum: number;
  /** At most 2^53-1, beyond which JavaScript's numbers have gaps. */
  readonly maximum: number;
  /** Of the problem where the number is out of range. */
  readonly code?: string;
}

/** A number in plain decimal digits: no sign, no leading zero (octal to some readers), no exponent, no `0x`. */
export function integer({ minimum, maximum, code = "out_of_range" }: IntegerOptions): Shape<number> {
  return {
    schema: { type: "integer", minimum, maximum },
    read(node, report) {
      if (node.kind === "broken") return undefined;
      if (node.kind !== "scalar" || !node.plain || !isNumber(node.text)) {
        const advice = node.kind === "scalar" && !node.plain ? ": leave the quotes out" : "";
        report.add(node, "wrong_type", `A number is needed here, and this is ${nameOf(node)}${advice}.`);
        return undefined;
      }
      if (!/^(?:0|-?[1-9][0-9]*)$/.test(node.text)) {
        const message = `${quoted(node.text)} must be written in decimal digits, without leading zeros, fraction or exponent.`;
        report.add(node, "bad_integer", message);
        return undefined;
      }
      const value = Number(node.text);
      if (value >= minimum && value <= maximum) return value;
      report.add(node, code, `${quoted(node.text)} is not between ${minimum} and ${maximum}.`);
      return undefined;
    },
    setting: plainNode,
  };
}

function isNumber(text: string): boolean {
  const type = plainTypeOf(text);
  return type === "integer" || type === "float";
}
