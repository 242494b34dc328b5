import { isIP } from "node:net";

export interface OracleFeed {
  /** By its canonical text: whether what is below it is listed too. As often as it is listed. */
  readonly entries: readonly (readonly [text: string, wide: boolean])[];
  readonly ignored: number;
  readonly bad: number;
}

const LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
const NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);
const SINK = /^(?:0\.0\.0\.0|127\.0\.0\.1|::|::1)$/;

/** What a feed with `format: auto` lists, by whole lines and expressions. One character an octet. */
export function oracleFeed(feed: string): OracleFeed {
  const entries: [string, boolean][] = [];
  let ignored = 0;
  let bad = 0;
  const name = (word: string, wide: boolean, canBeAddress = true): void => {
    const address = canonicalAddress(word);
    const text = address ?? word.toLowerCase().replace(/\.$/, "");
    if (address !== undefined && !canBeAddress) bad += 1;
    else if (address !== undefined && /^(?:127\..*|0\.0\.0\.0|255\.255\.255\.255|::|::1)$/.test(address)) ignored += 1;
    else if (address !== undefined) entries.push([address, false]);
    else if (!NAME.test(text) || /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/.test(text)) bad += 1;
    else if (!text.includes(".") || /^localhost[46]?\.localdomain[46]?$/.test(text)) ignored += 1;
    else entries.push([text, wide]);
  };
  const lines = feed.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (const [at, whole] of lines.entries()) {
    const line = at === 0 ? whole.replace(/^\xef\xbb\xbf/, "") : whole;
    if (whole.length > 4_096) {
      if (!/^[#![]/.test(line)) bad += 1;
      continue;
    }
    const said = line.replace(/^[ \t\r]+/, "").replace(/[ \t\r]+#.*$/s, "");
    if (/^(?:$|[#![])/.test(said)) continue;
    const words = said.split(/[ \t\r]+/).filter((word) => word !== "");
    const [first = ""] = words;
    if (words.length > 1) {
      const sink = canonicalAddress(first.replace(/%.*$/s, ""));
      if (sink === undefined) bad += 1;
      else if (!SINK.test(sink) || (first.includes(":") && !sink.includes(":")) || first.includes("%")) ignored += 1;
      else {
        const [names = ""] = words.slice(1).join(" ").split("#");
        for (const word of names.split(" ").filter((part) => part !== "")) name(word, false);
        // A word that is cut at its first character is no name.
      }
    } else if (first.startsWith("*.")) name(first.slice(2), true, false);
    else if (first.startsWith("||")) {
      if (first.endsWith("^")) name(first.slice(2, -1), true);
      else bad += 1;
    } else name(first, true);
  }
  return { entries, ignored, bad };
}

/** By the platform's own parser of URLs; an IPv4-mapped address is the IPv4 one. */
function canonicalAddress(word: string): string | undefined {
  const kind = word.includes("%") ? 0 : isIP(word);
  if (kind === 0) return undefined;
  if (kind === 4) return word;
  const text = new URL(`http://[${word}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(text);
  if (mapped === null) return text;
  const [high, low] = [Number.parseInt(mapped[1] ?? "", 16), Number.parseInt(mapped[2] ?? "", 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
