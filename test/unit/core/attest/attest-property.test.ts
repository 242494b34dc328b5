import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { readAttestationBundle } from "../../../../router/core/attest/attestation-bundle.ts";
import { decodeUtf8 } from "../../../../router/core/attest/decode-utf8.ts";
import { dssePreAuthEncoding } from "../../../../router/core/attest/envelope.ts";
import { readRunStatement } from "../../../../router/core/attest/read-run-statement.ts";
import type { AuditValue } from "../../../../router/core/audit/audit-event.ts";
import { canonicalJson } from "../../../../router/core/audit/canonical-json.ts";
import { isSignedBy } from "../../../../router/edge/audit/dsse-key.ts";
import { statementOf, testRouter } from "./attest-fixture.ts";

const router = testRouter();
const statement = statementOf(router.facts());
const bundle = router.bundle();
const runs = { numRuns: 300 };

/** The text with one stretch of it replaced. */
const edited = (source: string) =>
  fc
    .tuple(
      fc.nat(source.length),
      fc.nat(8),
      fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("", "=", "A", '"', "{}")),
    )
    .map(([at, length, text]) => source.slice(0, at) + text + source.slice(at + length));

test("no edit of a bundle makes the signature hold for another payload", () => {
  fc.assert(
    fc.property(edited(bundle), (source) => {
      const envelope = readAttestationBundle(source);
      if (!envelope.ok || !isSignedBy(envelope.value, router.signer.key.publicKey)) return;
      assert.deepEqual(Buffer.from(envelope.value.payload), Buffer.from(statement));
    }),
    runs,
  );
});

test("what is read of an edited statement writes to the same octets", () => {
  const source = new TextDecoder().decode(statement);
  fc.assert(
    fc.property(edited(source), (text) => {
      const read = readRunStatement(new TextEncoder().encode(text));
      if (!read.ok) return;
      assert.equal(new TextDecoder().decode(statementOf(read.value.predicate)), text);
    }),
    runs,
  );
});

test("any JSON as a statement is refused, not thrown on", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const form = canonicalJson(value as AuditValue) ?? "null";
      assert.equal(readRunStatement(new TextEncoder().encode(form)).ok, false);
      assert.equal(readAttestationBundle(form).ok, false);
    }),
    runs,
  );
});

test("two different pairs of type and payload are never signed alike", () => {
  const pair = fc.tuple(fc.string({ unit: "grapheme", maxLength: 20 }), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(pair, pair, ([type, payload], [otherType, otherPayload]) => {
      const same = type === otherType && Buffer.compare(payload, otherPayload) === 0;
      const encoded = dssePreAuthEncoding(type, payload);
      assert.equal(Buffer.compare(encoded, dssePreAuthEncoding(otherType, otherPayload)) === 0, same);
      const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
      assert.deepEqual(Buffer.from(encoded), Buffer.concat([Buffer.from(head), payload]));
    }),
    runs,
  );
});

test("decodeUtf8 reads what the platform reads", () => {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc
      .array(fc.nat(0x10_ffff), { maxLength: 6 })
      .map((points) => new TextEncoder().encode(String.fromCodePoint(...points))),
    fc
      .array(fc.constantFrom(0xc0, 0x80, 0xed, 0xa0, 0xf4, 0x90, 0xef, 0xbb, 0xbf, 0x41), { maxLength: 6 })
      .map((list) => Uint8Array.from(list)),
  );
  fc.assert(
    fc.property(octets, (input) => {
      let expected: string | undefined;
      try {
        expected = strict.decode(input);
      } catch {
        expected = undefined;
      }
      assert.equal(decodeUtf8(input), expected);
    }),
    runs,
  );
});
