import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cosignedText,
  formatTimestampedSignature,
  parseTimestampedSignature,
} from "../../../../router/core/tlog/cosignature.ts";
import { noteOf, vector } from "./note-fixture.ts";

test("the specification's example: its signature says the time that its message says", () => {
  const note = noteOf(vector("spec-checkpoint.note"));
  const { time = 0 } = parseTimestampedSignature(note.signatures[1]?.signature ?? assert.fail()) ?? {};
  assert.equal(
    cosignedText(note.text, time),
    "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
  );
});

test("is read back as it was written", () => {
  for (const time of [0, 1, 1_795_228_210, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    const signature = Uint8Array.from({ length: 64 }, (_, index) => index);
    const octets = formatTimestampedSignature({ time, signature });
    // Also where it lies in the middle of other octets.
    const within = Uint8Array.from([9, 9, 9, ...octets, 9]).subarray(3, 75);
    assert.deepEqual(parseTimestampedSignature(within), { time, signature });
  }
});

test("refuses other lengths, and times that no number holds", () => {
  for (const length of [0, 8, 64, 71, 73, 2428]) {
    assert.equal(parseTimestampedSignature(new Uint8Array(length)), undefined);
  }
  for (const head of [
    [0, 32],
    [0x7f, 0xff],
    [0xff, 0xff],
  ]) {
    assert.equal(parseTimestampedSignature(Uint8Array.from({ length: 72 }, (_, index) => head[index] ?? 0)), undefined);
  }
  assert.throws(() => formatTimestampedSignature({ time: 1.5, signature: new Uint8Array(64) }));
  assert.throws(() => formatTimestampedSignature({ time: -1, signature: new Uint8Array(64) }));
  assert.throws(() => formatTimestampedSignature({ time: 1, signature: new Uint8Array(63) }));
});
