import { quoted } from "./quoted.ts";
import type { Report } from "./report.ts";

/** Longest document, in UTF-16 code units. Whoever reads octets caps those first, at the same figure. */
export const MAXIMUM_DOCUMENT = 4 * 1024 * 1024;

/**
 * Whether a text can be read at all. Refused everywhere, comments included: control characters, what other
 * readers take for a line break (CR alone, NEL, LS, PS), lone surrogates and non-characters, and the
 * bidirectional controls with which a document shows a reviewer other rules than it holds (CVE-2021-42574).
 * True: nothing was found.
 */
export function checkSource(text: string, report: Report): boolean {
  if (text.length > MAXIMUM_DOCUMENT) {
    report.add(0, "too_large", `The document has ${text.length} characters; at most ${MAXIMUM_DOCUMENT} are read.`);
    return false;
  }
  if (text.startsWith("\uFEFF")) {
    report.add(0, "byte_order_mark", "The document begins with a byte order mark: save it as UTF-8 without one.");
  }
  for (const match of text.matchAll(forbidden)) {
    if (report.full) break;
    report.add(match.index, "control_character", `The character ${quoted(match[0])} is not allowed in a document.`);
  }
  return report.clean;
}

/**
 * CRLF has become LF before this is applied. A byte order mark at the start has its own message.
 */
const forbidden =
  /(?![\t\n])\p{Cc}|[\p{Cs}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]|(?<!^)\uFEFF/gu;
