import type { JsonToken } from "./json-strings.ts";
import type { BodyTexts } from "./written-texts.ts";

/** The body with these strings in place of others, and without what spells an answer's text once more; the rest is as it was. */
export function rewrittenBody(body: string, texts: BodyTexts, values: ReadonlyMap<JsonToken, string>): string {
  const edits = [
    ...[...values].map(([{ start, end }, value]) => ({ start, end, text: JSON.stringify(value) })),
    ...texts.logprobs.map((place) => ({ ...place, text: "null" })),
  ];
  let text = "";
  let at = 0;
  for (const edit of edits.toSorted((one, other) => one.start - other.start || other.end - one.end)) {
    // What lies within another goes with it.
    if (edit.start < at) continue;
    text += body.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return text + body.slice(at);
}
