import { mayFold } from "./folded-text.ts";
import type { JsonToken } from "./json-strings.ts";
import { joinedMatches, maskedText, type Match } from "./match.ts";
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
 * with nothing between, so that a match cut into parts or messages is found, and both as `foldedText` reads them. What
 * cannot be read, and in a request token numbers, blocks. A mask stands in what is written; a match anywhere else, or in
 * folded text only, cannot be masked and blocks.
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
  const folds = mayFold(body);
  const values = all.map(({ value }) => value);
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
    const name = maskable.has(token) ? undefined : search.test(token.value);
    if (name !== undefined) return block(name);
  }
  const matches = matchesIn(search, written);
  if (matches === undefined) return block(TOO_COMPLEX);
  const values = maskedValues(written, matches);
  if (mayFold(body)) {
    const rest = all.map((token) => values.get(token) ?? token.value);
    rest.push(written.map((token) => values.get(token) ?? token.value).join(""));
    for (const value of rest) {
      const name = search.testFolded(value);
      if (name !== undefined) return block(name);
    }
  }
  if (matches.length === 0) return PASS;
  const rewritten = rewrittenBody(body, texts, values);
  return { kind: "mask", body: rewritten, names: [...new Set(matches.map(({ name }) => name))] };
}

/** In offsets of all the texts together, each by itself and all with nothing between. */
function matchesIn(search: PatternSearch, written: readonly JsonToken[]): readonly Match[] | undefined {
  const matches: Match[] = [];
  let from = 0;
  for (const { value } of written) {
    const found = search.find(value);
    if (found === undefined) return undefined;
    for (const { name, start, end } of found) matches.push({ name, start: from + start, end: from + end });
    from += value.length;
  }
  const across = written.length < 2 ? [] : search.find(written.map(({ value }) => value).join(""));
  return across === undefined ? undefined : joinedMatches([...matches, ...across]);
}

/** The values that change. */
function maskedValues(written: readonly JsonToken[], matches: readonly Match[]): ReadonlyMap<JsonToken, string> {
  const values = new Map<JsonToken, string>();
  let from = 0;
  let first = 0;
  for (const token of written) {
    const to = from + token.value.length;
    while ((matches[first]?.end ?? to + 1) <= from) first += 1;
    const here: Match[] = [];
    for (let at = first; (matches[at]?.start ?? to) < to; at += 1) here.push(...matches.slice(at, at + 1));
    if (here.length > 0) values.set(token, maskedText(token.value, from, to, here));
    from = to;
  }
  return values;
}
