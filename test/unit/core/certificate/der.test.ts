import assert from "node:assert/strict";
import { test } from "node:test";
import * as der from "../../../../router/core/certificate/der.ts";

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");
const text = (ascii: string): string => hex(Buffer.from(ascii));

// X.690 section 8, and the examples of RFC 5280 section 4.1.2.5 and of X.690 section 8.19.5.
const encodings: readonly (readonly [name: string, got: der.Der, expected: string])[] = [
  ["zero", der.integer(Uint8Array.of(0, 0)), "020100"],
  ["a number with its top bit set", der.integer(Uint8Array.of(0x80)), "02020080"],
  ["a number with zeroes before it", der.integer(Uint8Array.of(0, 0, 0x7f)), "02017f"],
  ["an object identifier", der.objectId("2.999.3"), "0603883703"],
  ["ecdsa-with-SHA256", der.objectId("1.2.840.10045.4.3.2"), "06082a8648ce3d040302"],
  ["a length of 127", der.octetString(new Uint8Array(127)).subarray(0, 2), "047f"],
  ["a length of 128", der.octetString(new Uint8Array(128)).subarray(0, 3), "048180"],
  ["a length of 256", der.octetString(new Uint8Array(256)).subarray(0, 4), "04820100"],
  ["a length of 65536", der.octetString(new Uint8Array(65_536)).subarray(0, 5), "0483010000"],
  ["the last second of 1949", der.time("1949-12-31T23:59:59Z"), `180f${text("19491231235959Z")}`],
  ["the first second of 1950", der.time("1950-01-01T00:00:00Z"), `170d${text("500101000000Z")}`],
  ["the last second of 2049", der.time("2049-12-31T23:59:59.999Z"), `170d${text("491231235959Z")}`],
  ["the first second of 2050", der.time("2050-01-01T00:00:00Z"), `180f${text("20500101000000Z")}`],
  ["NULL", der.nothing(), "0500"],
  ["seven unused bits", der.bitString(Uint8Array.of(0x80), 7), "03020780"],
];

for (const [name, got, expected] of encodings) {
  test(`DER of ${name}`, () => assert.equal(hex(got), expected));
}

test("what is not ASCII is no text of a certificate", () => {
  assert.throws(() => der.text("é"), RangeError);
});
