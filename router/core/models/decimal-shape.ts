import { plainTypeOf } from "../document/plain-type.ts";
import { quoted } from "../document/quoted.ts";
import { nameOf, type Shape } from "../document/shape.ts";

export interface DecimalOptions {
  /** How many digits may stand after the point: what is read is the number times ten to this power, exactly. */
  readonly places: number;
  /** Whole. Times ten to `places` it must not be over 2^53-1. */
  readonly maximum: number;
  readonly aboveZero?: boolean;
}

/**
 * A decimal number, quoted or not: `1.25`, `"0.0375"`. Its digits are read, not a binary fraction near it, and what has
 * more places than are kept is refused, never rounded.
 */
export function decimal({ places, maximum, aboveZero = false }: DecimalOptions): Shape<number> {
  const form = new RegExp(`^(0|[1-9][0-9]{0,${String(maximum).length - 1}})(?:\\.([0-9]{1,${places}}))?$`);
  const scale = 10 ** places;
  return {
    schema: {
      anyOf: [
        { type: "number", minimum: 0, maximum },
        { type: "string", pattern: form.source },
      ],
    },
    read(node, report) {
      if (node.kind === "broken") return undefined;
      if (node.kind !== "scalar" || !isNumber(node.text)) {
        report.add(node, "wrong_type", `A number is needed here, and this is ${nameOf(node)}.`);
        return undefined;
      }
      const match = form.exec(node.text);
      if (match === null) {
        const message = `${quoted(node.text)} must be a number from 0 to ${maximum} in decimal digits, with at most ${places} after the point.`;
        report.add(node, "bad_decimal", message);
        return undefined;
      }
      const value = Number(match[1]) * scale + Number((match[2] ?? "").padEnd(places, "0"));
      if (value <= maximum * scale && (value > 0 || !aboveZero)) return value;
      const least = aboveZero ? "more than 0" : "at least 0";
      report.add(node, "out_of_range", `${quoted(node.text)} is not ${least} and at most ${maximum}.`);
      return undefined;
    },
  };
}

function isNumber(text: string): boolean {
  const type = plainTypeOf(text);
  return type === "integer" || type === "float";
}
