import type { Json } from "../json/json.ts";

/** Texts that every YAML reads back as they stand, and as texts: with one letter first, some of 1.1 take `e1` for a number. */
const BARE = /^[A-Za-z]{2}[A-Za-z0-9./-]*$/;
const WORDS: ReadonlySet<string> = new Set([
  "null",
  "nil",
  "none",
  "true",
  "false",
  "yes",
  "no",
  "on",
  "off",
  "inf",
  "infinity",
  "nan",
]);

/** What a text may not hold outside of an escape: controls, separators, invisible and direction-changing marks. */
const ESCAPED = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\uFFFE\uFFFF]/gu;

/** A JSON value as YAML for people: maps in blocks, everything else on one line. It ends with a line feed. */
export function yamlText(value: Json, indent = ""): string {
  if (!isMap(value)) return `${indent}${inline(value)}\n`;
  return Object.entries(value)
    .map(([key, item]) => {
      const name = `${indent}${scalar(key)}:`;
      if (isMap(item) && Object.keys(item).length > 0) return `${name}\n${yamlText(item, `${indent}  `)}`;
      return `${name} ${inline(item)}\n`;
    })
    .join("");
}

/** The same on one line, without its end. */
export function yamlLine(value: Json): string {
  return inline(value);
}

function inline(value: Json): string {
  if (typeof value === "string") return scalar(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (isMap(value)) {
    const members = Object.entries(value).map(([key, item]) => `${quotedText(key)}: ${inline(item)}`);
    return `{${members.join(", ")}}`;
  }
  return `[${value.map((item) => inline(item)).join(", ")}]`;
}

function scalar(text: string): string {
  return BARE.test(text) && text.length <= 253 && !WORDS.has(text.toLowerCase()) ? text : quotedText(text);
}

/** JSON's escapes are YAML's (YAML 1.2 section 5.7), which has one of its own beyond U+FFFF. */
function quotedText(text: string): string {
  return JSON.stringify(text).replace(ESCAPED, (character) => {
    const point = (character.codePointAt(0) ?? 0).toString(16);
    return point.length > 4 ? `\\U${point.padStart(8, "0")}` : `\\u${point.padStart(4, "0")}`;
  });
}

function isMap(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
