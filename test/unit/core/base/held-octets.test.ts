import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { HeldOctets } from "../../../../router/core/base/held-octets.ts";

const memoryOf = (pieces: readonly Uint8Array[]): number =>
  [...new Set(pieces.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);

test("held octets: many, pushed one by one, are a few slabs", () => {
  for (const expected of [Infinity, 200_000]) {
    const held = new HeldOctets(expected);
    for (let at = 0; at < 200_000; at += 1) held.push(Uint8Array.of(at % 251));
    assert.ok(held.size <= (expected === Infinity ? 265_536 : expected), `${held.size}`);
    const pieces = held.take();
    assert.ok(pieces.length < 25, `${pieces.length} pieces`);
    const whole = Buffer.concat(pieces);
    assert.equal(whole.length, 200_000);
    assert.ok(whole.every((octet, at) => octet === at % 251));
  }
});

test("held octets: large pieces are kept as they are, and views of a little of much memory are not", () => {
  const large = new Uint8Array(10_000);
  const rows: readonly (readonly [name: string, piece: Uint8Array, isKept: boolean])[] = [
    ["large", large, true],
    ["large, behind a head", new Uint8Array(64_000).subarray(1_000), true],
    ["of a larger read", new Uint8Array(64_000).subarray(0, 10_000), false],
    ["small", new Uint8Array(4_095), false],
  ];
  for (const [name, piece, isKept] of rows) {
    const held = new HeldOctets();
    held.push(Uint8Array.of(1));
    held.push(piece);
    held.push(Uint8Array.of(2));
    const pieces = held.take();
    assert.equal(pieces.includes(piece), isKept, name);
    assert.deepEqual(Buffer.concat(pieces), Buffer.concat([Uint8Array.of(1), piece, Uint8Array.of(2)]), name);
  }
});

test("held octets: single octets between large pieces share their slab", () => {
  const held = new HeldOctets();
  for (let at = 0; at < 500; at += 1) {
    held.push(new Uint8Array(4_096));
    held.push(Uint8Array.of(1));
  }
  assert.equal(held.size, 500 * 4_096 + 1_024);
  assert.equal(memoryOf(held.take()), 500 * 4_096 + 1_024);
});

test("held octets: what comes in one piece is that piece, and its slab is no longer than what was announced", () => {
  const whole = new Uint8Array(300).subarray(100);
  const held = new HeldOctets(200);
  held.push(whole);
  assert.deepEqual(held.take(), [whole]);
  const parts = new HeldOctets(200);
  parts.push(whole.subarray(0, 100));
  parts.push(whole.subarray(100));
  assert.equal(parts.size, 200);
  assert.equal(parts.take().length, 1);
});

test("property: held octets come out as they were pushed, and take no more than is said", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 9 }),
    fc.integer({ min: 0, max: 70_000 }).map((length) => new Uint8Array(length).fill(7)),
    fc.integer({ min: 1, max: 6_000 }).map((length) => new Uint8Array(7_000).subarray(0, length)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), fc.boolean(), (given, isAnnounced) => {
      const length = given.reduce((sum, one) => sum + one.length, 0);
      const held = new HeldOctets(isAnnounced ? length : Infinity);
      for (const one of given) {
        held.push(one);
        assert.ok(held.size >= held.length);
        if (isAnnounced) assert.ok(held.size <= length, `${held.size} of ${length}`);
        else assert.ok(held.size <= held.length + 65_536);
      }
      const size = held.size;
      const pieces = held.take();
      assert.deepEqual(Buffer.concat(pieces), Buffer.concat(given));
      assert.ok(pieces.every((one) => one.length > 0));
      assert.ok(memoryOf(pieces) <= (7 * size) / 6 + 8_192);
      assert.deepEqual([held.length, held.size, held.take()], [0, 0, []]);
    }),
  );
});
