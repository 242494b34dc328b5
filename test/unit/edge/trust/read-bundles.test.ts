import assert from "node:assert/strict";
import { test } from "node:test";
import { loadSigstore } from "../../../../router/edge/trust/load-sigstore.ts";
import { readBundles } from "../../../../router/edge/trust/read-bundles.ts";
import { json, messageBundle, testKey } from "./fixture.ts";

const sigstore = await loadSigstore();
const whole = messageBundle(testKey());
const { verificationMaterial: material } = whole;

const rows: readonly (readonly [name: string, content: string | Uint8Array, code: string, says: RegExp])[] = [
  ["empty", "", "bundle_format", /is empty; needed is a sigstore bundle v0\.3/],
  ["white space", " \n \n", "bundle_format", /is empty/],
  [
    "a detached signature",
    "MEUCIQCyFYC694NHBqFfK6bO+yezQcZIbfpcqGKh02OYAneqiwIgDmEF4Cv7AGyo\n",
    "bundle_format",
    /detached signature/,
  ],
  ["a PEM certificate", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "bundle_format", /PEM/],
  ["a minisign signature", "untrusted comment: signature\nRWQ=\n", "bundle_format", /minisign/],
  [
    "trap 1.4: 3.8 a legacy cosign bundle",
    '{"base64Signature":"MEU=","cert":"","rekorBundle":{}}',
    "bundle_format",
    /legacy cosign bundle.*--new-bundle-format/,
  ],
  ["a legacy Rekor bundle", '{"SignedEntryTimestamp":"","Payload":{}}', "bundle_format", /Rekor/],
  ["a bare DSSE envelope", '{"payloadType":"x","payload":"","signatures":[]}', "bundle_format", /bare DSSE/],
  ["a simple-signing payload", '{"critical":{},"optional":{}}', "bundle_format", /simple-signing/],
  ["some JSON object", "{}", "bundle_format", /without a mediaType/],
  ["a JSON list", "[1]", "bundle_format", /no object/],
  ["a JSON text", '"x"', "bundle_format", /no object/],
  ["null", "null", "bundle_format", /no object/],
  ["a media type that is no text", '{"mediaType":3}', "bundle_format", /without a mediaType/],
  ["no JSON", "{not json", "bundle_malformed", /not JSON/],
  ["JSON and then none", `${JSON.stringify(whole)}\nnonsense!`, "bundle_malformed", /not JSON/],
  [
    "two objects on one line",
    JSON.stringify(whole) + JSON.stringify(whole),
    "bundle_malformed",
    /one JSON object on each line/,
  ],
  ["octets that are not UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d), "bundle_malformed", /not UTF-8/],
  ["UTF-16", Buffer.from(JSON.stringify(whole), "utf16le"), "bundle_malformed", /not JSON/],
  ["an unknown member", JSON.stringify({ ...whole, extra: 1 }), "bundle_malformed", /unknown member "extra"/],
  [
    "__proto__ as a member",
    JSON.stringify(whole).replace("{", '{"__proto__":{},'),
    "bundle_malformed",
    /unknown member "__proto__"/,
  ],
  [
    "an unknown member below",
    JSON.stringify({ ...whole, verificationMaterial: { ...material, x: 1 } }),
    "bundle_malformed",
    /unknown member "x"/,
  ],
  [
    "no verificationMaterial",
    JSON.stringify({ ...whole, verificationMaterial: undefined }),
    "bundle_malformed",
    /no verificationMaterial/,
  ],
  [
    "verificationMaterial is a list",
    JSON.stringify({ ...whole, verificationMaterial: [] }),
    "bundle_malformed",
    /no verificationMaterial/,
  ],
  [
    "two keys",
    JSON.stringify({ ...whole, verificationMaterial: { ...material, certificate: { rawBytes: "AA==" } } }),
    "bundle_malformed",
    /exactly one of publicKey, certificate/,
  ],
  ["no key", JSON.stringify({ ...whole, verificationMaterial: {} }), "bundle_malformed", /has 0/],
  [
    "a certificate chain, as v0.1 had it",
    JSON.stringify({
      ...whole,
      verificationMaterial: { x509CertificateChain: { certificates: [{ rawBytes: "AA==" }] } },
    }),
    "bundle_malformed",
    /invalid bundle/,
  ],
  [
    "no content",
    JSON.stringify({ ...whole, messageSignature: undefined }),
    "bundle_malformed",
    /exactly one of messageSignature/,
  ],
  ["content null", JSON.stringify({ ...whole, messageSignature: null }), "bundle_malformed", /has 0/],
  ["content is a text", JSON.stringify({ ...whole, messageSignature: "x" }), "bundle_malformed", /invalid bundle/],
  [
    "log entries are no list",
    JSON.stringify({ ...whole, verificationMaterial: { ...material, tlogEntries: {} } }),
    "bundle_malformed",
    /malformed/,
  ],
  [
    "timestamps are no list",
    JSON.stringify({
      ...whole,
      verificationMaterial: { ...material, timestampVerificationData: { rfc3161Timestamps: 1 } },
    }),
    "bundle_malformed",
    /malformed/,
  ],
  [
    "too many timestamps",
    JSON.stringify({
      ...whole,
      verificationMaterial: {
        ...material,
        timestampVerificationData: { rfc3161Timestamps: Array.from({ length: 5 }, () => ({})) },
      },
    }),
    "bundle_malformed",
    /more than 4/,
  ],
  ["too many lines", "{}\n".repeat(9), "too_many_bundles", /9 lines/],
];

for (const [name, content, code, says] of rows) {
  test(name, () => {
    const result = readBundles(sigstore, typeof content === "string" ? Buffer.from(content) : content);
    assert.ok(!result.ok);
    assert.equal(result.problem.code, code);
    assert.match(result.problem.message, says);
  });
}

test("one bundle, or one on each line, with CRLF and empty lines", () => {
  for (const [count, content] of [
    [1, json(whole)],
    [1, Buffer.from(JSON.stringify(whole, null, 2))],
    [2, json(whole, whole)],
    [2, Buffer.from(`${JSON.stringify(whole)}\r\n\r\n${JSON.stringify(whole)}\r\n`)],
  ] as const) {
    const result = readBundles(sigstore, content);
    assert.equal(result.ok && result.value.length, count);
  }
});
