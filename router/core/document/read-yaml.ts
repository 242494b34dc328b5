import type { DocumentNode } from "./document-node.ts";
import { checkSource } from "./check-source.ts";
import { Report } from "./report.ts";
import { readBlock } from "./yaml-block.ts";
import { atLineEnd, isMarker, skipBlanks, stop, toContent, toNextContent } from "./yaml-cursor.ts";
import type { Cursor } from "./yaml-cursor.ts";

/** A document's tree and the problems found while reading it; with problems the tree is what could be saved. */
export interface SourceTree {
  readonly root: DocumentNode;
  readonly report: Report;
}

/**
 * Reads one YAML 1.2 document, strictly: the part of YAML that people write by hand (block and flow lists and
 * maps, one-line plain and quoted scalars, comments) and nothing with which a document can mean something
 * other than it shows: no anchors, aliases, merge keys, tags, directives, several documents, texts over
 * several lines, tabs for blanks, duplicate or non-text keys, nor anything 33 levels deep. What it accepts,
 * every YAML 1.2 parser reads alike (the core schema's meaning of plain scalars is `plain-type.ts`'s part).
 *
 * Linear in the text: 2 MB take 50 to 100 ms. (`yaml` 2.9 takes ten times that and three times the memory, and
 * 200 kB of `- - - ...` end the process with it: that is why it is the oracle of the tests and not used here.)
 */
export function readYaml(file: string, source: string): SourceTree {
  const text = source.includes("\r") ? source.replaceAll("\r\n", "\n") : source;
  const report = new Report(file, text);
  if (!checkSource(text, report)) return { root: { kind: "broken", at: 0 }, report };
  const cursor: Cursor = { text, report, at: 0, lineStart: 0, column: 0 };
  toDocument(cursor);
  if (cursor.column === -1) {
    if (report.clean) report.add(0, "empty_document", "The document is empty.");
    return { root: { kind: "broken", at: 0 }, report };
  }
  const root = readBlock(cursor, -1, 1);
  if (cursor.column !== -1) {
    report.add(cursor.at, "bad_indentation", "This line is further out than the document's first.");
  }
  return { root, report };
}

/** To the first content, over the `---` that may precede it. */
function toDocument(cursor: Cursor): void {
  toContent(cursor);
  if (cursor.column !== 0) return;
  if (cursor.text.charAt(cursor.at) === "%") {
    cursor.report.add(cursor.at, "directive", "Directives (% lines) are not supported.");
    stop(cursor);
  } else if (cursor.text.startsWith("---", cursor.at) && isMarker(cursor)) {
    cursor.at += 3;
    skipBlanks(cursor);
    if (!atLineEnd(cursor)) {
      cursor.report.add(cursor.at, "syntax", "Nothing but a comment may stand in the line of ---.");
      stop(cursor);
    }
    toNextContent(cursor);
  } else if (isMarker(cursor)) {
    toNextContent(cursor);
  }
}
