import type { DocumentNode } from "../document/document-node.ts";
import { plainTypeOf } from "../document/plain-type.ts";
import { quoted } from "../document/quoted.ts";
import type { Report } from "../document/report.ts";
import type { JsonSchema, Shape } from "../document/shape.ts";
import type { Json } from "../json/json.ts";

/** RFC 8259 section 6: what YAML reads as a number beside it (octal, hex, `.inf`, `+1`) is none here. */
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/;

/** Any JSON value, written in YAML; numbers at most 2^53-1 either way. `schema`: what editors are told of it. */
export function json(schema: JsonSchema = {}): Shape<Json> {
  return { schema, read: valueOf };
}

function valueOf(node: DocumentNode, report: Report): Json | undefined {
  switch (node.kind) {
    case "broken":
      return undefined;
    case "list": {
      const items = node.items.map((item) => valueOf(item, report));
      return items.every((item) => item !== undefined) ? items : undefined;
    }
    case "map": {
      const members = node.entries.map(({ key, value }) => [key, valueOf(value, report)] as const);
      const read = members.filter((member): member is readonly [string, Json] => member[1] !== undefined);
      return node.damaged || read.length < members.length ? undefined : Object.fromEntries(read);
    }
    case "scalar":
      return scalarOf(node.text, node.plain, node, report);
    default:
      return node satisfies never;
  }
}

function scalarOf(text: string, plain: boolean, node: DocumentNode, report: Report): Json | undefined {
  if (!plain) return text;
  const type = plainTypeOf(text);
  switch (type) {
    case "text":
      return text;
    case "null":
      return null;
    case "boolean":
      return text.toLowerCase() === "true";
    case "integer":
    case "float":
      if (NUMBER.test(text) && Math.abs(Number(text)) <= Number.MAX_SAFE_INTEGER) return Number(text);
      report.add(node, "bad_number", `${quoted(text)} is no number of JSON within 2^53-1: a text needs quotes.`);
      return undefined;
    default:
      return type satisfies never;
  }
}
