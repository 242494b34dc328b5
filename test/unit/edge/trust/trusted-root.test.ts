import assert from "node:assert/strict";
import { test } from "node:test";
import { loadSigstore } from "../../../../router/edge/trust/load-sigstore.ts";
import { readTrustedRoot } from "../../../../router/edge/trust/trusted-root.ts";
import { PrivateSigstore } from "./private-sigstore.ts";

const sigstore = await loadSigstore();
const whole = new PrivateSigstore().trustedRoot();
const log = whole.tlogs[0];

const rows: readonly (readonly [name: string, root: unknown, says: RegExp | undefined])[] = [
  ["whole", whole, undefined],
  ["media type v0.2", { ...whole, mediaType: "application/vnd.dev.sigstore.trustedroot.v0.2+json" }, undefined],
  ["no media type", { ...whole, mediaType: undefined }, /media type/],
  ["another media type", { ...whole, mediaType: "application/json" }, /media type/],
  ["no authority", { ...whole, certificateAuthorities: [] }, /no certificate authority/],
  ["no source of time", { ...whole, tlogs: [], timestampAuthorities: [] }, /neither a transparency log nor/],
  ["a misspelt member asks for no less", { ...whole, tlogs: undefined, tlog: [log] }, /unknown member "tlog"/],
  [
    "an authority without certificate",
    { ...whole, timestampAuthorities: [{ certChain: { certificates: [] } }] },
    /no certificate/,
  ],
  [
    "conformance trust-root-tlog-missing-validity-start_fail",
    { ...whole, tlogs: [{ ...log, publicKey: { ...log?.publicKey, validFor: {} } }] },
    /validFor\.start/,
  ],
  [
    "a certificate log without validity",
    { ...whole, ctlogs: [{ ...log, publicKey: { ...log?.publicKey, validFor: undefined } }] },
    /validFor\.start/,
  ],
  ["a log without key", { ...whole, tlogs: [{ ...log, publicKey: undefined }] }, /validFor\.start/],
  [
    "a key that is none",
    { ...whole, tlogs: [{ ...log, publicKey: { ...log?.publicKey, rawBytes: "AAAA" } }] },
    /cannot be read/,
  ],
  [
    "a certificate that is none",
    { ...whole, certificateAuthorities: [{ certChain: { certificates: [{ rawBytes: "AAAA" }] } }] },
    /cannot be read/,
  ],
  ["null", null, /not a JSON object/],
  ["logs that are no list ask for no less", { ...whole, tlogs: { 0: log } }, /"tlogs" is not a list/],
  ["logs null", { ...whole, tlogs: null }, /"tlogs" is not a list/],
  ["a list", [], /not a JSON object/],
];

for (const [name, root, says] of rows) {
  test(name, () => {
    const result = readTrustedRoot(sigstore, JSON.stringify(root));
    if (says === undefined) assert.ok(result.ok, JSON.stringify(result));
    else assert.match(result.ok ? "accepted" : result.problem, says);
  });
}

test("not JSON", () => {
  assert.ok(!readTrustedRoot(sigstore, "{").ok);
});
