import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { egressApproval, parseEgressApproval } from "../../../router/core/approval/parse-egress-approval.ts";
import { parseRouterConfig } from "../../../router/core/config/parse-router-config.ts";
import { routerConfig } from "../../../router/core/config/router-config-shape.ts";
import { type DocumentKind, documentSchema } from "../../../router/core/document/document-kind.ts";
import { readYaml } from "../../../router/core/document/read-yaml.ts";
import type { JsonSchema } from "../../../router/core/document/shape.ts";
import { governancePolicy, parseGovernancePolicy } from "../../../router/core/governance/parse-governance-policy.ts";
import { inferencePolicy, parseInferencePolicy } from "../../../router/core/models/parse-inference-policy.ts";
import { egressPolicy, parseEgressPolicy } from "../../../router/core/policy/parse-egress-policy.ts";
import { parseSignerPolicy, signerPolicy } from "../../../router/core/policy/parse-signer-policy.ts";
import { jsonOfNode } from "../../property/yaml-oracle.ts";
import { changed, EGRESS_POLICY, ROUTER_CONFIG, type Row, SIGNER_POLICY } from "./documents.ts";
import { EGRESS_APPROVAL, EGRESS_APPROVAL_ROWS } from "./egress-approval-rows.ts";
import { EGRESS_POLICY_ROWS } from "./egress-policy-rows.ts";
import { GOVERNANCE_POLICY } from "./governance-policy-document.ts";
import { GOVERNANCE_POLICY_ROWS } from "./governance-policy-rows.ts";
import { INFERENCE_POLICY } from "./inference-policy-document.ts";
import { INFERENCE_POLICY_ROWS } from "./inference-policy-rows.ts";
import { ROUTER_CONFIG_ROWS } from "./router-config-rows.ts";
import { satisfiesSchema } from "./satisfies-schema.ts";
import { SIGNER_POLICY_ROWS } from "./signer-policy-rows.ts";

interface Shipped {
  readonly kind: DocumentKind<unknown>;
  readonly document: string;
  readonly rows: readonly Row[];
  readonly parses: (text: string) => boolean;
}

const SHIPPED: readonly Shipped[] = [
  {
    kind: egressPolicy,
    document: EGRESS_POLICY,
    rows: EGRESS_POLICY_ROWS,
    parses: (text) => parseEgressPolicy("f", text).ok,
  },
  {
    kind: inferencePolicy,
    document: INFERENCE_POLICY,
    rows: INFERENCE_POLICY_ROWS,
    parses: (text) => parseInferencePolicy("f", text).ok,
  },
  {
    kind: governancePolicy,
    document: GOVERNANCE_POLICY,
    rows: GOVERNANCE_POLICY_ROWS,
    parses: (text) => parseGovernancePolicy("f", text).ok,
  },
  {
    kind: egressApproval,
    document: EGRESS_APPROVAL,
    rows: EGRESS_APPROVAL_ROWS,
    parses: (text) => parseEgressApproval("f", text).ok,
  },
  {
    kind: signerPolicy,
    document: SIGNER_POLICY,
    rows: SIGNER_POLICY_ROWS,
    parses: (text) => parseSignerPolicy("f", text).ok,
  },
  {
    kind: routerConfig,
    document: ROUTER_CONFIG,
    rows: ROUTER_CONFIG_ROWS,
    parses: (text) => parseRouterConfig("f", text).ok,
  },
];

/** `SLUICE_UPDATE_SCHEMAS=1 node test/unit/policies/schemas.test.ts` writes the files anew. */
const update = process.env["SLUICE_UPDATE_SCHEMAS"] === "1";

for (const { kind, document, rows, parses } of SHIPPED) {
  const schema = documentSchema(kind);

  test(`policies/schema/${kind.kind}.schema.json is what the parser's shapes say`, () => {
    const file = new URL(`../../../policies/schema/${kind.kind}.schema.json`, import.meta.url);
    const text = `${JSON.stringify(schema, null, 2)}\n`;
    if (update) writeFileSync(file, text);
    assert.equal(readFileSync(file, "utf8"), text);
  });

  test(`${kind.kind}: schema and parser agree on all that a schema can say`, () => {
    assert.equal(parses(document), true);
    assert.equal(accepts(schema, document), true);
    for (const row of rows) {
      const text = changed(document, row);
      const valid = row.problems.length === 0;
      assert.equal(parses(text), valid, row.name);
      assert.equal(accepts(schema, text), valid || row.beyondSchema === true, row.name);
    }
  });
}

function accepts(schema: JsonSchema, text: string): boolean {
  return satisfiesSchema(schema, jsonOfNode(readYaml("f", text).root));
}
