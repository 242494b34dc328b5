import { mayReadOtherwise } from "./folded-text.ts";
import { type JsonToken, shownValue } from "./json-strings.ts";
import { maskedText, type Match } from "./match.ts";
import { type PatternSearch, TOO_COMPLEX } from "./pattern-search.ts";
import { rewrittenBody } from "./rewritten-body.ts";
import { bodyTexts, type BodyTexts, type Phase } from "./written-texts.ts";

/** `name`: the pattern's, or why the body could not be judged; a closed list of the policy's and ours, never the text. */
export type BodyVerdict =
  | { readonly kind: "pass" }
  | { readonly kind: "mask"; readonly body: string; readonly names: readonly string[] }
  | { readonly kind: "block"; readonly name: string };

export const PASS: BodyVerdict = Object.freeze({ kind: "pass" });
export const UNREADABLE = "unreadable";
export const TOKEN_IDS = "token_ids";

/**
 * Searches a request or an answer (JSON) for patterns. Each text is looked at by itself, all that is written once more
 * with nothing between, so that a match cut into parts or messages is found, and both in each other reading that
 * `folded-text.ts` knows. What cannot be read, and in a request token numbers, blocks. A mask stands in what is written; a
 * match anywhere else, or in another reading only, cannot be masked and blocks.
 */
export function judgeBody(search: PatternSearch, action: "block" | "mask", body: string, phase: Phase): BodyVerdict {
  const texts = bodyTexts(body, phase);
  if (texts === undefined) return block(UNREADABLE);
  if (texts.hasTokenIds) return block(TOKEN_IDS);
  return action === "block" ? blocked(search, body, texts) : masked(search, body, texts);
}

function block(name: string): BodyVerdict {
  return { kind: "block", name };
}

function blocked(search: PatternSearch, body: string, { all, written }: BodyTexts): BodyVerdict {
  const folds = mayReadOtherwise(body);
  const values = all.map(shownValue);
  if (written.length > 1) values.push(written.map(({ value }) => value).join(""));
  for (const value of values) {
    const name = search.test(value) ?? (folds ? search.testFolded(value) : undefined);
    if (name !== undefined) return block(name);
  }
  return PASS;
}

function masked(search: PatternSearch, body: string, texts: BodyTexts): BodyVerdict {
  const { all, written } = texts;
  const maskable = new Set(written);
  for (const token of all) {
    const name = maskable.has(token) ? undefined : search.test(shownValue(token));
    if (name !== undefined) return block(name);
  }
  const names = new Set<string>();
  const values = maskedValues(search, written, names);
  if (values === undefined) return block(TOO_COMPLEX);
  const now = (token: JsonToken): string => values.get(token) ?? token.value;
  if (mayReadOtherwise(body)) {
    for (const value of [...all.map(now), written.map(now).join("")]) {
      const name = search.testFolded(value);
      if (name !== undefined) return block(name);
    }
  }
  if (values.size === 0) return PASS;
  return { kind: "mask", body: rewrittenBody(body, texts, values), names: [...names] };
}

/**
 * The values that change: what each holds is masked first, so that of "x" and "a@b.co" the "x" stays; then what is found in
 * all of them with nothing between and lies in several.
 */
function maskedValues(
  search: PatternSearch,
  written: readonly JsonToken[],
  names: Set<string>,
): ReadonlyMap<JsonToken, string> | undefined {
  const pieces: Piece[] = [];
  let length = 0;
  for (const token of written) {
    const found = search.find(token.value);
    if (found === undefined) return undefined;
    for (const { name } of found) names.add(name);
    const text = maskedText(token.value, 0, token.value.length, found);
    pieces.push({ token, text, from: length, to: length + text.length });
    length += text.length;
  }
  const across = pieces.length < 2 ? [] : search.find(pieces.map(({ text }) => text).join(""));
  if (across === undefined) return undefined;
  const values = new Map<JsonToken, string>();
  let next = 0;
  for (const { token, text, from, to } of pieces) {
    while ((across[next]?.end ?? length) < from) next += 1;
    const here: Match[] = [];
    for (
      let index = next, match = across[next];
      match !== undefined && match.start < to;
      match = across[(index += 1)]
    ) {
      if (match.start < from || match.end > to) here.push(match);
    }
    for (const { name } of here) names.add(name);
    const value = maskedText(text, from, to, here);
    if (value !== token.value) values.set(token, value);
  }
  return values;
}

/** A text after what it holds by itself was masked, and where it is in all of them together. */
interface Piece {
  readonly token: JsonToken;
  readonly text: string;
  readonly from: number;
  readonly to: number;
}
