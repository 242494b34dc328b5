import type { DocumentNode } from "./document-node.ts";
import type { Json } from "./shape.ts";

/** The node for a value that stands in our code: a default, or the document where there is no file. */
export function nodeOf(value: Json, origin?: string): DocumentNode {
  const place = origin === undefined ? { at: 0 } : { at: 0, origin };
  if (isList(value)) return { kind: "list", items: value.map((item) => nodeOf(item, origin)), ...place };
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, entry]) => ({ key, keyAt: 0, value: nodeOf(entry, origin) }));
    return { kind: "map", entries, damaged: false, ...place };
  }
  return { kind: "scalar", text: String(value), plain: typeof value !== "string", ...place };
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
