import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parseBase64 } from "../../router/core/tlog/base64.ts";
import { checkpointText, parseCheckpoint } from "../../router/core/tlog/checkpoint.ts";
import { formatTimestampedSignature, parseTimestampedSignature } from "../../router/core/tlog/cosignature.ts";
import { formatSignedNote, isKeyName, parseSignedNote } from "../../router/core/tlog/signed-note.ts";
import { utf8 } from "../../router/core/tlog/utf8.ts";
import { formatVerifierKey, parseVerifierKey, verifierKey } from "../../router/core/tlog/verifier-key.ts";
import { createSigner, sha256, verifySignature } from "../../router/edge/audit/ed25519.ts";

/** Text of what the format cares about, and of everything else. */
const piece = fc.oneof(
  fc.constantFrom(
    "\n",
    "\n\n",
    "\u2014 ",
    " ",
    "+",
    "=",
    "AAAAAAAA",
    "\r",
    "\0",
    "\t",
    "\ud800",
    "\ufeff",
    "\u0085",
    "0",
    "1",
  ),
  fc.string({ unit: "binary", maxLength: 3 }),
);
const anyText = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(""));
const name = fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).filter(isKeyName);
const plain = { noNullPrototype: true } as const;
const fields = {
  name,
  keyId: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((octets) => octets.toHex()),
  signature: fc.uint8Array({ minLength: 1, maxLength: 80 }),
};
const signature = fc.record(fields, plain);
const body = anyText
  .map((text) => `${text.toWellFormed().replaceAll(/[^\n -\u{10ffff}]/gu, "")}\n`)
  .filter((text) => text.isWellFormed());

test("a note is read as it was written, whatever its text and its names are", () => {
  fc.assert(
    fc.property(body, fc.array(signature, { minLength: 1, maxLength: 5 }), (text, signatures) => {
      const note = formatSignedNote(text, signatures);
      assert.deepEqual(parseSignedNote(note), { ok: true, value: { text, signatures } });
    }),
  );
});

test("any text is a note in one way only, or none", () => {
  const near = fc
    .tuple(body, fc.array(signature, { minLength: 1, maxLength: 2 }), fc.nat(), fc.nat(4), anyText)
    .map(([text, signatures, at, cut, put]) => {
      const note = formatSignedNote(text, signatures);
      const start = at % (note.length + 1);
      return note.slice(0, start) + put + note.slice(start + cut);
    });
  let read = 0;
  fc.assert(
    fc.property(fc.oneof(near, anyText), (text) => {
      const note = parseSignedNote(text);
      if (!note.ok) return;
      read += 1;
      assert.equal(formatSignedNote(note.value.text, note.value.signatures), text);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(read > 50, `${read} read`);
});

test("INV-NOTE-VERIFY: no change of a signed text or of its signature verifies", () => {
  const signer = createSigner("example.com/log");
  fc.assert(
    fc.property(body, fc.nat(), fc.integer({ min: 1, max: 255 }), (text, at, bits) => {
      const made = signer.sign(text);
      const index = at % made.signature.length;
      const bent = made.signature.with(index, (made.signature[index] ?? 0) ^ bits);
      assert.equal(verifySignature({ text, signatures: [made] }, signer.key), "verified");
      assert.equal(verifySignature({ text, signatures: [{ ...made, signature: bent }] }, signer.key), "wrong");
      assert.equal(verifySignature({ text: `${text}\n`, signatures: [made] }, signer.key), "wrong");
    }),
    { numRuns: 50 },
  );
});

test("a verifier key is read as it was written, and any text is one key at most", () => {
  const algorithm = fc.constantFrom("ed25519", "cosignature/v1");
  fc.assert(
    fc.property(name, algorithm, fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(), piece, (...given) => {
      const [keyName, of, octets, at, put] = given;
      const key = verifierKey(keyName, of, octets, sha256);
      const text = formatVerifierKey(key);
      assert.deepEqual(parseVerifierKey(text, sha256), key);
      const start = at % (text.length + 1);
      const changed = text.slice(0, start) + put + text.slice(start + put.length);
      const other = parseVerifierKey(changed, sha256);
      if (changed !== text) assert.equal(other, undefined);
    }),
  );
});

test("a checkpoint is read as it was written, and any text is one checkpoint at most", () => {
  const origin = body.map((text) => text.replaceAll("\n", "")).filter((text) => text !== "");
  const size = fc.oneof(fc.nat(), fc.maxSafeNat());
  const root = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((octets) => octets.toHex());
  fc.assert(
    fc.property(fc.record({ origin, size, root }, plain), fc.nat(), anyText, (checkpoint, at, put) => {
      const text = checkpointText(checkpoint);
      assert.deepEqual(parseCheckpoint(text), checkpoint);
      const start = at % (text.length + 1);
      const changed = parseCheckpoint(text.slice(0, start) + put + text.slice(start + put.length));
      // What is accepted has the form that we would write; behind it there may be extension lines.
      if (changed !== undefined) {
        const whole = text.slice(0, start) + put + text.slice(start + put.length);
        assert.ok(whole.startsWith(checkpointText(changed)));
      }
    }),
  );
});

test("a cosignature of any octets is one time and one signature, or none", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
      const read = parseTimestampedSignature(octets);
      if (read !== undefined) assert.deepEqual(formatTimestampedSignature(read), octets);
    }),
  );
});

test("base64 is read where it is what Node writes, and nowhere else", () => {
  const text = fc.oneof(
    fc.base64String({ maxLength: 12 }),
    fc.string({ unit: fc.constantFrom("A", "Q", "g", "w", "=", "+", "/", "-", " ", "\n") }),
  );
  fc.assert(
    fc.property(text, (any) => {
      const octets = Buffer.from(any, "base64");
      const isCanonical = octets.toString("base64") === any;
      assert.deepEqual(parseBase64(any), isCanonical ? Uint8Array.from(octets) : undefined);
    }),
    { numRuns: 2_000 },
  );
});

test("UTF-8 is what Node makes of it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.deepEqual(utf8(text), Uint8Array.from(Buffer.from(text)));
    }),
  );
  assert.throws(() => utf8("a\ud800"), /half of a surrogate pair/);
});
