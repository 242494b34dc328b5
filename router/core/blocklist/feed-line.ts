import { parseHostname } from "../wire/hostname.ts";
import { type IpAddress, parseIpAddress } from "../wire/ip-address.ts";
import { entryText } from "./entry-text.ts";

/**
 * What lines a feed may have. `hosts`: an address that leads nowhere, and names, each of which is listed alone.
 * `domains`: one name, with everything below it. `wildcards`: the same, also written `*.name` or `||name^`. `auto`: any
 * of these, line by line.
 */
export type FeedFormat = "auto" | "hosts" | "domains" | "wildcards";

export type FeedItem =
  /** `text` as `entryText` gives it. `wide`: what is below the name is listed with it. */
  | { readonly kind: "entry"; readonly text: string; readonly wide: boolean }
  /** Well-formed, and nothing that is to be listed. */
  | { readonly kind: "ignored" }
  | { readonly kind: "bad" };

const NOTHING: readonly FeedItem[] = [];
const IGNORED: FeedItem = { kind: "ignored" };
const BAD: FeedItem = { kind: "bad" };

/** Where a hosts file sends what it blocks. A line with any other address maps names, and blocks none. */
const SINKS: ReadonlySet<string> = new Set(["0.0.0.0", "127.0.0.1", "::", "::1"]);
/** Names of the machine itself that hosts files carry, as far as they have a dot. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  "localhost.localdomain",
  "localhost4.localdomain4",
  "localhost6.localdomain6",
]);

/** True where a line that begins with this character says nothing: `#`, `!`, and the `[` of `[Adblock Plus 2.0]`. */
export function beginsComment(character: string | undefined): boolean {
  return character === "#" || character === "!" || character === "[";
}

/** What one line lists, without its line end. The text has one character an octet; whatever it holds, nothing is thrown. */
export function readFeedLine(line: string, format: FeedFormat): readonly FeedItem[] {
  const words = wordsOf(line);
  const [first] = words;
  if (first === undefined || beginsComment(first[0])) return NOTHING;
  if (format === "hosts" || (format === "auto" && words.length > 1)) return readHostsLine(first, words);
  return words.length === 1 ? [readPattern(first, format)] : [BAD];
}

/** Parted by blanks, tabs and carriage returns, up to a word that begins a comment. */
function wordsOf(line: string): readonly string[] {
  const words: string[] = [];
  let from = -1;
  for (let at = 0; at <= line.length; at++) {
    const code = at < line.length ? line.charCodeAt(at) : 0x20;
    if (code !== 0x20 && code !== 0x09 && code !== 0x0d) {
      if (from === -1) from = at;
    } else if (from !== -1) {
      if (words.length > 0 && line[from] === "#") return words;
      words.push(line.slice(from, at));
      from = -1;
    }
  }
  return words;
}

function readHostsLine(first: string, words: readonly string[]): readonly FeedItem[] {
  // macOS ships `fe80::1%lo0 localhost`.
  const [text = "", zone] = first.split("%", 2);
  const address = parseIpAddress(text);
  if (address === undefined || words.length === 1) return [BAD];
  if (zone !== undefined || !SINKS.has(address)) return [IGNORED];
  const items: FeedItem[] = [];
  for (const word of words.slice(1)) {
    // hosts(5): a comment needs no blank before it.
    const comment = word.indexOf("#");
    items.push(readName(comment === -1 ? word : word.slice(0, comment), false));
    if (comment !== -1) break;
  }
  return items;
}

function readPattern(word: string, format: FeedFormat): FeedItem {
  if (format !== "domains") {
    if (word.startsWith("*.")) {
      const name = word.slice(2);
      return parseIpAddress(name) === undefined ? readName(name, true) : BAD;
    }
    if (word.startsWith("||")) return word.endsWith("^") ? readName(word.slice(2, -1), true) : BAD;
  }
  return readName(word, true);
}

function readName(word: string, wide: boolean): FeedItem {
  const address = parseIpAddress(word);
  if (address !== undefined) {
    const text = entryText({ kind: "address", text: address });
    return isNowhere(text as IpAddress) ? IGNORED : { kind: "entry", text, wide: false };
  }
  const name = parseHostname(word);
  if (!name.ok) return BAD;
  // One label is the machine's own name, or all of a top-level domain: that is for a policy's deny rules to say.
  if (!name.value.includes(".") || OWN_NAMES.has(name.value)) return IGNORED;
  return { kind: "entry", text: name.value, wide };
}

/** Lists carry `0.0.0.0 0.0.0.0`; these addresses are refused or allowed by their range, and not by a feed. */
function isNowhere(address: IpAddress): boolean {
  return SINKS.has(address) || address.startsWith("127.") || address === "255.255.255.255";
}
