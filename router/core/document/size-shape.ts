import { type Bytes, bytes } from "../base/quantity.ts";
import { quoted } from "./quoted.ts";
import { nameOf, type Shape } from "./shape.ts";
import { plainNode } from "./text-shape.ts";

/** The suffixes of a Kubernetes resource quantity that make whole octets of them. */
const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

const FORM = /^([1-9][0-9]{0,15})(k|M|G|T|Ki|Mi|Gi|Ti)?$/;

/** `10Mi`, `1Gi`, `500k`, or a number of octets. Above zero, at most 2^53-1. */
export const size: Shape<Bytes> = {
  schema: {
    anyOf: [
      { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
      { type: "string", pattern: FORM.source },
    ],
  },
  read(node, report) {
    if (node.kind === "broken") return undefined;
    const match = node.kind === "scalar" ? FORM.exec(node.text) : null;
    if (match === null) {
      report.add(
        node,
        "bad_size",
        `A size such as 64Ki, 10Mi or 1G, more than nothing, is needed here, and this is ${nameOf(node)}.`,
      );
      return undefined;
    }
    const value = Number(match[1]) * (FACTORS[match[2] ?? ""] ?? Number.NaN);
    if (Number.isSafeInteger(value)) return bytes(value);
    report.add(node, "out_of_range", `${quoted(match[0])} is more than 2^53-1 octets.`);
    return undefined;
  },
  setting: plainNode,
};
