import { assertNever } from "../base/assert-never.ts";
import type { BrokenNode, DocumentNode } from "./document-node.ts";
import { type PlainType, plainTypeOf } from "./plain-type.ts";
import { quoted } from "./quoted.ts";
import type { Report } from "./report.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = { readonly [keyword: string]: Json };

/**
 * What a part of a document must look like: said once, and read in two ways. `read` turns a node into a value
 * and reports all that is wrong with it; `schema` says the same to editors, as far as JSON Schema can.
 */
export interface Shape<Value> {
  readonly schema: JsonSchema;
  /** Undefined: at least one problem was reported. */
  read(node: DocumentNode, report: Report): Value | undefined;
  /** The node for a value given as one text, from the environment or a command line, where the shape allows that. */
  readonly setting?: (text: string, origin: string) => DocumentNode;
}

/** What a node is, for people: `a list`, `the number "7"`, `nothing`. */
export function nameOf(node: Exclude<DocumentNode, BrokenNode>): string {
  switch (node.kind) {
    case "list":
      return "a list";
    case "map":
      return "a map";
    case "scalar": {
      const type = node.plain ? plainTypeOf(node.text) : "text";
      return type === "null" ? "nothing" : `the ${plainNames[type]} ${quoted(node.text)}`;
    }
    default:
      return assertNever(node);
  }
}

const plainNames: Readonly<Record<Exclude<PlainType, "null">, string>> = {
  boolean: "boolean",
  integer: "number",
  float: "number",
  text: "text",
};
