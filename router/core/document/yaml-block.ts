import type { DocumentNode, ScalarNode } from "./document-node.ts";
import { MapBuilder } from "./map-builder.ts";
import { abandon, atLineEnd, endEntry, isGap, skipBlanks, toNextContent } from "./yaml-cursor.ts";
import type { Cursor } from "./yaml-cursor.ts";
import { mayDescend, readInline } from "./yaml-flow.ts";
import { isColon } from "./yaml-scalar.ts";

/**
 * Reads the node whose first character is here, at `cursor.column`, and all lines that belong to it; leaves
 * the cursor at the next content. `owner` is the column of the entry that the node is the value of, -1 for the
 * document itself.
 */
export function readBlock(cursor: Cursor, owner: number, depth: number): DocumentNode {
  if (isDash(cursor)) return readBlockList(cursor, owner, depth);
  const { at, column } = cursor;
  const first = readInline(cursor, { owner, flow: false, depth });
  if (first === undefined) return abandon(cursor, owner);
  skipBlanks(cursor);
  if (isColon(cursor.text, cursor.at, false)) return readBlockMap(cursor, first, { at, column, depth });
  if (endEntry(cursor, owner)) return first;
  return { kind: "broken", at };
}

function isDash(cursor: Cursor): boolean {
  return cursor.text.charAt(cursor.at) === "-" && isGap(cursor.text, cursor.at + 1);
}

function readBlockList(cursor: Cursor, owner: number, depth: number): DocumentNode {
  const { at, column } = cursor;
  if (!mayDescend(cursor, at, depth)) return { kind: "broken", at };
  const items: DocumentNode[] = [];
  while (cursor.column >= column) {
    if (cursor.column === column && isDash(cursor)) {
      items.push(readBlockItem(cursor, column, depth + 1));
    } else if (cursor.column === column && owner === column) {
      break; // A list may stand in the column of its key; this is the next key.
    } else {
      cursor.report.add(cursor.at, "bad_indentation", "This line belongs to no item of the list above it.");
      abandon(cursor, column);
    }
  }
  return { kind: "list", at, items };
}

function readBlockItem(cursor: Cursor, column: number, depth: number): DocumentNode {
  const dash = cursor.at;
  cursor.at += 1;
  skipBlanks(cursor);
  if (!atLineEnd(cursor)) {
    cursor.column = cursor.at - cursor.lineStart;
    return readBlock(cursor, column, depth);
  }
  toNextContent(cursor);
  return cursor.column > column ? readBlock(cursor, column, depth) : emptyAt(dash);
}

interface BlockMap {
  readonly at: number;
  readonly column: number;
  readonly depth: number;
}

/** The cursor stands at the colon after the first key. */
function readBlockMap(cursor: Cursor, firstKey: DocumentNode, where: BlockMap): DocumentNode {
  const { at, column } = where;
  if (!mayDescend(cursor, at, where.depth)) return { kind: "broken", at };
  const map = new MapBuilder(cursor.report);
  for (let key: DocumentNode | undefined = firstKey; key !== undefined; key = readNextKey(cursor, map, where)) {
    if (key.kind === "scalar") {
      map.add(key, readBlockValue(cursor, column, where.depth + 1));
      continue;
    }
    map.damage();
    if (key.kind !== "broken") cursor.report.add(key, "key_not_text", "A key must be a text.");
    abandon(cursor, column);
  }
  return map.build(at);
}

/** Undefined: the next content is further out, so the map has ended. */
function readNextKey(cursor: Cursor, map: MapBuilder, where: BlockMap): DocumentNode | undefined {
  const { column, depth } = where;
  while (cursor.column >= column) {
    if (cursor.column > column) {
      cursor.report.add(cursor.at, "bad_indentation", "This line is in another column than the entries of its map.");
    } else {
      const key = readInline(cursor, { owner: column, flow: false, depth });
      if (key !== undefined) {
        skipBlanks(cursor);
        if (isColon(cursor.text, cursor.at, false)) return key;
        cursor.report.add(key, "syntax", "A key, a colon and a blank are needed here.");
      }
    }
    map.damage();
    abandon(cursor, column);
  }
  return undefined;
}

/** The cursor stands at the colon; `column` is that of the key. */
function readBlockValue(cursor: Cursor, column: number, depth: number): DocumentNode {
  const { at } = cursor;
  cursor.at += 1;
  skipBlanks(cursor);
  if (atLineEnd(cursor)) {
    toNextContent(cursor);
    if (cursor.column > column) return readBlock(cursor, column, depth);
    if (cursor.column === column && isDash(cursor)) return readBlockList(cursor, column, depth);
    return emptyAt(at);
  }
  const value = readInline(cursor, { owner: column, flow: false, depth });
  if (value === undefined) return abandon(cursor, column);
  return endEntry(cursor, column) ? value : { kind: "broken", at };
}

/** A value that is left out is null. */
function emptyAt(at: number): ScalarNode {
  return { kind: "scalar", at, text: "", plain: true };
}
