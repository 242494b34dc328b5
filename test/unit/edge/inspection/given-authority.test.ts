import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { commonName, serialNumber } from "../../../../router/core/certificate/certificate.ts";
import { dnsName } from "../../../../router/core/certificate/extensions.ts";
import { authorityFields, leafFields } from "../../../../router/core/certificate/profiles.ts";
import {
  certify,
  keyIdOf,
  makeAuthority,
  publicKeyOctets,
  timeText,
} from "../../../../router/edge/inspection/authority.ts";
import { readAuthority } from "../../../../router/edge/inspection/given-authority.ts";

const NOW = epochMillis(Date.now());
const DAY = 86_400_000;
const pem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" });

const root = makeAuthority("root", NOW);
const other = makeAuthority("other", NOW);

/** A CA below `root`. */
function intermediate(
  keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
  notAfter = NOW + DAY,
): { readonly certificate: string; readonly key: string } {
  const fields = authorityFields({
    serial: serialNumber(new Uint8Array(16)),
    name: commonName("below"),
    notBefore: timeText(NOW - DAY),
    notAfter: timeText(notAfter),
    publicKey: publicKeyOctets(keys.publicKey),
    keyId: keyIdOf(keys.publicKey),
  });
  return { certificate: certify({ ...fields, issuer: root.name }, root.key).toString(), key: pem(keys.privateKey) };
}

const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const below = intermediate(p256);
const p384 = intermediate(generateKeyPairSync("ec", { namedCurve: "P-384" }));
const rsa = intermediate(generateKeyPairSync("rsa", { modulusLength: 2048 }));
const short = intermediate(generateKeyPairSync("rsa", { modulusLength: 1024 }));
const edwards = intermediate(generateKeyPairSync("ed25519"));
const over = intermediate(p256, NOW - 1_000);
const leaf = certify(
  leafFields({
    serial: serialNumber(new Uint8Array(16)),
    algorithm: "ecdsa-sha256",
    issuer: root.name,
    issuerKeyId: root.keyId,
    subject: commonName("leaf"),
    names: [dnsName("leaf.example")],
    notBefore: timeText(NOW - DAY),
    notAfter: timeText(NOW + DAY),
    publicKey: publicKeyOctets(p256.publicKey),
    keyId: keyIdOf(p256.publicKey),
  }),
  root.key,
).toString();

const rows: readonly (readonly [name: string, certificates: string, key: string, expected: string])[] = [
  ["a root", root.trusted, pem(root.key), "ecdsa-sha256, 0 shown"],
  ["one below a root", below.certificate, below.key, "ecdsa-sha256, 1 shown"],
  ["with its root", below.certificate + root.trusted, below.key, "ecdsa-sha256, 1 shown"],
  ["P-384", p384.certificate, p384.key, "ecdsa-sha384, 1 shown"],
  ["RSA", rsa.certificate, rsa.key, "rsa-sha256, 1 shown"],
  ["short RSA", short.certificate, short.key, "The CA's key is ECDSA P-256 or P-384, or RSA of at least 2048 bits."],
  ["Ed25519", edwards.certificate, edwards.key, "The CA's key is ECDSA P-256 or P-384, or RSA of at least 2048 bits."],
  ["another's key", below.certificate, pem(other.key), "The key is not the key of the first certificate."],
  [
    "the root first",
    root.trusted + below.certificate,
    pem(root.key),
    "Each certificate of the file is issued by the one behind it.",
  ],
  [
    "another's root behind",
    below.certificate + other.trusted,
    below.key,
    "Each certificate of the file is issued by the one behind it.",
  ],
  ["a leaf", leaf, pem(p256.privateKey), "The first certificate is not one of a CA."],
  ["one that is over", over.certificate, over.key, "The CA's certificate is not valid now."],
  ["no certificate", "", pem(root.key), "The certificate file holds 1 to 8 certificates in PEM."],
  ["nine of them", root.trusted.repeat(9), pem(root.key), "The certificate file holds 1 to 8 certificates in PEM."],
  ["no key", root.trusted, root.trusted, "The key file holds no private key in PEM."],
  [
    "a key with a passphrase",
    root.trusted,
    root.key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" }),
    "The key file holds no private key in PEM.",
  ],
];

for (const [name, certificates, key, expected] of rows) {
  test(`a given CA: ${name}`, () => {
    const read = readAuthority(certificates, key, NOW);
    const said = read.ok
      ? `${read.value.algorithm}, ${read.value.chain.split("BEGIN").length - 1} shown`
      : read.problem;
    assert.equal(said, expected);
  });
}
