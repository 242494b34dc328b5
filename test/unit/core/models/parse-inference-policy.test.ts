import assert from "node:assert/strict";
import { test } from "node:test";
import { parseInferencePolicy } from "../../../../router/core/models/parse-inference-policy.ts";
import { changed } from "../../policies/documents.ts";
import { INFERENCE_POLICY } from "../../policies/inference-policy-document.ts";
import { INFERENCE_POLICY_ROWS } from "../../policies/inference-policy-rows.ts";

for (const row of INFERENCE_POLICY_ROWS) {
  test(`INV-POLICY-STRICT: InferencePolicy: ${row.name}`, () => {
    const parsed = parseInferencePolicy("f", changed(INFERENCE_POLICY, row));
    const problems = parsed.ok ? [] : parsed.problem;
    assert.deepEqual(
      problems.map(({ line, column, code }) => `${line}:${column} ${code}`),
      row.problems,
      JSON.stringify(problems),
    );
  });
}
