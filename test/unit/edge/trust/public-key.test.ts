import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { readPublicKey } from "../../../../router/edge/trust/public-key.ts";
import { testKey } from "./fixture.ts";

const pem = (key: KeyObject) => key.export({ type: "spki", format: "pem" });
const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve });
const rsa = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength });
const p256 = ec("P-256");
const good = pem(p256.publicKey);

const rows: readonly (readonly [name: string, pem: string, expected: string])[] = [
  ["P-256", good, "accepted"],
  ["P-256 with CRLF", good.replaceAll("\n", "\r\n"), "accepted"],
  ["RSA 2048", pem(rsa(2048).publicKey), "accepted"],
  ["RSA 3072", pem(rsa(3072).publicKey), "accepted"],
  ["3.3 P-384", pem(ec("P-384").publicKey), "key_type: ec secp384r1"],
  ["3.3 P-521", pem(ec("P-521").publicKey), "key_type: ec secp521r1"],
  ["secp256k1", pem(ec("secp256k1").publicKey), "key_type: ec secp256k1"],
  ["3.3 Ed25519", pem(generateKeyPairSync("ed25519").publicKey), "key_type: ed25519"],
  ["RSA 1024", pem(rsa(1024).publicKey), "key_type: rsa 1024"],
  ["RSA-PSS", pem(generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).publicKey), "key_type: rsa-pss 2048"],
  ["a private key", p256.privateKey.export({ type: "pkcs8", format: "pem" }), "private_key"],
  [
    "cosign's encrypted private key",
    "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAA==\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
    "private_key",
  ],
  ["a private key after the public one", good + p256.privateKey.export({ type: "sec1", format: "pem" }), "private_key"],
  ["PKCS #1 public key", rsa(2048).publicKey.export({ type: "pkcs1", format: "pem" }), "not_a_public_key"],
  ["a certificate", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "not_a_public_key"],
  ["two keys", good + good, "not_a_public_key"],
  ["text before", `alice:\n${good}`, "not_a_public_key"],
  ["text after", `${good}alice`, "not_a_public_key"],
  ["no key in the block", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not_a_public_key"],
  ["cut", good.slice(0, 100), "not_a_public_key"],
  ["empty", "", "not_a_public_key"],
];

for (const [name, text, expected] of rows) {
  test(name, () => {
    const result = readPublicKey(text);
    const [code = "", kind = ""] = expected.split(": ");
    assert.equal(result.ok ? "accepted" : result.problem.code, code);
    if (!result.ok) assert.ok(result.problem.message.includes(kind), result.problem.message);
  });
}

test("the hint is the one that cosign writes", () => {
  const key = testKey();
  const result = readPublicKey(key.pem);
  assert.ok(result.ok);
  assert.equal(result.value.hint, key.hint);
});
