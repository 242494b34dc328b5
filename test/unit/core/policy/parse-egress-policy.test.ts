import assert from "node:assert/strict";
import { test } from "node:test";
import { millis, portOf } from "../../../../router/core/base/quantity.ts";
import { parseEgressPolicy } from "../../../../router/core/policy/parse-egress-policy.ts";
import { changed, EGRESS_POLICY } from "../../policies/documents.ts";
import { EGRESS_POLICY_ROWS } from "../../policies/egress-policy-rows.ts";

test("INV-POLICY-STRICT: every defect of an EgressPolicy is a problem, at its place", async (t) => {
  for (const row of EGRESS_POLICY_ROWS) {
    await t.test(row.name, () => {
      const parsed = parseEgressPolicy("p.yaml", changed(EGRESS_POLICY, row));
      const found = parsed.ok ? [] : parsed.problem.map(({ line, column, code }) => `${line}:${column} ${code}`);
      assert.deepEqual(found, row.problems);
    });
  }
});
