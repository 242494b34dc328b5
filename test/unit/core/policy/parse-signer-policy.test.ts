import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSignerPolicy } from "../../../../router/core/policy/parse-signer-policy.ts";
import { changed, SIGNER_POLICY } from "../../policies/documents.ts";
import { SIGNER_POLICY_ROWS } from "../../policies/signer-policy-rows.ts";

test("INV-SIGNERS-STRICT: every defect of a SignerPolicy is a problem, at its place", () => {
  for (const row of SIGNER_POLICY_ROWS) {
    const parsed = parseSignerPolicy("s.yaml", changed(SIGNER_POLICY, row));
    const found = parsed.ok ? [] : parsed.problem.map(({ line, column, code }) => `${line}:${column} ${code}`);
    assert.deepEqual(found, row.problems, row.name);
  }
});

test("an id from the document is shown escaped, where it is guessed at too (found by test/fuzz/policy.ts)", () => {
  const parsed = parseSignerPolicy("s.yaml", SIGNER_POLICY.replace("id: pipeline", 'id: "pipelin\\e"'));
  assert.deepEqual(parsed.ok ? [] : parsed.problem.map(({ message }) => message), [
    'The text "pipelin\\u{1b}" holds a control or invisible character.',
    'No signer has the id "pipeline"; did you mean "pipelin\\u{1b}".',
  ]);
});

test("a SignerPolicy is read", () => {
  assert.deepEqual(parseSignerPolicy("s.yaml", SIGNER_POLICY), {
    ok: true,
    value: {
      name: "production",
      signers: [
        { id: "release", kind: "key", publicKeyFile: "release.pub" },
        {
          id: "pipeline",
          kind: "certificate",
          identity: { pattern: String.raw`^https://github\.com/example/policies/.*$` },
          issuer: { exact: "https://token.actions.githubusercontent.com" },
        },
      ],
      requirements: [{ documentKind: "EgressPolicy", required: true, signers: ["release", "pipeline"], threshold: 2 }],
      trustedRootFiles: ["trusted_root.json"],
    },
  });
});

test("INV-SIGNERS-STRICT: that a policy may be unsigned is written, never left out", () => {
  const development = `apiVersion: sluice.dev/v1alpha1
kind: SignerPolicy
metadata: { name: development }
spec:
  signers: []
  requirements:
    - { kind: EgressPolicy, unsigned: allow }
`;
  assert.deepEqual(parseSignerPolicy("s.yaml", development), {
    ok: true,
    value: {
      name: "development",
      signers: [],
      requirements: [{ documentKind: "EgressPolicy", required: false, signers: [], threshold: 1 }],
      trustedRootFiles: [],
    },
  });
  const without = parseSignerPolicy("s.yaml", development.replace(", unsigned: allow", ""));
  assert.equal(without.ok ? "" : without.problem[0]?.code, "missing_key");
});
