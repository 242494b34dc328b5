import { foldName } from "../json/fold-name.ts";
import { readSource, type SourceNode } from "./source-tree.ts";

/**
 * Arguments that every reader takes alike: strict JSON without two members of one name in any case. Undefined: they are
 * not, so that conditions on them find nothing.
 */
export function strictArguments(text: string): string | undefined {
  const source = readSource(text);
  return source !== undefined && hasOneReading(source.root) ? text : undefined;
}

/** As deep as the tree is, which its reader has bounded. */
function hasOneReading(node: SourceNode): boolean {
  if (node.kind === "list") return node.items.every(hasOneReading);
  if (node.kind !== "object") return true;
  const folded = new Set<string>();
  for (const name of node.members.keys()) folded.add(foldName(name));
  return folded.size === node.members.size && node.members.values().every(hasOneReading);
}
