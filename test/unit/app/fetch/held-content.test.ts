import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { HeldContent } from "../../../../router/app/fetch/held-content.ts";

test("held content: a million octets, pushed one by one, are a few blocks", () => {
  const content = new HeldContent();
  for (let at = 0; at < 1_000_000; at += 1) content.push(Uint8Array.of(at % 251));
  const pieces = content.pieces();
  assert.ok(pieces.length < 25, `${pieces.length} pieces`);
  const whole = Buffer.concat(pieces);
  assert.equal(whole.length, 1_000_000);
  assert.ok(whole.every((octet, at) => octet === at % 251));
});

test("held content: its blocks are at most one longer than it", () => {
  const content = new HeldContent();
  content.push(new Uint8Array(100));
  const memory = content.pieces().reduce((sum, piece) => sum + piece.buffer.byteLength, 0);
  assert.equal(memory, 4 * 1024);
});

test("held content: what was pushed may be written over", () => {
  const content = new HeldContent();
  const chunk = Buffer.from("ab");
  content.push(chunk);
  chunk.fill(0);
  assert.equal(Buffer.concat(content.pieces()).toString(), "ab");
});

test("held content: comes out as it was pushed, without empty pieces", () => {
  const chunks = fc.array(fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.constant(new Uint8Array(70_000).fill(7))), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(chunks, (given) => {
      const content = new HeldContent();
      for (const chunk of given) content.push(chunk);
      assert.deepEqual(Buffer.concat(content.pieces()), Buffer.concat(given));
      assert.ok(content.pieces().every(({ length }) => length > 0));
    }),
  );
});
