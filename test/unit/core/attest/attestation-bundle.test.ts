import assert from "node:assert/strict";
import { test } from "node:test";
import { MAXIMUM_BUNDLE, readAttestationBundle } from "../../../../router/core/attest/attestation-bundle.ts";
import { MAXIMUM_PAYLOAD } from "../../../../router/core/attest/envelope.ts";
import { isSignedBy } from "../../../../router/edge/audit/dsse-key.ts";
import { bundleOf, statementOf, testRouter } from "./attest-fixture.ts";

const router = testRouter();
const statement = statementOf(router.facts());
const publicKey = router.signer.key.publicKey;

const outcome = (source: string): string => {
  const envelope = readAttestationBundle(source);
  if (!envelope.ok) return envelope.problem.code;
  return isSignedBy(envelope.value, publicKey) ? "signed" : "signed by another";
};

/** The bundle, bent. */
function bent(bend: (bundle: ReturnType<typeof JSON.parse>) => unknown): string {
  const bundle = JSON.parse(router.bundle());
  return JSON.stringify(bend(bundle) ?? bundle);
}
const withMember = (object: string, member: string, value: unknown): string =>
  bent((bundle) => {
    const path = object === "" ? [] : object.split(".");
    path.reduce((at, name) => at[name], bundle)[member] = value;
  });
const withSignature = (change: (sig: string) => unknown): string =>
  bent((bundle) => void (bundle.dsseEnvelope.signatures[0].sig = change(bundle.dsseEnvelope.signatures[0].sig)));

const signature = { sig: Buffer.alloc(64).toString("base64") };
const urlSafe = (base64: string): string => base64.replaceAll("+", "-").replaceAll("/", "_");

const rows: readonly [name: string, bundle: string, expected: string][] = [
  ["as it is made", router.bundle(), "signed"],
  ["laid out with white space", JSON.stringify(JSON.parse(router.bundle()), undefined, 2), "signed"],
  ["another hint: it is not signed", withMember("verificationMaterial.publicKey", "hint", "mine"), "signed"],
  ["a keyid: it is not signed", bent((b) => void (b.dsseEnvelope.signatures[0].keyid = "root")), "signed"],
  ["URL-safe base64", withSignature((sig) => urlSafe(String(sig))), "signed"],
  [
    "an octet of the signature",
    withSignature((sig) => (sig[0] === "A" ? `B${sig.slice(1)}` : `A${sig.slice(1)}`)),
    "signed by another",
  ],
  [
    "a signature of 65 octets",
    withSignature((sig) => Buffer.concat([Buffer.from(sig, "base64"), Buffer.of(0)]).toString("base64")),
    "signed by another",
  ],
  ["signed by another key", testRouter("b2".repeat(32)).bundle(), "signed by another"],
  ["no signature", bundleOf(statement, router.sign, { signatures: [] }), "unsigned"],
  ["an empty signature", bundleOf(statement, router.sign, { signatures: [{ sig: "" }] }), "bundle_malformed"],
  ["two signatures", bent((b) => void b.dsseEnvelope.signatures.push(signature)), "bundle_malformed"],
  [
    "17 signatures",
    bundleOf(statement, router.sign, { signatures: Array.from({ length: 17 }, () => signature) }),
    "bundle_malformed",
  ],
  ["base64 without padding", bundleOf("{}1", router.sign, { payload: "e30xMQ" }), "bundle_malformed"],
  ["base64 with bits behind the end", bundleOf("{}1", router.sign, { payload: "e30xMR==" }), "bundle_malformed"],
  ["base64 with white space", bundleOf("{}", router.sign, { payload: "e3 0=" }), "bundle_malformed"],
  ["both alphabets in one text", bundleOf("", router.sign, { payload: "-+__" }), "bundle_malformed"],
  ["base64 of no whole octets", bundleOf("", router.sign, { payload: "A===" }), "bundle_malformed"],
  ["the type of a note", bundleOf(statement, router.sign, { payloadType: "text/plain" }), "payload_type"],
  [
    "the type in capitals",
    bundleOf(statement, router.sign, { payloadType: "application/vnd.in-toto+JSON" }),
    "payload_type",
  ],
  ["no type", bundleOf(statement, router.sign, { payloadType: "" }), "payload_type"],
  ["half a surrogate pair as type", bundleOf(statement, router.sign, { payloadType: "\ud800" }), "bundle_malformed"],
  [
    "another media type",
    withMember("", "mediaType", "application/vnd.dev.sigstore.bundle.v0.9+json"),
    "bundle_malformed",
  ],
  ["a certificate beside the key", withMember("verificationMaterial", "certificate", {}), "bundle_malformed"],
  ["a message signature beside the envelope", withMember("", "messageSignature", {}), "bundle_malformed"],
  ["__proto__", router.bundle().replace("{", '{"__proto__":{},'), "bundle_malformed"],
  [
    "members by prototype only",
    '{"__proto__":{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}}',
    "bundle_malformed",
  ],
  [
    "signatures as an object",
    bundleOf(statement, router.sign, { signatures: { length: 1, 0: signature } }),
    "bundle_malformed",
  ],
  ["an envelope alone", JSON.stringify(JSON.parse(router.bundle()).dsseEnvelope), "bundle_malformed"],
  ["a list", `[${router.bundle()}]`, "bundle_malformed"],
  ["null", "null", "bundle_malformed"],
  ["nothing", "", "bundle_malformed"],
  ["two of them, as JSON Lines", `${router.bundle()}\n${router.bundle()}`, "bundle_malformed"],
  ["nested 100,000 deep", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, "bundle_malformed"],
  ["a payload over the bound", bundleOf(new Uint8Array(MAXIMUM_PAYLOAD + 3), router.sign), "bundle_malformed"],
  ["a text over the bound", " ".repeat(MAXIMUM_BUNDLE) + router.bundle(), "bundle_malformed"],
];

for (const [name, bundle, expected] of rows) {
  test(`readAttestationBundle: ${name}`, () => assert.equal(outcome(bundle), expected));
}

test("a bundle is one line that cosign can read: no keyid, the key's hint", () => {
  const bundle = JSON.parse(router.bundle());
  assert.equal(router.bundle().includes("\n"), false);
  assert.deepEqual(Object.keys(bundle), ["mediaType", "verificationMaterial", "dsseEnvelope"]);
  assert.deepEqual(bundle.verificationMaterial, { publicKey: { hint: router.hint } });
  assert.deepEqual(Object.keys(bundle.dsseEnvelope.signatures[0]), ["sig"]);
});
