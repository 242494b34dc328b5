import { webAddress } from "./web-address.ts";

/** Dots and blanks: some systems drop them at the end of a name. */
const DOTS = /^ *\.[. ]*$/;
const EXACT_DOTS = /^\.\.?$/;

/**
 * Without segments that are empty or dots; `isExact`: ".. " and "..." are names. A slash at the end stays; above the root
 * there is nothing.
 */
export function resolvedPath(path: string, isExact = false): string {
  if (!path.includes("/")) return path;
  const root = path.startsWith("/") ? "/" : "";
  const segments: string[] = [];
  let isOpen = false;
  for (const segment of path.split("/")) {
    const isDots = (isExact ? EXACT_DOTS : DOTS).test(segment);
    isOpen = isDots || segment === "";
    if (!isOpen) segments.push(segment);
    if (!isDots || segment.trim() === ".") continue;
    const above = segments.at(-1);
    if (above !== undefined && above !== "..") segments.pop();
    else if (root === "") segments.push("..");
  }
  return `${root}${segments.join("/")}${isOpen && segments.length > 0 ? "/" : ""}`;
}

const ADDRESS = /^((?:[a-z][a-z0-9+.-]*:)+(?:\/\/[^/]*)?)(.*)$/is;

/** A path, or an address by its path. */
export function resolvedPlace(text: string): string {
  const web = webAddress(text);
  if (web !== undefined) {
    const from = web.indexOf("/", web.indexOf("//") + 2);
    const rest = web.slice(from);
    const to = rest.search(/[?#]/);
    return to < 0
      ? web.slice(0, from) + resolvedPath(rest)
      : web.slice(0, from) + resolvedPath(rest.slice(0, to)) + rest.slice(to);
  }
  const [, before, path] = ADDRESS.exec(text) ?? [];
  if (before === undefined || path === undefined) return resolvedPath(text);
  // A drive's letter is no scheme.
  return (before.length > 2 ? before.toLowerCase() : before) + resolvedPath(path);
}

/** What a shell, or what else takes a text apart, would take for one word. */
const WORD = /[^\s"'`;&|<>()=,]+/g;

export function resolvedWords(text: string): string {
  if (!text.includes("/")) return text;
  return text.replace(WORD, (word) => (word.includes("/") ? resolvedPlace(word) : word));
}
