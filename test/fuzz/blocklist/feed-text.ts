import { type Blocklist, buildBlocklist, type NamedFeed } from "../../../router/core/blocklist/blocklist.ts";
import { FeedParser, type ParsedFeed } from "../../../router/core/blocklist/feed-parser.ts";
import type { FeedFormat } from "../../../router/core/blocklist/feed-line.ts";
import type { FeedProblem } from "../../../router/core/blocklist/feed-problem.ts";
import type { Result } from "../../../router/core/base/result.ts";
import { type Host, parseHost } from "../../../router/core/wire/host.ts";
import { parseIpAddress } from "../../../router/core/wire/ip-address.ts";

export const SEED = { first: 0x1badcafe, second: 0x5eed5eed };

/** Reads a feed in the given chunks. */
export function readFeed(
  chunks: readonly (string | Uint8Array)[],
  format: FeedFormat = "auto",
  mostEntries?: number,
): Result<ParsedFeed, FeedProblem> {
  const parser = new FeedParser(format, SEED, mostEntries);
  for (const chunk of chunks) {
    const written = parser.write(typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk);
    if (!written.ok) return written;
  }
  return parser.end();
}

/** The list of feeds by their texts. */
export function listOf(feeds: Readonly<Record<string, string>>, format: FeedFormat = "auto"): Blocklist {
  const named: readonly NamedFeed[] = Object.entries(feeds).map(([name, text]) => {
    const read = readFeed([text], format);
    if (!read.ok) throw new Error(read.problem.message);
    return { name, entries: read.value.entries };
  });
  return build(named);
}

export function build(feeds: readonly NamedFeed[]): Blocklist {
  const steps = buildBlocklist(SEED, feeds);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** A name or an address, as it would be judged. */
export function hostOf(text: string): Host {
  const address = parseIpAddress(text);
  if (address !== undefined) return { kind: "address", text: address };
  const host = parseHost(text);
  if (!host.ok) throw new Error(host.problem);
  return host.value;
}
