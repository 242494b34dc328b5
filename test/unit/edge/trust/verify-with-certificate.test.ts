import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cleanup, DOCUMENT, json, judged, keyringOf, messageBundle, statementOf, testKey } from "./fixture.ts";
import {
  type BundleOptions,
  issuerV1,
  issuerV2,
  type LeafOptions,
  mail,
  PrivateSigstore,
  SIGNED_AT,
  uri,
} from "./private-sigstore.ts";
import { tlv } from "./der.ts";

const home = new PrivateSigstore();
const foreign = new PrivateSigstore();
const RELEASE = "https://ci.test/release";
const ISSUER = "https://issuer.test";

const signer = (id: string, identity: string, issuer = `{ exact: "${ISSUER}" }`) =>
  `    - { id: ${id}, certificate: { identity: ${identity}, issuer: ${issuer} } }`;

function certificateKeyring(
  t: Cleanup,
  signers: readonly string[],
  options: {
    readonly threshold?: number;
    readonly root?: object;
    readonly files?: Readonly<Record<string, string>>;
  } = {},
) {
  const ids = signers.map((line) => /id: (\w+)/.exec(line)?.[1] ?? "");
  const yaml = [
    "apiVersion: sluice.dev/v1alpha1",
    "kind: SignerPolicy",
    "metadata: { name: test }",
    "spec:",
    "  signers:",
    ...signers,
    "  trustedRoots: [root.json]",
    "  requirements:",
    `    - { kind: EgressPolicy, signers: [${ids.join(", ")}], threshold: ${options.threshold ?? 1} }`,
    "",
  ].join("\n");
  const root = JSON.stringify(options.root ?? home.trustedRoot());
  return keyringOf(t, { ...options.files, "signers.yaml": yaml, "root.json": root });
}

const exact = signer("release", `{ exact: "${RELEASE}" }`);
const rows: readonly {
  readonly name: string;
  readonly signer?: string;
  readonly leaf?: LeafOptions;
  readonly bundle?: BundleOptions;
  readonly by?: PrivateSigstore;
  readonly expected: string;
}[] = [
  { name: "exact identity and issuer", expected: "accepted: release" },
  { name: "an attestation", bundle: { statement: JSON.stringify(statementOf()) }, expected: "accepted: release" },
  {
    name: "a mail address",
    signer: signer("release", '{ exact: "release@ci.test" }'),
    leaf: { names: [mail("release@ci.test")] },
    expected: "accepted: release",
  },
  { name: "only the newer issuer extension", leaf: { issuers: [issuerV2(ISSUER)] }, expected: "accepted: release" },
  { name: "only the older issuer extension", leaf: { issuers: [issuerV1(ISSUER)] }, expected: "accepted: release" },
  {
    name: "an issuer of over 127 octets",
    signer: signer("release", `{ exact: "${RELEASE}" }`, `{ exact: "https://${"i".repeat(150)}" }`),
    leaf: { issuers: [issuerV2(`https://${"i".repeat(150)}`)] },
    expected: "accepted: release",
  },
  {
    name: "a pattern over the whole",
    signer: signer("release", "{ pattern: '^https://ci\\.test/[a-z]+$' }"),
    expected: "accepted: release",
  },

  {
    name: "trap 1.4: INV-TRUST-04: 3.3 the identity is a prefix of the certificate's",
    signer: signer("release", '{ exact: "https://ci.test" }'),
    expected: "signer_unknown",
  },
  {
    name: "3.3 the identity '.' matches everything in the library",
    signer: signer("release", '{ exact: "." }'),
    expected: "signer_unknown",
  },
  {
    name: "trap 1.4: 3.3 an exact identity is no regular expression",
    leaf: { names: [uri("https://ci-test/release")] },
    expected: "signer_unknown",
  },
  {
    name: "a pattern that a longer identity contains",
    signer: signer("release", "{ pattern: '^https://ci\\.test$' }"),
    leaf: { names: [uri("https://evil.test/?https://ci.test")] },
    expected: "signer_unknown",
  },
  {
    name: "anchors bind every branch of a pattern",
    signer: signer("release", "{ pattern: '^https://ci\\.test/a|release$' }"),
    expected: "signer_unknown",
  },
  {
    name: "the identity in another case",
    leaf: { names: [uri("https://ci.test/Release")] },
    expected: "signer_unknown",
  },
  {
    name: "trap 1.4: 3.3 the right identity by another issuer",
    leaf: { issuers: [issuerV1("https://evil.test"), issuerV2("https://evil.test")] },
    expected: "signer_unknown",
  },
  { name: "issuer with a tail", leaf: { issuers: [issuerV2(`${ISSUER}.evil.test`)] }, expected: "signer_unknown" },

  { name: "trap 1.4: 3.3 no identity in the certificate", leaf: { names: [] }, expected: "identity_unusable" },
  { name: "an empty identity", leaf: { names: [uri("")] }, expected: "identity_unusable" },
  {
    name: "two identities, the right one first",
    leaf: { names: [uri(RELEASE), uri("https://evil.test")] },
    expected: "identity_unusable",
  },
  {
    name: "a mail address before the URI, which the library prefers",
    leaf: { names: [mail("evil@evil.test"), uri(RELEASE)] },
    expected: "identity_unusable",
  },
  {
    name: "octets that the library folds onto ASCII",
    leaf: { names: [uri(RELEASE.replace("release", "rele\u00e1se"))] },
    expected: "identity_unusable",
  },
  {
    name: "an identity with a comma, which could hide a second name",
    leaf: { names: [uri(`${RELEASE}, URI:x`)] },
    expected: "identity_unusable",
  },
  { name: "an identity with a NUL", leaf: { names: [uri(`${RELEASE}\0.evil.test`)] }, expected: "identity_unusable" },
  { name: "another kind of name", leaf: { names: [tlv(0x82, Buffer.from("ci.test"))] }, expected: "identity_unusable" },
  { name: "no issuer", leaf: { issuers: [] }, expected: "identity_unusable" },
  {
    name: "two issuers that differ",
    leaf: { issuers: [issuerV1(ISSUER), issuerV2("https://evil.test")] },
    expected: "identity_unusable",
  },
  { name: "a certificate for servers", leaf: { usage: "1.3.6.1.5.5.7.3.1" }, expected: "identity_unusable" },
  { name: "a certificate without extended usage", leaf: { usage: "" }, expected: "identity_unusable" },
  { name: "a certificate authority as signer", leaf: { ca: true }, expected: "identity_unusable" },

  { name: "3.3 a bundle of another authority with the same names", by: foreign, expected: "log_invalid" },
  { name: "3.3 no log entry, where the root names a log", bundle: { withLog: false }, expected: "log_invalid" },
  {
    name: "no timestamp: nothing proves when a certificate of ten minutes was used",
    bundle: { withTimestamp: false },
    expected: "timestamp_invalid",
  },
  { name: "neither", bundle: { withTimestamp: false, withLog: false }, expected: "timestamp_invalid" },
  {
    name: "signed after the certificate expired",
    bundle: { signedAt: new Date("2037-01-01T00:00:00Z") },
    expected: "timestamp_invalid",
  },
  {
    name: "attestation for another document",
    bundle: { statement: JSON.stringify(statementOf(Buffer.from("other"))) },
    expected: "subject_mismatch",
  },
];

