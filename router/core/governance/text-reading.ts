/** A text as those may read it who take it for a path or an address. */
export interface TextReading {
  /** It is written in the one way in which such a reader writes it: what it names is what a comparison sees. */
  readonly isPlain: boolean;
  /** As it is once escapes, backslashes and segments that are empty, "." or ".." are resolved; often the same text. */
  readonly resolved: string;
}

/** C strings end at a NUL, and some readers trim. */
const EDGES = /\p{Cc}|^\s|\s$/u;
const SCHEME = /^(?:[a-z][a-z0-9+.-]*:)+\/\//i;
/** What "file:" with one slash, two of them or a host means, readers disagree on. */
const ODD_FILE = /^file:(?!\/\/\/)/i;
const WEB = /^(?:http|ws)s?:\/\//i;
const UPPER_CASE = /[A-Z]/;
/** Names before it, escapes in it, a dot behind it, or another case. */
const ODD_HOST = /[A-Z%@]|\.(?::[0-9]*)?$/;

/** A segment of dots alone (some systems drop them, and blanks, at its end), also before ";parameters", or an empty one. */
const ODD_SEGMENT = /\\|\/\/|(?:^|\/)[. ]+(?:[;/?#]|$)/;
/**
 * Escapes of what needs none (RFC 3986 section 2.3), of separators and control characters, of a further escape, and of
 * octets that UTF-8 does not have; `%u002e` is IIS's.
 */
const ODD_ESCAPE =
  /%(?:[01][0-9a-f]|2[def]|3[0-9]|[46][1-9a-f]|[57][0-9a]|5[cf]|7[ef]|25[0-9a-f]{2}|c[01]|u[0-9a-f]{4})/i;

export function readText(text: string): TextReading {
  return { isPlain: isPlain(text), resolved: resolved(text) };
}

function isPlain(text: string): boolean {
  if (EDGES.test(text) || ODD_FILE.test(text)) return false;
  const scheme = SCHEME.exec(text)?.[0] ?? "";
  const isWeb = WEB.test(scheme);
  // Nobody resolves the dots of a query; of other addresses, what reads them may not know that there is one.
  const place = isWeb ? (text.split(/[?#]/, 1)[0] ?? "") : text;
  const rest = place.slice(scheme.length);
  if (UPPER_CASE.test(scheme) || (isWeb && ODD_HOST.test(rest.split("/", 1)[0] ?? ""))) return false;
  return !ODD_SEGMENT.test(rest) && !ODD_ESCAPE.test(rest);
}

function resolved(text: string): string {
  const unescaped = text.replaceAll(/%(00|[2-7][0-9a-f])/gi, (_, octet: string) =>
    String.fromCharCode(Number.parseInt(octet, 16)),
  );
  const whole = unescaped.split("\0", 1)[0] ?? "";
  if (!/[/\\]/.test(whole)) return whole;
  const segments: string[] = [];
  for (const segment of whole.split(/[/\\]/)) {
    if (segment === "" || segment === ".") continue;
    const above = segments.at(-1);
    if (segment === ".." && above !== undefined && above !== "..") segments.pop();
    else segments.push(segment);
  }
  return `${/^[/\\]/.test(whole) ? "/" : ""}${segments.join("/")}`;
}
