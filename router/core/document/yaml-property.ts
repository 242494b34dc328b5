import type { BrokenNode } from "./document-node.ts";
import { quoted } from "./quoted.ts";
import { atLineEnd, type Cursor, isGap, skipBlanks } from "./yaml-cursor.ts";
import { isFlowIndicator } from "./yaml-scalar.ts";

/** Over anchors and tags, which are reported. False where nothing follows them on the line. */
export function skipProperties(cursor: Cursor, flow: boolean): boolean {
  for (;;) {
    const mark = cursor.text.charAt(cursor.at);
    if (mark === "&") {
      cursor.report.add(cursor.at, "anchor", "Anchors are not supported: write the value out where it is needed.");
    } else if (mark === "!") {
      cursor.report.add(cursor.at, "tag", "Tags are not supported: quotes make a text, their absence a number.");
    } else {
      return true;
    }
    skipWord(cursor, flow);
    skipBlanks(cursor);
    if (atLineEnd(cursor)) return false;
  }
}

/** Over an alias, which is reported: most often a wildcard that somebody left without quotes. */
export function readAlias(cursor: Cursor, flow: boolean): BrokenNode {
  const { at } = cursor;
  skipWord(cursor, flow);
  const word = cursor.text.slice(at, cursor.at);
  const message = `Aliases are not supported; if ${quoted(word)} is meant as a text, put it in quotes.`;
  cursor.report.add(at, "alias", message);
  return { kind: "broken", at };
}

function skipWord(cursor: Cursor, flow: boolean): void {
  const { text } = cursor;
  const ends = (at: number): boolean => isGap(text, at) || (flow && isFlowIndicator(text, at));
  while (!ends(cursor.at)) cursor.at += 1;
}
