import { parseAllDocuments } from "yaml";
import type { DocumentNode } from "../../router/core/document/document-node.ts";
import type { Json } from "../../router/core/document/shape.ts";
import { assertNever } from "../../router/core/base/assert-never.ts";
import { plainTypeOf } from "../../router/core/document/plain-type.ts";

/** What the npm package `yaml` (core schema of YAML 1.2) makes of a text, or why it refuses it. */
export function oracleOf(text: string): { readonly value: unknown } | { readonly refusal: string } {
  const documents = parseAllDocuments(text, { prettyErrors: false, logLevel: "silent", stringKeys: false });
  if (!Array.isArray(documents) || documents.length !== 1) return { refusal: "not one document" };
  const [document] = documents;
  const flaw = document?.errors[0] ?? document?.warnings[0];
  if (document === undefined || flaw !== undefined) return { refusal: `${flaw?.code}: ${flaw?.message}` };
  try {
    return { value: document.toJS({ mapAsMap: true }) as unknown };
  } catch (error) {
    return { refusal: String(error) };
  }
}

/** The same value from our tree, by the core schema; undefined where a part of it is broken. */
export function valueOfNode(node: DocumentNode): unknown {
  switch (node.kind) {
    case "broken":
      return undefined;
    case "list":
      return node.items.map(valueOfNode);
    case "map":
      return new Map(node.entries.map((entry) => [entry.key, valueOfNode(entry.value)]));
    case "scalar":
      return node.plain ? plainValue(node.text) : node.text;
    default:
      return assertNever(node);
  }
}

/** The same as JSON, for judging by a schema; what is broken becomes null. */
export function jsonOfNode(node: DocumentNode): Json {
  switch (node.kind) {
    case "broken":
      return null;
    case "list":
      return node.items.map(jsonOfNode);
    case "map":
      return Object.fromEntries(node.entries.map((entry) => [entry.key, jsonOfNode(entry.value)]));
    case "scalar":
      return node.plain ? plainValue(node.text) : node.text;
    default:
      return assertNever(node);
  }
}

function plainValue(text: string): null | boolean | number | string {
  const type = plainTypeOf(text);
  switch (type) {
    case "null":
      return null;
    case "boolean":
      return text.toLowerCase() === "true";
    case "text":
      return text;
    case "integer":
      return Number(text);
    case "float": {
      if (/nan$/i.test(text)) return Number.NaN;
      if (/inf$/i.test(text)) return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
      return Number(text);
    }
    default:
      return assertNever(type);
  }
}