for (const { name, signer: policy = exact, leaf, bundle, by = home, expected } of rows) {
  test(name, async (t) => {
    const keyring = await certificateKeyring(t, [policy]);
    const made = json(by.bundle(by.leaf(leaf), DOCUMENT, bundle));
    const code = judged(keyring, made);
    // Which of the foreign authority's parts is met first is the library's choice.
    if (by === foreign) assert.match(code, /^(certificate|timestamp|log)_invalid$/);
    else assert.equal(code, expected);
  });
}

test("INV-TRUST-03: 3.3 a certificate requirement refuses every bundle signed with a bare key", async (t) => {
  const keyring = await certificateKeyring(t, [exact]);
  const judge = (bundle: unknown) => judged(keyring, json(bundle));
  const key = testKey();
  assert.equal(judge(messageBundle(key)), "signer_unknown");
  const both = { ...messageBundle(key) };
  const { verificationMaterial } = home.bundle(home.leaf(), DOCUMENT);
  assert.equal(
    judge({ ...both, verificationMaterial: { ...verificationMaterial, publicKey: { hint: "" } } }),
    "bundle_malformed",
  );
});

test("3.3 a keyed signer beside a certificate signer: each bundle is judged by its own kind", async (t) => {
  const alice = testKey();
  const lines = ["    - { id: alice, key: { file: alice.pub } }", exact];
  const keyring = await certificateKeyring(t, lines, { threshold: 2, files: { "alice.pub": alice.pem } });
  const judge = (...bundles: readonly unknown[]) => judged(keyring, json(...bundles));
  const certified = home.bundle(home.leaf(), DOCUMENT);
  assert.equal(judge(certified, messageBundle(alice)), "accepted: alice,release");
  assert.equal(judge(certified, certified), "threshold_not_met");
  const stolen = foreign.bundle(foreign.leaf(), DOCUMENT);
  assert.equal(
    judge(stolen, messageBundle(alice)),
    "threshold_not_met",
    "an attacker's certificate beside a valid key",
  );
});

