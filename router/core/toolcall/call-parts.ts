import type { CallMarks } from "./call-mark.ts";
import { isNull, isToolName, memberIn } from "./source-member.ts";
import { type SourceDocument, type SourceNode, sourceText } from "./source-tree.ts";

/** A call's name; undefined: none is said. What is no name makes the document unreadable. */
export function nameIn(holder: SourceNode, member: string, into: CallMarks): string | undefined {
  const name = memberIn(holder, member);
  if (name === undefined || (name.kind === "text" && name.value === "")) return undefined;
  if (name.kind === "text" && isToolName(name.value)) return name.value;
  into.fail();
  return undefined;
}

/** Arguments in a member: a text's value, all else as it stands. */
export function argumentsIn(document: SourceDocument, holder: SourceNode, member: string): string | undefined {
  const value = memberIn(holder, member);
  if (value === undefined) return undefined;
  return value.kind === "text" ? value.value : sourceText(document, value);
}

/** Which of several a part belongs to; 0: it does not say. What is no such number makes the document unreadable. */
export function indexIn(holder: SourceNode, member: string, into: CallMarks): number {
  const index = memberIn(holder, member);
  if (index === undefined) return 0;
  if (
    index.kind === "plain" &&
    typeof index.value === "number" &&
    Number.isSafeInteger(index.value) &&
    index.value >= 0
  ) {
    return index.value;
  }
  into.fail();
  return 0;
}

/** The items of a list, each an object, or nothing; all else makes the document unreadable. */
export function objectsIn(node: SourceNode | undefined, into: CallMarks): readonly SourceNode[] {
  if (node === undefined || isNull(node)) return [];
  if (node.kind === "list" && node.items.every(({ kind }) => kind === "object")) return node.items;
  into.fail();
  return [];
}
