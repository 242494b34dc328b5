import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { signersOf, textMatcher, verifyWithCertificate } from "../../../../router/edge/trust/certificate-signer.ts";
import { keySigner, verifyWithKey } from "../../../../router/edge/trust/key-signer.ts";
import { loadSigstore } from "../../../../router/edge/trust/load-sigstore.ts";
import { readPublicKey } from "../../../../router/edge/trust/public-key.ts";
import { readBundles } from "../../../../router/edge/trust/read-bundles.ts";
import { readTrustedRoot } from "../../../../router/edge/trust/trusted-root.ts";
import { artifactOf, checkContent } from "../../../../router/edge/trust/verify-content.ts";

/** Bundles that real services signed; where each comes from is in test/vectors/sigstore/README. */
const VECTORS = join(import.meta.dirname, "../../../vectors/sigstore");
const sigstore = await loadSigstore();
const read = (path: string) => readFileSync(join(VECTORS, path));

type Bundle = {
  verificationMaterial: { timestampVerificationData: { rfc3161Timestamps: unknown[] } };
};
type Root = { timestampAuthorities: { validFor: { start: string; end?: string }; certChain?: object }[] };

interface Row {
  readonly name: string;
  readonly bundle: string;
  readonly artifact: string;
  readonly root?: string;
  readonly key?: string;
  readonly identity?: string;
  readonly issuer?: string;
  readonly predicate?: string;
  readonly bend?: (bundle: Bundle) => void;
  readonly bendRoot?: (root: Root) => void;
  /** v0.1 and v0.2 are outside our allow-list: the vectors still show that the engine below it judges right. */
  readonly mediaTypeRefused?: true;
  readonly expected: string;
}

const BEACON =
  "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ACTIONS = "https://token.actions.githubusercontent.com";
const twoStamps = "conformance/rekor2-multiple-timestamps-one-outside-cert-validity_fail/bundle.sigstore.json";
const staging = { artifact: "conformance/a.txt", root: "conformance/staging.trusted_root.json", bundle: twoStamps };
const production = {
  artifact: "conformance/dsse-with-hashedrekord.artifact",
  root: "public-good.trusted_root.json",
  predicate: "https://example.com/predicate/v1",
};
const keyed = { artifact: "conformance/a.txt", predicate: "https://example.com/test" };
const keepStamp = (index: number) => (bundle: Bundle) => {
  const { timestampVerificationData: data } = bundle.verificationMaterial;
  data.rfc3161Timestamps = data.rfc3161Timestamps.slice(index, index + 1);
};
const endStamps = (root: Root) => {
  root.timestampAuthorities[0]!.validFor.end = "2025-06-01T00:00:00Z";
};

