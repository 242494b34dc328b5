import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { formatProblem } from "../../../../router/core/base/problem.ts";
import { checkSignature } from "../../../../router/edge/trust/check-signature.ts";
import { DOCUMENT, json, keyringWith, messageBundle, outcome, temporaryDirectory, testKey } from "./fixture.ts";

const alice = testKey();
const bundle = json(messageBundle(alice));

const rows: readonly (readonly [name: string, files: Readonly<Record<string, Uint8Array>>, expected: string])[] = [
  ["signed", { "p.yaml": DOCUMENT, "p.yaml.sigstore.json": bundle }, "accepted: alice"],
  ["no bundle", { "p.yaml": DOCUMENT }, "unsigned"],
  ["no document", { "p.yaml.sigstore.json": bundle }, "document_unreadable"],
  [
    "changed",
    { "p.yaml": Buffer.concat([DOCUMENT, Buffer.from("#")]), "p.yaml.sigstore.json": bundle },
    "digest_mismatch",
  ],
  [
    "document too large",
    { "p.yaml": Buffer.alloc(4 * 1024 * 1024 + 1), "p.yaml.sigstore.json": bundle },
    "document_too_large",
  ],
  [
    "bundle too large",
    { "p.yaml": DOCUMENT, "p.yaml.sigstore.json": Buffer.alloc(256 * 1024 + 1) },
    "bundle_too_large",
  ],
];

for (const [name, files, expected] of rows) {
  test(name, async (t) => {
    const keyring = await keyringWith(t, { alice });
    const file = join(temporaryDirectory(t, files), "p.yaml");
    const result = await checkSignature(keyring, "EgressPolicy", file);
    assert.equal(outcome(result), expected);
    if (!result.ok) assert.ok(formatProblem(result.problem).startsWith(file));
  });
}

test("a bundle that cannot be read is not a missing one", async (t) => {
  const keyring = await keyringWith(t, { alice }, ["unsigned: allow"]);
  const directory = temporaryDirectory(t, { "p.yaml": DOCUMENT });
  mkdirSync(join(directory, "p.yaml.sigstore.json"));
  assert.equal(outcome(await checkSignature(keyring, "EgressPolicy", join(directory, "p.yaml"))), "bundle_malformed");
});
