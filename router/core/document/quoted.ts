import { safeText } from "../wire/safe-text.ts";

/** Longer excerpts of a document than this are cut in messages. */
const MAXIMUM = 80;

/** Text from a document (its author's choice, not ours), made fit for a message on a terminal or in a log. */
export function quoted(text: string): string {
  return `"${safeText(text, MAXIMUM)}"`;
}
