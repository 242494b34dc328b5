import { composedText } from "../policy/lenient-path.ts";
import { hasPlainEscapes, lenientUnescape } from "./lenient-unescape.ts";
import { resolvedPath, resolvedPlace, resolvedWords } from "./place-path.ts";
import { webAddress } from "./web-address.ts";

/** A text as those may read it who take it for a path or an address. Each of it is made when it is first asked for. */
export interface TextReading {
  /** It is written in the one way in which such a reader writes it: what it names is what a comparison sees. */
  isPlain(): boolean;
  /**
   * As it is once escapes, backslashes and segments that are empty, "." or ".." are resolved; often the same text.
   * Undefined: it is too long to tell.
   */
  resolved(): string | undefined;
  /**
   * The text, and every other that such readers may make of it; a slash at the end is left out. Undefined: it is a place,
   * and nobody here can say which.
   */
  forms(): readonly string[] | undefined;
}

/** A longer text, or one with more segments, is not resolved. */
const LONGEST = 65_536;
const MOST_SEGMENTS = 4_096;

/** An address, or a path of a drive. */
const ADDRESS = /^(?:(?:[a-z][a-z0-9+.-]*:)+[/\\]|(?:https?|wss?|file):[^\s])/i;
const SCHEME = /^(?:[a-z][a-z0-9+.-]*:)+\/\//i;
const WEB = /^(?:http|ws)s?:/i;
/** What "file:" with one slash, two, four or a host means, readers disagree on. */
const ODD_FILE = /^file:(?!\/\/\/(?!\/))/i;
const UPPER_CASE = /[A-Z]/;
const CONTROL = /[^\P{Cc}\t\n\r]/u;
const NOT_ASCII = /[^\0-\x7f]/;

