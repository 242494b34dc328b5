import assert from "node:assert/strict";
import { test } from "node:test";
import { FeedParser, LONGEST_LINE } from "../../../../router/core/blocklist/feed-parser.ts";
import { readFeed, SEED } from "../../../fuzz/blocklist/feed-text.ts";

const long = "a".repeat(LONGEST_LINE);

const rows: readonly (readonly [name: string, text: string, entries: number, ignored: number, bad: number])[] = [
  ["nothing", "", 0, 0, 0],
  ["one line without its end", "bad.example", 1, 0, 0],
  ["CRLF", "a.example\r\nb.example\r\n", 2, 0, 0],
  ["a carriage return alone ends no line", "a.example\rb.example", 0, 0, 1],
  ["a byte order mark before a name", "\xef\xbb\xbfa.example\nb.example", 2, 0, 0],
  ["a byte order mark before a comment", "\xef\xbb\xbf# a list\nb.example", 1, 0, 0],
  ["a byte order mark later on", "a.example\n\xef\xbb\xbfb.example", 1, 0, 1],
  ["two byte order marks", "\xef\xbb\xbf\xef\xbb\xbfa.example", 0, 0, 1],
  ["UTF-16", "\xff\xfea\0.\0b\0\n\0", 0, 0, 2],
  ["a line of the longest length", `# ${long.slice(2)}\na.example`, 1, 0, 0],
  ["a longer line", `${long}a\na.example`, 1, 0, 1],
  ["a longer comment", `#${long}\na.example`, 1, 0, 0],
  ["a longer comment behind a mark", `\xef\xbb\xbf#${long}\na.example`, 1, 0, 0],
  ["a longer line at the end", `a.example\n${long}${long}`, 1, 0, 1],
  ["a name behind the bound of a line", `0.0.0.0 ${"a.example ".repeat(500)}`, 0, 0, 1],
  ["the same name twice", "a.example\na.example\n", 2, 0, 0],
  ["an error page", "<html><head>\n<title>502 Bad Gateway</title>\n</head>\n</html>\n", 0, 0, 4],
  ["single labels", "com\nnet\nlocalhost\n", 0, 3, 0],
];

for (const [name, text, entries, ignored, bad] of rows) {
  for (const size of [1, 3, 4_095, 1 << 20]) {
    test(`FeedParser: ${name}, in chunks of ${size}`, () => {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
        text.slice(at * size, (at + 1) * size),
      );
      const read = readFeed(chunks);
      assert.ok(read.ok);
      assert.deepEqual(read.value.counts, { entries, ignored, bad });
      assert.equal(read.value.entries.count, entries);
    });
  }
}

for (const [name, text] of [
  ["line by line", "a.example\nb.example\nc.example\n"],
  ["in one line", "0.0.0.0 a.example b.example c.example"],
  ["at the end", "a.example\nb.example\nc.example"],
] as const) {
  test(`FeedParser refuses more entries than it may hold: ${name}`, () => {
    const read = readFeed([text], "auto", 2);
    assert.deepEqual(read, {
      ok: false,
      problem: { code: "too_many_entries", message: "More than 2 entries are listed." },
    });
    assert.ok(readFeed([text], "auto", 3).ok);
  });
}

test("FeedParser keeps nothing of a chunk: its caller may fill it anew", () => {
  const parser = new FeedParser("auto", SEED);
  const chunk = Buffer.from("a.example\nb.exam");
  assert.ok(parser.write(chunk).ok);
  chunk.fill("x");
  assert.ok(parser.write(Buffer.from("ple\n")).ok);
  assert.deepEqual(parser.end(), readFeed(["a.example\nb.example\n"]));
});

test("FeedParser holds entries beyond one block apart", () => {
  const names = Array.from({ length: 40_000 }, (_, index) => `n${index}.example`);
  const read = readFeed([names.join("\n")]);
  assert.ok(read.ok);
  assert.equal(read.value.entries.count, names.length);
  assert.equal(
    read.value.entries.blocks.reduce((sum, block) => sum + block.length, 0),
    2 * names.length,
  );
});
