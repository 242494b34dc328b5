import assert from "node:assert/strict";
import { test } from "node:test";
import * as zlib from "node:zlib";
import {
  EventStreamBoundary,
  eventStreamFrame,
  readEventStreamFrame,
} from "../../../../router/core/inference/event-stream.ts";
import { crc32 } from "../../../../router/core/inference/frame-crc32.ts";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(" ", ""));

test("CRC-32 is that of zlib, from any place", () => {
  assert.equal(crc32(octets("123456789"), 0, 9), 0xcbf4_3926);
  const bytes = Uint8Array.from({ length: 300 }, (_, index) => (index * 151) & 0xff);
  for (let from = 0; from < 9; from++) {
    for (let to = from; to < bytes.length; to += 7) {
      assert.equal(crc32(bytes, from, to), zlib.crc32(bytes.subarray(from, to)));
    }
  }
});

/** Known frames of the format: without anything, and with a payload only. */
const EMPTY = hex("00000010 00000000 05c248eb 7d98c8ff");
const PAYLOAD = hex("0000001d 00000000 fd528c5a 7b27666f6f273a27626172277d c3653936");

test("known frames are read and written", () => {
  assert.deepEqual(readEventStreamFrame(EMPTY, 0, 16), { messageType: "", name: "", payloadFrom: 12, payloadTo: 12 });
  const frame = readEventStreamFrame(PAYLOAD, 0, PAYLOAD.length);
  assert.equal(Buffer.from(PAYLOAD.subarray(frame?.payloadFrom, frame?.payloadTo)).toString(), "{'foo':'bar'}");
  assert.deepEqual(eventStreamFrame([], new Uint8Array(0)), EMPTY);
  assert.deepEqual(eventStreamFrame([], octets("{'foo':'bar'}")), PAYLOAD);
});

test("headers say what a frame is", () => {
  const named = (headers: readonly (readonly [string, string])[]): unknown => {
    const bytes = eventStreamFrame(headers, octets("{}"));
    const frame = readEventStreamFrame(bytes, 0, bytes.length);
    return frame === undefined ? undefined : [frame.messageType, frame.name];
  };
  assert.deepEqual(
    named([
      [":message-type", "event"],
      [":event-type", "chunk"],
    ]),
    ["event", "chunk"],
  );
  assert.deepEqual(
    named([
      [":exception-type", "throttlingException"],
      [":message-type", "exception"],
    ]),
    ["exception", "throttlingException"],
  );
  assert.deepEqual(
    named([
      [":error-code", "Internal"],
      [":message-type", "error"],
    ]),
    ["error", "Internal"],
  );
  assert.deepEqual(named([["x".repeat(255), "y".repeat(300)]]), ["", ""]);
  assert.equal(named(Array.from({ length: 40 }, (_, index) => [`h${index}`, ""] as const)), undefined);
});

/** A frame with these octets for headers, whose checksums are right. */
function withHeaders(headers: Uint8Array): Uint8Array {
  const total = 16 + headers.length;
  const bytes = Buffer.alloc(total);
  bytes.writeUInt32BE(total, 0);
  bytes.writeUInt32BE(headers.length, 4);
  bytes.writeUInt32BE(zlib.crc32(bytes.subarray(0, 8)), 8);
  bytes.set(headers, 12);
  bytes.writeUInt32BE(zlib.crc32(bytes.subarray(0, total - 4)), total - 4);
  return bytes;
}

test("headers of every type are passed over, and those that are none refused", () => {
  const name = [1, 0x61];
  const values = [
    [0],
    [1],
    [2, 9],
    [3, 1, 2],
    [4, 1, 2, 3, 4],
    [5, ...Array(8).keys()],
    [6, 0, 2, 7, 7],
    [7, 0, 1, 0x62],
    [8, ...Array(8).keys()],
    [9, ...Array(16).keys()],
  ];
  const all = withHeaders(Uint8Array.from(values.flatMap((value) => [...name, ...value])));
  assert.notEqual(readEventStreamFrame(all, 0, all.length), undefined);
  for (const bad of [[...name, 10], [...name, 7, 0, 9, 1], [200, 0x61], [...name, 4, 1], [...name], [1]]) {
    const bytes = withHeaders(Uint8Array.from(bad));
    assert.equal(readEventStreamFrame(bytes, 0, bytes.length), undefined, bad.join(" "));
  }
});

test("one wrong bit anywhere is found", () => {
  const bytes = eventStreamFrame([[":message-type", "event"]], octets('{"a":1}'));
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const wrong = Uint8Array.from(bytes);
    wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const end = new EventStreamBoundary().find(wrong, 0);
    // A wrong length is not believed for a moment.
    if (bit < 12 * 8) assert.equal(end, -2, `bit ${bit}`);
    const read = end < 0 ? undefined : readEventStreamFrame(wrong, 0, end);
    assert.equal(read, undefined, `bit ${bit}`);
  }
});

test("a length is believed only with its checksum, and not beyond the format's own", () => {
  const prelude = (total: number, headers: number): Uint8Array => {
    const bytes = Buffer.alloc(12);
    bytes.writeUInt32BE(total, 0);
    bytes.writeUInt32BE(headers, 4);
    bytes.writeUInt32BE(zlib.crc32(bytes.subarray(0, 8)), 8);
    return bytes;
  };
  const rows: readonly (readonly [Uint8Array, number])[] = [
    [prelude(16, 0), -1],
    [prelude(15, 0), -2],
    [prelude(0, 0), -2],
    [prelude(20, 5), -2],
    [prelude(0xffff_ffff, 0), -2],
    [prelude(0xffff_ffff, 0xffff_fff0), -2],
    [octets("HTTP/1.1 200 OK"), -2],
  ];
  for (const [bytes, end] of rows) assert.equal(new EventStreamBoundary().find(bytes, 0), end);
});
