import assert from "node:assert/strict";
import { generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { test } from "node:test";
import {
  commonName,
  serialNumber,
  signed,
  type SignatureAlgorithm,
  toBeSigned,
} from "../../../../router/core/certificate/certificate.ts";
import type { Der } from "../../../../router/core/certificate/der.ts";
import { hostName } from "../../../../router/core/certificate/extensions.ts";
import { authorityFields, leafFields } from "../../../../router/core/certificate/profiles.ts";
import { readIssuer } from "../../../../router/core/certificate/read-issuer.ts";
import { parseHost } from "../../../../router/core/wire/host.ts";

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const spki = publicKey.export({ type: "spki", format: "der" });
const keyId = Uint8Array.from({ length: 20 }, (_value, index) => index);
const notBefore = "2026-01-01T00:00:00.000Z";
const notAfter = "2027-01-01T00:00:00.000Z";

const authority = authorityFields({
  serial: serialNumber(new Uint8Array(16)),
  name: commonName("A CA"),
  notBefore,
  notAfter,
  publicKey: spki,
  keyId,
});

function certified(fields: typeof authority): X509Certificate {
  const body = toBeSigned(fields);
  return new X509Certificate(signed(body, fields.algorithm, sign("sha256", body, privateKey)));
}

function leafFor(hosts: readonly string[], algorithm: SignatureAlgorithm = "ecdsa-sha256"): typeof authority {
  const names: Der[] = hosts.map((text) => {
    const host = parseHost(text);
    assert.ok(host.ok);
    return hostName(host.value);
  });
  return leafFields({
    serial: serialNumber(Uint8Array.from({ length: 16 }, () => 0xff)),
    algorithm,
    issuer: commonName("A CA"),
    issuerKeyId: keyId,
    subject: commonName(hosts[0] ?? ""),
    names,
    notBefore,
    notAfter,
    publicKey: spki,
    keyId: keyId.toReversed(),
  });
}

test("a CA vouches for leaves, and OpenSSL reads of both what was written", () => {
  const ca = certified(authority);
  assert.equal(ca.ca, true);
  assert.equal(ca.subject, "CN=A CA");
  assert.equal(ca.serialNumber, "40000000000000000000000000000000");
  const leaf = certified(leafFor(["a.example", "10.0.0.1", "[2001:db8::1]"]));
  assert.ok(leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
  assert.equal(leaf.ca, false);
  assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  assert.equal(leaf.subjectAltName, "DNS:a.example, IP Address:10.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1");
  assert.equal(leaf.serialNumber, "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF");
  assert.equal(leaf.validToDate.toISOString(), notAfter);
});

test("a name that is too long for a common name is cut, and the certificate is for it all the same", () => {
  const long = `${"a".repeat(63)}.${"b".repeat(63)}.example`;
  const leaf = certified(leafFor([long]));
  assert.equal(leaf.subject, `CN=${long.slice(0, 64)}`);
  assert.equal(leaf.checkHost(long, { subject: "never" }), long);
});

test("an issuer's name and key are read as they stand", () => {
  const parts = readIssuer(certified(authority).raw);
  assert.deepEqual(Uint8Array.from(parts?.subject ?? []), commonName("A CA"));
  assert.deepEqual(Uint8Array.from(parts?.keyId ?? []), keyId);
  const without = { ...authority, extensions: authority.extensions.slice(0, 2) };
  assert.equal(readIssuer(certified(without).raw)?.keyId, undefined);
});
