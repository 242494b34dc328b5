import assert from "node:assert/strict";
import { test } from "node:test";
import { SseFrames, readFrame } from "../../../../router/core/inference/sse-frames.ts";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Each frame as it reads, and what is left; cut into chunks at every place in turn. */
function framesOf(text: string): { readonly frames: unknown[]; readonly rest: string } {
  const bytes = octets(text);
  let first: { readonly frames: unknown[]; readonly rest: string } | undefined;
  for (let cut = 0; cut <= bytes.length; cut++) {
    const cutter = new SseFrames(1_000);
    const frames: unknown[] = [];
    let seen = "";
    const take = (frame: Uint8Array): void => {
      seen += Buffer.from(frame).toString();
      frames.push(readFrame(frame));
    };
    assert.equal(cutter.push(bytes.subarray(0, cut), take), "ok");
    assert.equal(cutter.push(bytes.subarray(cut), take), "ok");
    const rest = Buffer.from(cutter.rest() ?? []).toString();
    assert.equal(seen + rest, text, "every octet is in a frame or left");
    // The second half of a CR LF that was cut is left, or leads the next frame: it means nothing there.
    const shown = { frames, rest: seen.endsWith("\r") && rest.startsWith("\n") ? rest.slice(1) : rest };
    first ??= shown;
    assert.deepEqual(shown, first, `cut at ${cut}`);
  }
  assert.ok(first !== undefined);
  return first;
}

const frame = (data: string | undefined, event?: string): object => ({ event, data });

const rows: readonly (readonly [name: string, text: string, frames: readonly object[], rest: string])[] = [
  ["LF", "data: a\n\ndata: b\n\n", [frame("a"), frame("b")], ""],
  ["CR LF", "data: a\r\n\r\ndata: b\r\n\r\nx", [frame("a"), frame("b")], "x"],
  ["CR", "data: a\r\rdata: b\r\rx", [frame("a"), frame("b")], "x"],
  ["mixed ends", "data: a\n\r\ndata: b\r\n\ndata: c\r\n\rx", [frame("a"), frame("b"), frame("c")], "x"],
  ["lines of data are joined", "data: a\ndata:\ndata:  b\n\n", [frame("a\n\n b")], ""],
  ["one space goes, no more", "data:  a\n\n", [frame(" a")], ""],
  ["a name without a colon has an empty value", "data\n\n", [frame("")], ""],
  ["the last event name counts", "event: x\nevent: y\ndata: 1\n\n", [frame("1", "y")], ""],
  [
    "comments, ids and unknown names are nothing",
    ": hi\nid: 7\nretry: 1\ndatax: 2\nxdata: 3\n\n",
    [frame(undefined)],
    "",
  ],
  ["empty frames", "\n\ndata: a\n\n\n", [frame(undefined), frame(undefined), frame("a"), frame(undefined)], ""],
  ["a byte order mark", "\ufeffdata: a\n\n", [frame("a")], ""],
  ["text beyond ASCII", "data: é四😀\n\n", [frame("é四😀")], ""],
  ["without an end", "data: a\n\ndata: b\n", [frame("a")], "data: b\n"],
  ["NUL is text", "data: \0\n\n", [frame("\0")], ""],
];

for (const [name, text, frames, rest] of rows) {
  test(`frames: ${name}`, () => {
    assert.deepEqual(framesOf(text), { frames, rest });
  });
}

test("octets that are not UTF-8 read as the platform's decoder reads them", () => {
  const bad = [
    [0xff],
    [0xc0, 0x80],
    [0xe2, 0x82],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x9f, 0x98],
    [0xf4, 0x90, 0x80, 0x80],
    [0x80, 0x61],
    [0xe1, 0x80, 0xe2, 0x80],
  ];
  for (const list of bad) {
    const bytes = Uint8Array.of(...octets("data: a"), ...list, ...octets("b\n\n"));
    assert.equal(readFrame(bytes).data, `a${new TextDecoder().decode(Uint8Array.from(list))}b`, list.join(" "));
  }
});

test("a frame within a chunk is a view of it, one that spans chunks a copy", () => {
  const cutter = new SseFrames(100);
  const chunk = octets("data: a\n\ndata: b");
  const frames: Uint8Array[] = [];
  cutter.push(chunk, (bytes) => void frames.push(bytes));
  chunk.fill(0x78, 9);
  cutter.push(octets("\n\n"), (bytes) => void frames.push(bytes));
  assert.equal(frames[0]?.buffer, chunk.buffer);
  assert.equal(Buffer.from(frames[1] ?? []).toString(), "data: b\n\n");
});

test("a frame over the maximum overflows, whole or in pieces, and no frame is given after it", () => {
  const long = `data: ${"x".repeat(100)}\n\n`;
  for (const chunks of [[long], [long.slice(0, 40), long.slice(40)], ["data: a\n\n", long, "data: b\n\n"]]) {
    const cutter = new SseFrames(64);
    const frames: string[] = [];
    const results = chunks.map((chunk) =>
      cutter.push(octets(chunk), (bytes) => void frames.push(Buffer.from(bytes).toString())),
    );
    assert.equal(results.at(-1), "overflow");
    assert.equal(cutter.rest(), undefined);
    assert.deepEqual(frames, chunks.length === 3 ? ["data: a\n\n"] : []);
  }
});

test("an endless line is not held", () => {
  const cutter = new SseFrames(1_024);
  const chunk = new Uint8Array(65_536).fill(0x78);
  for (let count = 0; count < 100; count++) cutter.push(chunk, () => assert.fail());
  assert.equal(cutter.rest(), undefined);
});