const rows: readonly Row[] = [
  { ...staging, name: "rekor2-happy-path", bend: keepStamp(0), expected: "accepted" },
  {
    ...staging,
    name: "rekor2-timestamp-with-incorrect-time_fail",
    bend: keepStamp(1),
    expected: "certificate_invalid",
  },
  { ...staging, name: "rekor2-multiple-timestamps-one-outside-cert-validity_fail", expected: "certificate_invalid" },
  {
    ...staging,
    name: "rekor2-timestamp-outside-trust-root-tsa-validity_fail",
    bend: keepStamp(0),
    bendRoot: endStamps,
    expected: "timestamp_invalid",
  },
  {
    ...staging,
    name: "rekor2-timestamp-wrong-tsa-validity-borrow_fail",
    bend: keepStamp(0),
    bendRoot: (root) => {
      endStamps(root);
      root.timestampAuthorities.push({ validFor: { start: "2025-06-01T00:00:00Z" }, certChain: { certificates: [] } });
    },
    expected: "root refused",
  },
  { ...staging, name: "rekor2 without timestamp", bend: keepStamp(2), expected: "timestamp_invalid" },
  {
    ...staging,
    name: "rekor2-happy-path, other artifact",
    artifact: "modules/specs-a.txt",
    bend: keepStamp(0),
    expected: "digest_mismatch",
  },
  {
    ...staging,
    name: "rekor2-happy-path, other identity",
    bend: keepStamp(0),
    identity: "https://github.com/sigstore-conformance",
    expected: "signer_unknown",
  },
  {
    ...staging,
    name: "rekor2-happy-path, other issuer",
    bend: keepStamp(0),
    issuer: "https://accounts.google.com",
    expected: "signer_unknown",
  },
  {
    ...staging,
    name: "rekor2-happy-path, production's root",
    root: production.root,
    bend: keepStamp(0),
    expected: "timestamp_invalid",
  },
  {
    ...production,
    name: "dsse-with-hashedrekord-happy-path",
    bundle: "conformance/dsse-with-hashedrekord-happy-path/bundle.sigstore.json",
    expected: "accepted",
  },
  {
    ...production,
    name: "dsse-with-hashedrekord-invalid-sig_fail",
    bundle: "conformance/dsse-with-hashedrekord-invalid-sig_fail/bundle.sigstore.json",
    expected: "log_invalid",
  },
  {
    ...production,
    name: "dsse-with-hashedrekord-mismatch-envelope_fail",
    bundle: "conformance/dsse-with-hashedrekord-mismatch-envelope_fail/bundle.sigstore.json",
    expected: "log_invalid",
  },
  {
    ...production,
    name: "dsse-with-hashedrekord-mismatch-sig_fail",
    bundle: "conformance/dsse-with-hashedrekord-mismatch-sig_fail/bundle.sigstore.json",
    expected: "log_invalid",
  },
  {
    ...production,
    name: "dsse-with-hashedrekord-happy-path, other artifact",
    artifact: "conformance/a.txt",
    bundle: "conformance/dsse-with-hashedrekord-happy-path/bundle.sigstore.json",
    expected: "subject_mismatch",
  },
  {
    ...keyed,
    name: "managed-key-and-trusted-root",
    bundle: "conformance/managed-key/bundle.sigstore.json",
    key: "conformance/managed-key/key.pub",
    expected: "accepted",
  },
  {
    ...keyed,
    name: "managed-key, wrong key",
    bundle: "conformance/managed-key/bundle.sigstore.json",
    key: "conformance/intoto-canonical-log-entry/key.pub",
    expected: "signer_unknown",
  },
  {
    ...keyed,
    name: "managed-key, other artifact",
    artifact: "modules/specs-a.txt",
    bundle: "conformance/managed-key/bundle.sigstore.json",
    key: "conformance/managed-key/key.pub",
    expected: "digest_mismatch",
  },
  {
    ...keyed,
    name: "intoto-canonical-log-entry",
    bundle: "conformance/intoto-canonical-log-entry/bundle.sigstore.json",
    key: "conformance/intoto-canonical-log-entry/key.pub",
    expected: "accepted",
  },
  {
    ...keyed,
    name: "dsse-statement-missing-type_fail",
    bundle: "conformance/dsse-statement-missing-type_fail/bundle.sigstore.json",
    key: "conformance/dsse-statement-missing-type_fail/key.pub",
    expected: "statement_malformed",
  },
  {
    ...keyed,
    name: "dsse-statement-unknown-type_fail",
    bundle: "conformance/dsse-statement-unknown-type_fail/bundle.sigstore.json",
    key: "conformance/dsse-statement-unknown-type_fail/key.pub",
    expected: "statement_malformed",
  },
  {
    name: "protobuf-specs a.txt (v0.2)",
    artifact: "modules/specs-a.txt",
    root: production.root,
    bundle: "modules/specs-a.txt.sigstore.json",
    identity: "a@tny.town",
    issuer: "https://github.com/login/oauth",
    mediaTypeRefused: true,
    expected: "accepted",
  },
  {
    name: "cosign's attestation of an image: not of these octets",
    artifact: "conformance/a.txt",
    root: production.root,
    bundle: "modules/oci-attestation.sigstore.json",
    predicate: "https://cosign.sigstore.dev/attestation/v1",
    expected: "subject_mismatch",
  },
  {
    name: "sigstore-js npm provenance (v0.1): subject by SHA-512 only",
    artifact: "conformance/a.txt",
    root: production.root,
    bundle: "modules/sigstore-js-provenance.sigstore.json",
    mediaTypeRefused: true,
    expected: "statement_malformed",
  },
];

function judge(row: Row): string {
  const json = JSON.parse(read(row.bundle).toString()) as Bundle;
  row.bend?.(json);
  const strict = readBundles(sigstore, Buffer.from(JSON.stringify(json)));
  assert.equal(strict.ok ? "read" : strict.problem.code, row.mediaTypeRefused === true ? "bundle_media_type" : "read");
  const bundle = sigstore.bundleFromJSON(json);
  const artifact = artifactOf(read(row.artifact));
  const flaw = checkContent(sigstore, bundle, artifact, new Set([row.predicate ?? ""]));
  if (flaw !== undefined) return flaw.code;
  if (row.key !== undefined) {
    const key = readPublicKey(read(row.key).toString());
    assert.ok(key.ok);
    const result = verifyWithKey(sigstore, [keySigner(sigstore, "key", key.value)], bundle, artifact);
    return result.ok ? "accepted" : result.problem.code;
  }
  const root = JSON.parse(read(row.root ?? "").toString()) as Root;
  row.bendRoot?.(root);
  const trusted = readTrustedRoot(sigstore, JSON.stringify(root));
  if (!trusted.ok) return "root refused";
  const principal = verifyWithCertificate(sigstore, [trusted.value], bundle, artifact);
  if (!principal.ok) return principal.problem.code;
  const identity = textMatcher({ exact: row.identity ?? BEACON });
  const issuer = textMatcher({ exact: row.issuer ?? ACTIONS });
  assert.ok(identity.ok && issuer.ok);
  const signers = signersOf([{ id: "beacon", identity: identity.value, issuer: issuer.value }], principal.value);
  return signers.ok ? "accepted" : signers.problem.code;
}

for (const row of rows) {
  test(row.name, () => {
    assert.equal(judge(row), row.expected);
  });
}
