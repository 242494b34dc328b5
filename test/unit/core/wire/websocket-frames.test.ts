import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ServerFrames } from "../../../../router/core/wire/websocket-frames.ts";
import { fragments, frame } from "../../../fakes/websocket-frame.ts";

/** What was read: `kind:payload` of each message and control frame in the order of their ends, and the problem. */
function read(chunks: readonly Uint8Array[]): {
  readonly seen: readonly string[];
  readonly problem: string | undefined;
} {
  const frames = new ServerFrames();
  const seen: string[] = [];
  let message = "";
  let control = "";
  for (const chunk of chunks) {
    const problem = frames.push(chunk, {
      payload(from, to, isControl) {
        assert.ok(from < to && to <= chunk.length);
        const text = Buffer.from(chunk.subarray(from, to)).toString("latin1");
        if (isControl) control += text;
        else message += text;
      },
      end(kind) {
        seen.push(`${kind}:${kind === "control" ? control : message}`);
        if (kind === "control") control = "";
        else message = "";
      },
    });
    if (problem !== undefined) return { seen, problem };
  }
  return { seen, problem: undefined };
}

const octets = (...list: readonly number[]): Buffer => Buffer.from(list);

const rows: readonly (readonly [name: string, sent: Buffer, seen: readonly string[], problem: RegExp | undefined])[] = [
  ["a text", frame("hello"), ["text:hello"], undefined],
  ["an empty text", frame(""), ["text:"], undefined],
  ["a binary message", frame("hello", { opcode: 2 }), ["binary:hello"], undefined],
  ["three fragments", fragments("hello", 2), ["text:hello"], undefined],
  [
    "a ping between fragments",
    Buffer.concat([frame("he", { final: false }), frame("!", { opcode: 9 }), frame("llo", { opcode: 0 })]),
    ["control:!", "text:hello"],
    undefined,
  ],
  [
    "an empty last fragment",
    Buffer.concat([frame("he", { final: false }), frame("", { opcode: 0 })]),
    ["text:he"],
    undefined,
  ],
  ["a close", frame("\u0003\u00e8bye", { opcode: 8 }), ["control:\u0003\u00c3\u00a8bye"], undefined],
  ["the longest of the short form", frame("x".repeat(125)), [`text:${"x".repeat(125)}`], undefined],
  ["the shortest of 16 bits", frame("x".repeat(126)), [`text:${"x".repeat(126)}`], undefined],
  ["the longest of 16 bits", frame("x".repeat(65_535)), [`text:${"x".repeat(65_535)}`], undefined],
  ["the shortest of 64 bits", frame("x".repeat(65_536)), [`text:${"x".repeat(65_536)}`], undefined],
  ["a compressed frame", frame("x", { reserved: 0x40 }), [], /extension/],
  ["another reserved bit", frame("x", { reserved: 0x10 }), [], /extension/],
  ["a masked frame", frame("x", { mask: octets(1, 2, 3, 4) }), [], /masked/],
  ["opcode 3", frame("x", { opcode: 3 }), [], /unknown opcode/],
  ["opcode 11", frame("x", { opcode: 11 }), [], /unknown opcode/],
  ["a continuation of nothing", frame("x", { opcode: 0 }), [], /follow/],
  ["a message within a message", Buffer.concat([frame("x", { final: false }), frame("y")]), [], /follow/],
  ["a ping in fragments", frame("x", { opcode: 9, final: false }), [], /control/],
  ["a ping of 126 octets", frame("x".repeat(126), { opcode: 9 }), [], /control/],
  ["5 octets in 16 bits", octets(0x81, 126, 0, 5, 1, 2, 3, 4, 5), [], /length/],
  ["65,535 octets in 64 bits", octets(0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff), [], /length/],
  ["2^63 octets", octets(0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0), [], /length/],
  ["2^53 octets", octets(0x81, 127, 0, 0x20, 0, 0, 0, 0, 0, 0), [], /length/],
  ["HTTP", Buffer.from("HTTP/1.1 200 OK\r\n\r\n"), [], /extension/],
];
for (const [name, sent, seen, problem] of rows) {
  test(`frames of a server: ${name}`, () => {
    for (const chunks of [
      [sent],
      [...sent].slice(0, 300).length === sent.length ? [...sent].map((o) => octets(o)) : [sent],
    ]) {
      const result = read(chunks);
      assert.deepEqual(result.seen, seen);
      if (problem === undefined) assert.equal(result.problem, undefined);
      else assert.match(result.problem ?? "", problem);
    }
  });
}

test("frames of a server: however they are split, the same is read", () => {
  const message = fc.record({
    payload: fc.uint8Array({ maxLength: 300 }),
    size: fc.integer({ min: 1, max: 140 }),
    opcode: fc.constantFrom(1, 2, 9, 10),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), fc.array(fc.nat(2_000), { maxLength: 8 }), (messages, cuts) => {
      const parts = messages.map(({ payload, size, opcode }) =>
        opcode > 8 || payload.length === 0
          ? frame(payload.subarray(0, 125), { opcode })
          : fragments(payload, size, opcode),
      );
      const all = Buffer.concat(parts);
      const places = [...new Set([0, ...cuts.filter((cut) => cut < all.length), all.length])].toSorted((a, b) => a - b);
      const chunks = places.slice(1).map((to, at) => all.subarray(places[at], to));
      const whole = read([all]);
      assert.equal(whole.problem, undefined);
      assert.equal(whole.seen.length, messages.length);
      assert.deepEqual(read(chunks), whole);
    }),
    { numRuns: 150 },
  );
});

test("frames of a server: any octets are read without a throw, and alike however they are split", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (any, cut) => {
      const at = Math.min(cut, any.length);
      assert.deepEqual(read([any.subarray(0, at), any.subarray(at)]), read([any]));
    }),
    { numRuns: 500 },
  );
});
