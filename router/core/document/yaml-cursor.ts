import type { BrokenNode } from "./document-node.ts";
import type { Report } from "./report.ts";

/** Where the YAML reader stands. It looks at each character a bounded number of times and never goes back a line. */
export interface Cursor {
  /** Lines end in LF; no other line break and no control character but tab occurs. */
  readonly text: string;
  readonly report: Report;
  at: number;
  /** Offset at which the current line begins. */
  lineStart: number;
  /** Column, from 0, of the content at which the reader stopped last; -1 at the end of the document. */
  column: number;
}

export const LF = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const HASH = 0x23;

/** Whether the offset is at a blank, a line's end or the text's end. */
export function isGap(text: string, at: number): boolean {
  if (at >= text.length) return true;
  const code = text.charCodeAt(at);
  return code === SPACE || code === LF || code === TAB;
}

export function atLineEnd(cursor: Cursor): boolean {
  return cursor.at >= cursor.text.length || cursor.text.charCodeAt(cursor.at) === LF;
}

/** Over blanks, and over the comment that may follow them. A tab is a problem wherever it separates. */
export function skipBlanks(cursor: Cursor): void {
  const { text } = cursor;
  const start = cursor.at;
  for (; cursor.at < text.length; cursor.at += 1) {
    const code = text.charCodeAt(cursor.at);
    if (code === TAB) cursor.report.add(cursor.at, "tab", "A tab stands where YAML wants spaces.");
    else if (code !== SPACE) break;
  }
  const afterGap = cursor.at > start || cursor.at === cursor.lineStart;
  if (afterGap && text.charCodeAt(cursor.at) === HASH) skipLine(cursor);
}

function skipLine(cursor: Cursor): void {
  const end = cursor.text.indexOf("\n", cursor.at);
  cursor.at = end === -1 ? cursor.text.length : end;
}

/** From a line's end (or the text's start) to the next content; its column is left in `column`. */
export function toContent(cursor: Cursor): void {
  do {
    if (cursor.at >= cursor.text.length) {
      cursor.column = -1;
      return;
    }
    if (cursor.text.charCodeAt(cursor.at) === LF) {
      cursor.at += 1;
      cursor.lineStart = cursor.at;
    }
    skipBlanks(cursor);
  } while (atLineEnd(cursor));
  cursor.column = cursor.at - cursor.lineStart;
}

/** The same, inside a document: a line that would begin or end one is a problem. */
export function toNextContent(cursor: Cursor): void {
  toContent(cursor);
  if (cursor.column === 0 && isMarker(cursor)) {
    const message = "A file holds one document, and nothing may follow a --- or ... line.";
    cursor.report.add(cursor.at, "several_documents", message);
    stop(cursor);
  }
}

/** `---` or `...`, alone or before a blank. */
export function isMarker(cursor: Cursor): boolean {
  const { text, at } = cursor;
  return (text.startsWith("---", at) || text.startsWith("...", at)) && isGap(text, at + 3);
}

/** Nothing more of this document is read. */
export function stop(cursor: Cursor): void {
  cursor.at = cursor.text.length;
  cursor.column = -1;
}

/**
 * After a problem in an entry whose first character is in column `owner`: over the rest of the line and over
 * all lines that are further in, which belong to that entry.
 */
export function abandon(cursor: Cursor, owner: number): BrokenNode {
  const node: BrokenNode = { kind: "broken", at: Math.min(cursor.at, cursor.text.length) };
  do {
    skipLine(cursor);
    toNextContent(cursor);
  } while (cursor.column > owner);
  return node;
}

/** After a value: nothing but a comment on its line, and nothing further in on the next. */
export function endEntry(cursor: Cursor, owner: number): boolean {
  skipBlanks(cursor);
  if (!atLineEnd(cursor)) {
    cursor.report.add(
      cursor.at,
      "syntax",
      "Something stands after the value: a value with such characters needs quotes.",
    );
    abandon(cursor, owner);
    return false;
  }
  toNextContent(cursor);
  if (cursor.column <= owner) return true;
  const message = "This line is further in than the entry above, which has its value already; a text is one line.";
  cursor.report.add(cursor.at, "several_lines", message);
  abandon(cursor, owner);
  return false;
}
