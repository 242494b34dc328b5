import assert from "node:assert/strict";
import { sign } from "node:crypto";
import { test } from "node:test";
import { verifyDocument } from "../../../../router/edge/trust/verify-document.ts";
import { Verified } from "../../../../router/edge/trust/verified.ts";
import {
  APPROVAL_TYPE,
  attestationBundle,
  DOCUMENT,
  json,
  judged,
  keyringOf,
  keyringWith,
  messageBundle,
  signersYaml,
  statementOf,
  testKey,
} from "./fixture.ts";
import { PrivateSigstore } from "./private-sigstore.ts";

const alice = testKey();
const bob = testKey();
const mallory = testKey();
const other = Buffer.from("apiVersion: sluice.dev/v1alpha1\nkind: EgressPolicy\n# other\n");
const whole = messageBundle(alice);
const attested = attestationBundle(alice);
const { messageSignature } = whole;
const { dsseEnvelope } = attested;

const rows: readonly (readonly [name: string, bundle: Buffer | undefined, expected: string, document?: Buffer])[] = [
  ["message signature", json(whole), "accepted: alice"],
  ["attestation, statement v0.1 as cosign writes it", json(attested), "accepted: alice"],
  [
    "attestation, statement v1",
    json(attestationBundle(alice, { ...statementOf(), _type: "https://in-toto.io/Statement/v1" })),
    "accepted: alice",
  ],
  ["pretty-printed bundle", Buffer.from(JSON.stringify(whole, null, 2)), "accepted: alice"],
  [
    "no hint: every key is tried",
    json({ ...whole, verificationMaterial: { publicKey: { hint: "" } } }),
    "accepted: alice",
  ],
  ["hint absent", json({ ...whole, verificationMaterial: { publicKey: {} } }), "accepted: alice"],

  ["INV-TRUST-01: no bundle at all", undefined, "unsigned"],
  ["empty bundle file", Buffer.alloc(0), "bundle_format"],
  [
    "document changed by one byte",
    json(whole),
    "digest_mismatch",
    Buffer.from(DOCUMENT.toString().replace("v1", "v2")),
  ],
  [
    "INV-TRUST-02: 3.3 DSSE ignores the artifact: valid attestation, other document",
    json(attested),
    "subject_mismatch",
    other,
  ],
  [
    "3.7 wrong subject digest: attestation for another file",
    json(attestationBundle(alice, statementOf(other))),
    "subject_mismatch",
  ],
  ["bundle of another document", json(messageBundle(alice, other)), "digest_mismatch"],
  [
    "digest of this document, signature over another",
    json({
      ...messageBundle(alice, other),
      messageSignature: { ...messageSignature, signature: messageBundle(alice, other).messageSignature.signature },
    }),
    "signature_invalid",
  ],
  ["signed by a key that is no signer", json(messageBundle(mallory)), "signer_unknown"],
  [
    "signed by another key, with alice's hint",
    json({ ...messageBundle(mallory), verificationMaterial: whole.verificationMaterial }),
    "signature_invalid",
  ],
  [
    "signed by alice, with another hint",
    json({ ...whole, verificationMaterial: { publicKey: { hint: mallory.hint } } }),
    "signer_unknown",
  ],
  [
    "attestation by a key that is no signer, with alice's hint",
    json({ ...attestationBundle(mallory), verificationMaterial: whole.verificationMaterial }),
    "signature_invalid",
  ],

  [
    "attestation of another type by a trusted signer is no approval",
    json(attestationBundle(alice, { ...statementOf(), predicateType: "https://cosign.sigstore.dev/attestation/v1" })),
    "predicate_type",
  ],
  [
    "predicate type absent",
    json(attestationBundle(alice, { ...statementOf(), predicateType: undefined })),
    "statement_malformed",
  ],
  ["another payload type", json(attestationBundle(alice, statementOf(), "application/json")), "payload_type"],
  [
    "payload type changed after signing",
    json({ ...attested, dsseEnvelope: { ...dsseEnvelope, payloadType: "text/plain" } }),
    "payload_type",
  ],
  [
    "payload changed after signing",
    json({
      ...attested,
      dsseEnvelope: {
        ...dsseEnvelope,
        payload: attestationBundle(alice, { ...statementOf(), predicate: 1 }).dsseEnvelope.payload,
      },
    }),
    "signature_invalid",
  ],
  [
    "two subjects",
    json(
      attestationBundle(alice, {
        ...statementOf(),
        subject: [...statementOf().subject, ...statementOf(other).subject],
      }),
    ),
    "statement_malformed",
  ],
  [
    "3.3 two DSSE signatures",
    json({
      ...attested,
      dsseEnvelope: { ...dsseEnvelope, signatures: [...dsseEnvelope.signatures, ...dsseEnvelope.signatures] },
    }),
    "bundle_malformed",
  ],
  ["no DSSE signature", json({ ...attested, dsseEnvelope: { ...dsseEnvelope, signatures: [] } }), "bundle_malformed"],
  ["message signature presented as attestation and back", json({ ...whole, dsseEnvelope }), "bundle_malformed"],

  [
    "3.3 media type v0.9 looks alike",
    json({ ...whole, mediaType: "application/vnd.dev.sigstore.bundle.v0.9+json" }),
    "bundle_media_type",
  ],
  ["media type v0.3 with a tail", json({ ...whole, mediaType: `${whole.mediaType}; x` }), "bundle_media_type"],
  [
    "media type v0.1",
    json({ ...whole, mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1" }),
    "bundle_media_type",
  ],
  [
    "message digest by another algorithm",
    json({
      ...whole,
      messageSignature: {
        ...messageSignature,
        messageDigest: { ...messageSignature.messageDigest, algorithm: "SHA2_512" },
      },
    }),
    "digest_mismatch",
  ],
  [
    "message digest by no algorithm",
    json({
      ...whole,
      messageSignature: { ...messageSignature, messageDigest: { digest: messageSignature.messageDigest.digest } },
    }),
    "digest_mismatch",
  ],
  [
    "garbage log entries and timestamps are no evidence and no obstacle",
    json({
      ...whole,
      verificationMaterial: {
        ...whole.verificationMaterial,
        tlogEntries: [
          {
            logId: { keyId: "eA==" },
            kindVersion: { kind: "x", version: "y" },
            inclusionProof: { checkpoint: { envelope: "" } },
          },
        ],
        timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: "AAAA" }] },
      },
    }),
    "accepted: alice",
  ],
];