test("INV-TRUST-05: one person does not meet a threshold of two through overlapping patterns", async (t) => {
  const lines = [
    signer("release", "{ pattern: '^https://ci\\.test/.*$' }"),
    signer("any", "{ pattern: '^https://.*$' }"),
  ];
  const keyring = await certificateKeyring(t, lines, { threshold: 2 });
  const judge = (...bundles: readonly unknown[]) => judged(keyring, json(...bundles));
  const one = home.bundle(home.leaf(), DOCUMENT);
  const sameAgain = home.bundle(home.leaf(), DOCUMENT);
  const another = home.bundle(home.leaf({ names: [uri("https://other.test/x")] }), DOCUMENT);
  assert.equal(judge(one, sameAgain), "threshold_not_met", "two certificates of one identity");
  assert.equal(judge(one, another), "accepted: any,release");
  assert.equal(judge(another, one), "accepted: any,release");
});

test("CVE-2022-36056: a log entry swapped in from another signing does not count", async (t) => {
  const keyring = await certificateKeyring(t, [exact]);
  const leaf = home.leaf();
  const mine = home.bundle(leaf, DOCUMENT);
  const other = home.bundle(leaf, DOCUMENT);
  const swapped = {
    ...mine,
    verificationMaterial: { ...mine.verificationMaterial, tlogEntries: other.verificationMaterial.tlogEntries },
  };
  const judge = (bundle: unknown) => judged(keyring, json(bundle));
  assert.equal(judge(mine), "accepted: release");
  assert.equal(judge(swapped), "log_invalid");
  const doubled = [...mine.verificationMaterial.tlogEntries, ...mine.verificationMaterial.tlogEntries];
  assert.equal(
    judge({ ...mine, verificationMaterial: { ...mine.verificationMaterial, tlogEntries: doubled } }),
    "log_invalid",
    "3.3 one entry twice",
  );
  const flood = Array.from({ length: 5 }, () => mine.verificationMaterial.tlogEntries[0]);
  assert.equal(
    judge({ ...mine, verificationMaterial: { ...mine.verificationMaterial, tlogEntries: flood } }),
    "bundle_malformed",
  );
});

test("the evidence asked for is what the root can check, and a time always", async (t) => {
  const judge = async (parts: readonly ("log" | "timestamps")[], options: BundleOptions) => {
    const keyring = await certificateKeyring(t, [exact], { root: home.trustedRoot(parts) });
    const bundle = json(home.bundle(home.leaf(), DOCUMENT, options));
    return judged(keyring, bundle);
  };
  assert.equal(await judge(["timestamps"], { withLog: false }), "accepted: release");
  assert.equal(await judge(["timestamps"], { withLog: false, withTimestamp: false }), "timestamp_invalid");
  assert.equal(await judge(["timestamps"], {}), "log_invalid", "an entry of a log that is not pinned is not believed");
  assert.equal(await judge(["log"], { withTimestamp: false }), "timestamp_invalid", "Rekor v2 entries carry no time");
});

test("roots are not merged: one root's authority and another's timestamps prove nothing", async (t) => {
  const yaml = [
    "apiVersion: sluice.dev/v1alpha1",
    "kind: SignerPolicy",
    "metadata: { name: test }",
    "spec:",
    "  signers:",
    exact,
    "  trustedRoots: [home.json, foreign.json]",
    "  requirements:",
    "    - { kind: EgressPolicy, signers: [release] }",
    "",
  ].join("\n");
  const keyring = await keyringOf(t, {
    "signers.yaml": yaml,
    "home.json": JSON.stringify(home.trustedRoot()),
    "foreign.json": JSON.stringify(foreign.trustedRoot()),
  });
  const judge = (bundle: unknown) => judged(keyring, json(bundle));
  const mine = home.bundle(home.leaf(), DOCUMENT);
  const theirs = foreign.bundle(foreign.leaf(), DOCUMENT);
  assert.equal(judge(mine), "accepted: release");
  assert.equal(judge(theirs), "accepted: release");
  const stamped = {
    ...mine.verificationMaterial,
    timestampVerificationData: theirs.verificationMaterial.timestampVerificationData,
  };
  assert.equal(judge({ ...mine, verificationMaterial: stamped }), "timestamp_invalid");
});

test("a signing time outside the authority's own life refuses", async (t) => {
  const root = JSON.parse(JSON.stringify(home.trustedRoot())) as {
    certificateAuthorities: { validFor: { start: string; end?: string } }[];
  };
  root.certificateAuthorities[0]!.validFor.end = new Date(SIGNED_AT.getTime() - 1000).toISOString();
  const keyring = await certificateKeyring(t, [exact], { root });
  const bundle = json(home.bundle(home.leaf(), DOCUMENT));
  assert.equal(judged(keyring, bundle), "certificate_invalid");
});
