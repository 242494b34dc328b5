import type { DocumentNode } from "../document/document-node.ts";
import { plainTypeOf } from "../document/plain-type.ts";
import { quoted } from "../document/quoted.ts";
import { nameOf, type Shape } from "../document/shape.ts";

const FORM = /^-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,15})?$/;

/** Written without quotes, so that it is a number and not a text that looks like one. */
export function isPlainNumber(node: DocumentNode): boolean {
  if (node.kind !== "scalar" || !node.plain) return false;
  const type = plainTypeOf(node.text);
  return type === "integer" || type === "float";
}

/** What a number of a JSON document is compared with: `-1`, `0.25`, at most 2^53-1 either way. */
export const jsonNumber: Shape<number> = {
  schema: { type: "number", minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
  read(node, report) {
    if (node.kind === "broken") return undefined;
    if (node.kind !== "scalar" || !isPlainNumber(node)) {
      report.add(node, "wrong_type", `A number is needed here, and this is ${nameOf(node)}.`);
      return undefined;
    }
    const value = Number(node.text);
    if (!FORM.test(node.text)) {
      const message = `${quoted(node.text)} must be written in decimal digits, without leading zeros or exponent.`;
      report.add(node, "bad_number", message);
    } else if (Math.abs(value) > Number.MAX_SAFE_INTEGER) {
      report.add(node, "out_of_range", `${quoted(node.text)} is more than 2^53-1 away from 0.`);
    } else {
      // Not -0, which compares alike and prints otherwise.
      return value + 0;
    }
    return undefined;
  },
};