for (const [name, bundle, expected, bytes = DOCUMENT] of rows) {
  test(name, async (t) => {
    assert.equal(judged(await keyringWith(t, { alice, bob }), bundle, { bytes }), expected);
  });
}

test("INV-TRUST-03: 3.3 a keyed requirement refuses every certificate bundle", async (t) => {
  const sigstore = new PrivateSigstore();
  const keyring = await keyringWith(t, { alice });
  assert.equal(judged(keyring, json(sigstore.bundle(sigstore.leaf(), DOCUMENT))), "signer_unknown");
});

test("INV-TRUST-05: a threshold counts distinct signers, in any order", async (t) => {
  const keyring = await keyringWith(t, { alice, bob }, ["threshold: 2"]);
  const judge = (...bundles: readonly unknown[]) => judged(keyring, json(...bundles));
  assert.equal(judge(messageBundle(alice), messageBundle(bob)), "accepted: alice,bob");
  assert.equal(judge(attestationBundle(bob), messageBundle(mallory), messageBundle(alice)), "accepted: alice,bob");
  assert.equal(judge(messageBundle(alice)), "threshold_not_met");
  assert.equal(judge(messageBundle(alice), messageBundle(alice)), "threshold_not_met", "the same bundle twice");
  assert.equal(judge(messageBundle(alice), attestationBundle(alice)), "threshold_not_met", "one key, two forms");
  assert.equal(judge(messageBundle(alice), messageBundle(mallory)), "threshold_not_met");
  assert.equal(judge(messageBundle(alice), messageBundle(bob, other)), "threshold_not_met");
});

test("3.7 a flood of bogus bundles: the one that is valid counts, wherever it stands, up to a cap", async (t) => {
  const keyring = await keyringWith(t, { alice });
  const flood = Array.from({ length: 7 }, () => messageBundle(testKey()));
  assert.equal(judged(keyring, json(...flood, whole)), "accepted: alice");
  assert.equal(judged(keyring, json(whole, ...flood)), "accepted: alice");
  assert.equal(judged(keyring, json(whole, ...flood, ...flood)), "too_many_bundles");
});

test("3.7 endless data: document and bundle are capped before anything is hashed or parsed", async (t) => {
  const keyring = await keyringWith(t, { alice });
  const large = new Uint8Array(4 * 1024 * 1024 + 1);
  assert.equal(judged(keyring, json(whole), { bytes: large }), "document_too_large");
  assert.equal(judged(keyring, Buffer.alloc(256 * 1024 + 1, "{")), "bundle_too_large");
  assert.equal(judged(keyring, Buffer.alloc(256 * 1024, "[")), "bundle_malformed", "deep nesting");
});

