import assert from "node:assert/strict";
import { type FuzzTarget, inputs, latin1 } from "../fuzz-target.ts";
import { build, hostOf, readFeed } from "./feed-text.ts";
import { oracleFeed } from "./feed-oracle.ts";

const FEEDS = [
  "# hosts\n0.0.0.0 bad.example other.example # why\n127.0.0.1\tlocalhost\n::1 ip6-localhost\r\n0.0.0.0 0.0.0.0\n",
  "! Title: wildcards\n*.bad.example\n||other.example^\n",
  "\xef\xbb\xbfbad.example\nxn--bcher-kva.example\r\n198.51.100.7\n2001:db8::7\n::ffff:198.51.100.8",
  "<html>\n<body>502 Bad Gateway</body>\n</html>\n",
];
const PIECES = [
  "\n",
  "\r\n",
  "\r",
  " ",
  "\t",
  "#",
  "!",
  "[",
  "0.0.0.0 ",
  "127.0.0.1 ",
  "::1 ",
  "||",
  "^",
  "*.",
  ".",
  "com",
  "\0",
  "%",
  "\xef\xbb\xbf",
  "localhost",
  "localhost.localdomain",
  "1.2.3.4",
  "fe80::1%lo0 ",
  "::",
  "0x7f.1",
  "a".repeat(63),
  "a.".repeat(120),
  "a".repeat(4_090),
  "@@",
  "$third-party",
  "-",
  "_",
  "::ffff:127.0.0.1",
];

/** Whatever the octets are and wherever they are cut: the same entries as the oracle's, all of them found again. */
export const FEED: FuzzTarget = {
  name: "blocklist feed",
  input: inputs(FEEDS, PIECES),
  examine(input, random) {
    const text = latin1(input);
    const expected = oracleFeed(text);
    const chunks: Uint8Array[] = [];
    for (let from = 0; from < input.length;) {
      const to = Math.min(input.length, from + 1 + random.below(random.once(2) ? 4 : 64));
      chunks.push(input.subarray(from, to));
      from = to;
    }
    const read = readFeed(chunks);
    assert.ok(read.ok, "refused below the most entries");
    const { counts, entries } = read.value;
    const { ignored, bad } = expected;
    assert.deepEqual(counts, { entries: expected.entries.length, ignored, bad }, "the oracle counts otherwise");
    assert.deepEqual(readFeed([input]), read, "cut otherwise, read otherwise");

    const built = build([{ name: "feed", entries }]);
    assert.equal(built.entries, new Set(expected.entries.map(([name]) => name)).size, "the oracle lists otherwise");
    const wide = new Set(expected.entries.flatMap(([name, isWide]) => (isWide ? [name] : [])));
    for (const [name] of expected.entries) {
      assert.equal(built.blockedBy(hostOf(name)), "feed", `${name} is not found`);
      if (name.length > 240 || /^[0-9.]+$|:/.test(name)) continue;
      const isCovered = name.split(".").some((_, at, labels) => wide.has(labels.slice(at).join(".")));
      assert.equal(built.blockedBy(hostOf(`q9.${name}`)), isCovered ? "feed" : undefined, `below ${name}`);
    }
    return counts.entries > 0;
  },
};
