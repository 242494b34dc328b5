import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createAuthority, issueLeaf, serviceNames } from "../../../../controller/certificates/authority.ts";
import * as der from "../../../../controller/certificates/der.ts";
import { readAuthority } from "../../../../controller/certificates/kept-state.ts";
import { anchorOf, readPair } from "../../../../controller/certificates/pair.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";

const DAY = 24 * 60 * 60 * 1000;
const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");

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
  [
    "the last second of 2049",
    der.time(new Date("2049-12-31T23:59:59.999Z")),
    `170d${hex(Buffer.from("491231235959Z"))}`,
  ],
  [
    "the first second of 2050",
    der.time(new Date("2050-01-01T00:00:00Z")),
    `180f${hex(Buffer.from("20500101000000Z"))}`,
  ],
];

for (const [name, got, expected] of encodings) {
  test(`DER of ${name}`, () => assert.equal(hex(got), expected));
}

test("a CA vouches for its leaves, for the names of the Service, and no longer than it lives", async () => {
  const now = epochMillis(Date.UTC(2049, 11, 1));
  const made = await createAuthority(now, millis(60 * DAY));
  const authority = readAuthority(made.certificate, made.key);
  assert.ok(authority !== undefined);
  const { certificate } = authority;
  assert.ok(certificate.ca && certificate.verify(certificate.publicKey));
  assert.equal(certificate.validToDate.toISOString(), "2050-01-30T00:00:00.000Z");
  const { certificate: leaf, key } = await issueLeaf(authority, serviceNames("s", "n"), now, millis(90 * DAY));
  const pair = readPair(leaf, key, "s.n.svc");
  assert.ok(pair.ok);
  assert.equal(anchorOf(pair.value, [certificate])?.fingerprint256, certificate.fingerprint256);
  assert.equal(pair.value.notAfter, certificate.validToDate.getTime());
  assert.equal(pair.value.leaf.checkHost("s.n.svc.cluster.local"), "s.n.svc.cluster.local");
  assert.equal(pair.value.leaf.checkHost("other.n.svc"), undefined);
});

test("no CA vouches for another's leaf, and a leaf for nothing", async () => {
  const now = epochMillis(Date.UTC(2026, 10, 21));
  const [one, other] = await Promise.all([0, 1].map(() => createAuthority(now, millis(DAY))));
  assert.ok(one !== undefined && other !== undefined);
  const parsed = { certificate: new X509Certificate(one.certificate), key: createPrivateKey(one.key) };
  const leaf = await issueLeaf(parsed, ["s.n.svc"], now, millis(DAY));
  const pair = readPair(leaf.certificate, leaf.key, "s.n.svc");
  assert.ok(pair.ok);
  assert.equal(anchorOf(pair.value, [new X509Certificate(other.certificate)]), undefined);
  assert.equal(anchorOf(pair.value, [pair.value.leaf]), undefined);
  assert.equal(readAuthority(leaf.certificate, leaf.key), undefined, "a leaf is no CA");
  assert.equal(readAuthority(one.certificate, other.key), undefined, "another's key");
  assert.equal(readAuthority(one.certificate + other.certificate, one.key), undefined, "two");
});