test("a document that is not UTF-8 is refused even when signed", async (t) => {
  const bytes = Buffer.from([0x61, 0xff, 0x62]);
  const keyring = await keyringWith(t, { alice });
  assert.equal(judged(keyring, json(messageBundle(alice, bytes)), { bytes }), "document_not_text");
});

test("INV-TRUST-09: 3.7 wrong kind: the kind decides who may sign, and a kind nobody named is refused", async (t) => {
  const egress = await keyringWith(t, { alice });
  const inference = await keyringWith(t, { bob });
  const requirements = new Map([
    ["EgressPolicy", egress.requirements.get("EgressPolicy")!],
    ["InferencePolicy", inference.requirements.get("EgressPolicy")!],
  ]);
  const judge = (kind: string, bundle: unknown) => judged({ ...egress, requirements }, json(bundle), { kind });
  assert.equal(judge("EgressPolicy", messageBundle(alice)), "accepted: alice");
  assert.equal(judge("InferencePolicy", messageBundle(alice)), "signer_unknown");
  assert.equal(judge("InferencePolicy", messageBundle(bob)), "accepted: bob");
  assert.equal(judge("GovernancePolicy", messageBundle(alice)), "kind_not_covered");
  assert.equal(judge("__proto__", messageBundle(alice)), "kind_not_covered");
});

test("what may be unsigned is accepted without a bundle, and refused with one that fails", async (t) => {
  const lenient = await keyringWith(t, { alice }, ["unsigned: allow"]);
  assert.equal(judged(lenient, undefined), "accepted: ");
  assert.equal(judged(lenient, json(whole)), "accepted: alice");
  assert.equal(judged(lenient, json(messageBundle(mallory))), "signer_unknown");
  assert.equal(judged(lenient, Buffer.from("garbage!")), "bundle_malformed");
  const yaml = signersYaml([]).replace("signers:\n", "signers: []\n").replace("signers: [] }", "unsigned: allow }");
  const open = await keyringOf(t, { "signers.yaml": yaml });
  assert.equal(judged(open, undefined), "accepted: ");
  assert.equal(judged(open, json(whole)), "signer_unknown");
});

test("INV-TRUST-08: Verified holds what was verified, whatever the caller does to its bytes, and is not forged", async (t) => {
  const keyring = await keyringWith(t, { alice });
  const bytes = Uint8Array.from(DOCUMENT);
  const result = verifyDocument(keyring, { kind: "EgressPolicy", file: "p.yaml", bytes, bundle: json(whole) });
  assert.ok(result.ok);
  bytes.fill(0x20);
  const { text, digest, kind, signers } = result.value;
  assert.equal(text, DOCUMENT.toString());
  assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  assert.equal(kind, "EgressPolicy");
  assert.ok(Object.isFrozen(result.value) && Object.isFrozen(signers));
  assert.equal(Verified.isMinted(result.value), true);
  assert.equal(Verified.isMinted({ kind, file: "p.yaml", text, digest, signers }), false);
  assert.equal(Verified.isMinted(Object.create(Verified.prototype)), false);
});

test("a view into a larger buffer is verified as that view", async (t) => {
  const keyring = await keyringWith(t, { alice });
  const larger = Buffer.concat([Buffer.from("evil: true\n"), DOCUMENT, Buffer.from("evil: true\n")]);
  const bytes = new Uint8Array(larger.buffer, larger.byteOffset + 11, DOCUMENT.length);
  assert.equal(judged(keyring, json(whole), { bytes }), "accepted: alice");
});

test("a signature over the payload without its DSSE encoding is none", async (t) => {
  const keyring = await keyringWith(t, { alice });
  const sig = sign("sha256", Buffer.from(JSON.stringify(statementOf())), alice.privateKey).toString("base64");
  const bare = { ...attested, dsseEnvelope: { ...dsseEnvelope, signatures: [{ sig }] } };
  assert.equal(judged(keyring, json(bare)), "signature_invalid");
});

test("a refusal says the type that was seen and the one that is needed", async (t) => {
  const keyring = await keyringWith(t, { alice });
  const bundle = json(attestationBundle(alice, { ...statementOf(), predicateType: "https://example.com/scan" }));
  const result = verifyDocument(keyring, { kind: "EgressPolicy", file: "p.yaml", bytes: DOCUMENT, bundle });
  assert.ok(!result.ok);
  assert.match(result.problem.message, /example\.com\/scan.*needed/);
  assert.ok(result.problem.message.includes(APPROVAL_TYPE));
});
