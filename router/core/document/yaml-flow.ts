import type { DocumentNode, ListNode, MapNode, ScalarNode } from "./document-node.ts";
import { MapBuilder } from "./map-builder.ts";
import { quoted } from "./quoted.ts";
import { atLineEnd, isGap, skipBlanks, stop, toNextContent } from "./yaml-cursor.ts";
import type { Cursor } from "./yaml-cursor.ts";
import { readAlias, skipProperties } from "./yaml-property.ts";
import { isColon, isFlowIndicator, readPlain, readQuoted } from "./yaml-scalar.ts";

/** Deeper than this no document of ours goes; it also bounds the reader's recursion. */
const MAXIMUM_DEPTH = 32;

/** Where a value stands: `owner` is the column of the block entry it belongs to, `flow` whether `[` or `{` is open. */
export interface Surroundings {
  readonly owner: number;
  readonly flow: boolean;
  readonly depth: number;
}

/** False, and the reader stopped, where the collection that begins at `at` would be too deep. */
export function mayDescend(cursor: Cursor, at: number, depth: number): boolean {
  if (depth <= MAXIMUM_DEPTH) return true;
  cursor.report.add(at, "too_deep", `Lists and maps may be nested ${MAXIMUM_DEPTH} deep.`);
  stop(cursor);
  return false;
}

/**
 * Reads a value that begins on this line: a scalar, or `[...]` and `{...}` over any number of lines.
 * Undefined: a problem was reported after which the rest of the entry cannot be read.
 */
export function readInline(cursor: Cursor, where: Surroundings): DocumentNode | undefined {
  if (!skipProperties(cursor, where.flow)) return undefined;
  const { text, at } = cursor;
  const first = text.charAt(at);
  switch (first) {
    case '"':
    case "'":
      return readQuoted(cursor);
    case "[":
    case "{":
      if (!mayDescend(cursor, at, where.depth)) return undefined;
      return first === "[" ? readFlowList(cursor, where) : readFlowMap(cursor, where);
    case "*":
      return readAlias(cursor, where.flow);
    case "|":
    case ">":
      cursor.report.add(at, "several_lines", "Texts of several lines (| and >) are not supported: write one line.");
      return undefined;
    case "-":
    case "?":
    case ":":
      if (!isGap(text, at + 1) && !(where.flow && isFlowIndicator(text, at + 1))) return readPlain(cursor, where.flow);
      break;
    case "%":
    case "@":
    case "`":
    case ",":
    case "]":
    case "}":
    case "#":
      break;
    default:
      return readPlain(cursor, where.flow);
  }
  cursor.report.add(at, "syntax", `A value cannot begin with ${quoted(first)} here: put it in quotes.`);
  return undefined;
}

function readFlowList(cursor: Cursor, where: Surroundings): ListNode | undefined {
  const { at } = cursor;
  const inside = { owner: where.owner, flow: true, depth: where.depth + 1 };
  const items: DocumentNode[] = [];
  cursor.at += 1;
  for (;;) {
    if (!skipFlowSpace(cursor, where)) return undefined;
    if (closes(cursor, "]")) return { kind: "list", at, items };
    const item = readInline(cursor, inside);
    if (item === undefined) return undefined;
    items.push(item);
    if (!skipFlowSpace(cursor, where)) return undefined;
    if (!endsItem(cursor, "]")) return undefined;
  }
}

function readFlowMap(cursor: Cursor, where: Surroundings): MapNode | undefined {
  const { at, report } = cursor;
  const inside = { owner: where.owner, flow: true, depth: where.depth + 1 };
  const map = new MapBuilder(report);
  cursor.at += 1;
  for (;;) {
    if (!skipFlowSpace(cursor, where)) return undefined;
    if (closes(cursor, "}")) return map.build(at);
    const key = readInline(cursor, inside);
    if (key === undefined) return undefined;
    if (key.kind === "list" || key.kind === "map") {
      report.add(key, "key_not_text", "A key must be a text.");
      return undefined;
    }
    skipBlanks(cursor);
    const adjacent = key.kind === "scalar" && !key.plain && cursor.text.charAt(cursor.at) === ":";
    if (!adjacent && !isColon(cursor.text, cursor.at, true)) {
      report.add(cursor.at, "syntax", "In { } each entry is a key, a colon, a blank and a value.");
      return undefined;
    }
    cursor.at += 1;
    if (!skipFlowSpace(cursor, where)) return undefined;
    const empty: ScalarNode = { kind: "scalar", at: cursor.at, text: "", plain: true };
    const value = ",}".includes(cursor.text.charAt(cursor.at)) ? empty : readInline(cursor, inside);
    if (value === undefined) return undefined;
    if (key.kind === "scalar") map.add(key, value);
    else map.damage();
    if (!skipFlowSpace(cursor, where)) return undefined;
    if (!endsItem(cursor, "}")) return undefined;
  }
}

function closes(cursor: Cursor, bracket: "]" | "}"): boolean {
  if (cursor.text.charAt(cursor.at) !== bracket) return false;
  cursor.at += 1;
  return true;
}

/** After an item: over the comma, or up to the closing bracket, which the loop takes. */
function endsItem(cursor: Cursor, bracket: "]" | "}"): boolean {
  const next = cursor.text.charAt(cursor.at);
  if (next === bracket) return true;
  if (next === ",") {
    cursor.at += 1;
    return true;
  }
  cursor.report.add(cursor.at, "syntax", `A comma or ${bracket} is missing here, or the value needs quotes.`);
  return false;
}

/** Over blanks, comments and line ends inside brackets; their lines must be further in than the entry they belong to. */
function skipFlowSpace(cursor: Cursor, where: Surroundings): boolean {
  skipBlanks(cursor);
  if (!atLineEnd(cursor)) return true;
  const ended = cursor.at;
  toNextContent(cursor);
  if (cursor.column > where.owner) return true;
  const closing = "]}".includes(cursor.text.charAt(cursor.at));
  if (!where.flow && cursor.column === where.owner && closing && cursor.column !== -1) return true;
  if (cursor.column === -1) {
    cursor.report.add(ended, "syntax", "A bracket opened with [ or { is never closed.");
  } else {
    cursor.report.add(cursor.at, "bad_indentation", "A line inside [ ] or { } must be further in than its entry.");
    // That line is most likely the next entry: leave it to be read as such.
    cursor.at = ended;
  }
  return false;
}