/** A segment of dots alone (some systems drop them, and blanks, at its end), also before ";parameters", or an empty one. */
const ODD_SEGMENT = /\\|\/\/|(?:^|\/)[. ]+(?:[;/?#]|$)/;
/** More dots than two are fewer to who drops some. */
const MANY_DOTS = /(?:^|[/\\])\.{3,}(?:[/\\;?#]|$)/;
/**
 * Escapes of what needs none (RFC 3986 section 2.3), of separators and control characters, of a further escape, and of
 * octets that UTF-8 does not have; `%u002e` is IIS's.
 */
const ODD_ESCAPE =
  /%(?:[01][0-9a-f]|2[def]|3[0-9]|[46][1-9a-f]|[57][0-9a]|5[cf]|7[ef]|25[0-9a-f]{2}|c[01]|u[0-9a-f]{4})/i;
/** Without any of these all readers read the same. */
const REMARKABLE = /[\\%;?#:]|[^!-~]|\/[/. ]|^\.|\/$/;

export function readText(text: string): TextReading {
  let isPlain: boolean | undefined;
  let resolved: { readonly text: string | undefined } | undefined;
  let forms: { readonly list: readonly string[] | undefined } | undefined;
  return {
    isPlain: () => (isPlain ??= isPlainText(text)),
    resolved: () => (resolved ??= { text: resolvedText(text) }).text,
    forms: () => (forms ??= { list: formsOf(text) }).list,
  };
}

/** It begins as no words do. */
function isPlace(text: string): boolean {
  return /^[/\\]/.test(text) || ADDRESS.test(text);
}

function isPlainText(text: string): boolean {
  if (/^\s|\s$/.test(text) || CONTROL.test(text) || ODD_FILE.test(text)) return false;
  if (isPlace(text) && (/[\t\n\r]/.test(text) || isLong(text))) return false;
  if (WEB.test(text) && ADDRESS.test(text) && webAddress(text) !== text) return false;
  const scheme = SCHEME.exec(text)?.[0] ?? "";
  if (UPPER_CASE.test(scheme)) return false;
  // Nobody resolves the dots of a query; of other addresses, what reads them may not know that there is one.
  const place = WEB.test(scheme) ? (text.split(/[?#]/, 1)[0] ?? "") : text;
  // Where a relative name begins is the tool's own.
  const rest = place.slice(scheme.length).replace(/^\.(?:\/|$)/, "");
  if (ODD_SEGMENT.test(rest) || ODD_ESCAPE.test(rest) || !hasPlainEscapes(rest)) return false;
  return !NOT_ASCII.test(rest) || !ODD_SEGMENT.test(composedText(rest));
}

function isLong(text: string): boolean {
  if (text.length > LONGEST) return true;
  let count = 0;
  for (let at = text.indexOf("/"); at >= 0 && count <= MOST_SEGMENTS; at = text.indexOf("/", at + 1)) count += 1;
  for (let at = text.indexOf("\\"); at >= 0 && count <= MOST_SEGMENTS; at = text.indexOf("\\", at + 1)) count += 1;
  return count > MOST_SEGMENTS;
}

/** It is long: undefined where it is a place; else without what is left out in any case. */
function collapsed(text: string): string | undefined {
  const bare = trimmed(text);
  if (isPlace(bare) && (!/\s/.test(bare) || /\.\.|%2e|%25/i.test(bare))) return undefined;
  return text.replaceAll(/[/\\](?:\.?[/\\])+/g, "/");
}

function resolvedText(text: string): string | undefined {
  if (isLong(text)) return collapsed(text);
  const unescaped = text.replaceAll(/%(00|[2-7][0-9a-f])/gi, (_, octet: string) =>
    String.fromCharCode(Number.parseInt(octet, 16)),
  );
  const whole = (unescaped.split("\0", 1)[0] ?? "").replaceAll("\\", "/");
  return /\//.test(whole) ? withoutSlash(resolvedPath(whole)) : whole;
}

function withoutSlash(text: string): string {
  return text.endsWith("/") && text !== "/" ? text.slice(0, -1) : text;
}

/** Blanks and control characters at its ends: some readers trim. */
function trimmed(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isEdge(text, from)) from += 1;
  while (to > from && isEdge(text, to - 1)) to -= 1;
  return text.slice(from, to);
}

function isEdge(text: string, at: number): boolean {
  return text.charCodeAt(at) <= 0x20 || /\s/.test(text.charAt(at));
}

function formsOf(text: string): readonly string[] | undefined {
  if (isLong(text)) {
    const short = collapsed(text);
    return short === undefined ? undefined : [...new Set([text, withoutSlash(text), short, withoutSlash(short)])];
  }
  if (!REMARKABLE.test(text)) return [text];
  const forms = new Set<string>();
  const once = lenientUnescape(text);
  const twice = lenientUnescape(once);
  for (const reading of new Set([text, once, twice, composedText(twice)])) {
    const bare = trimmed(reading);
    add(forms, reading);
    if (reading !== text && isLong(reading)) {
      if (isPlace(bare)) return undefined;
      continue;
    }
    // Who reads addresses leaves these out anywhere in them.
    const joined = bare.replaceAll(/[\t\n\r]/g, "");
    for (const place of new Set([bare, ADDRESS.test(joined) ? joined : bare, reading])) {
      if (isUnreadable(place)) return undefined;
      addForms(forms, place);
    }
  }
  return [...forms];
}

/** A place that readers take for different ones, and of which nobody could list them. */
function isUnreadable(place: string): boolean {
  if (!isPlace(place)) return false;
  if (CONTROL.test(place) || ODD_FILE.test(place)) return true;
  const word = place.split(/\s/, 1)[0] ?? "";
  if (WEB.test(place) && webAddress(word) === undefined) return true;
  return word === place && (MANY_DOTS.test(place) || !hasPlainEscapes(place));
}

function addForms(forms: Set<string>, place: string): void {
  // C strings end at a NUL.
  const whole = place.split("\0", 1)[0] ?? "";
  const slashed = whole.replaceAll("\\", "/");
  const path = /^file:\/\/(\/.*)$/is.exec(slashed)?.[1];
  // Some strip parameters, and what looks like a query, before they resolve dots.
  const cut = (slashed.split(/[?#]/, 1)[0] ?? "").replaceAll(/;[^/]*/g, "");
  for (const one of new Set([whole, slashed, cut, path ?? whole])) {
    add(forms, one);
    for (const resolved of new Set([resolvedPlace(one), resolvedPath(one, true), resolvedWords(one)])) {
      add(forms, resolved);
      // Far enough up is the root.
      if (resolved.startsWith("../")) add(forms, resolved.replace(/^(?:\.\.\/)+(?=[^/])/, "/"));
    }
  }
}

function add(forms: Set<string>, form: string): void {
  forms.add(form);
  forms.add(withoutSlash(form));
}
