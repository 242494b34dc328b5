import assert from "node:assert/strict";
import { test } from "node:test";
import { assertNever } from "../../router/core/base/assert-never.ts";
import { millis } from "../../router/core/base/quantity.ts";
import { documentSchema } from "../../router/core/document/document-kind.ts";
import { readYaml } from "../../router/core/document/read-yaml.ts";
import { compileGovernancePolicy } from "../../router/core/governance/compile-governance-policy.ts";
import { ACTIONS_WITH_FACT, ACTIONS_WITH_KEY, factOf } from "../../router/core/governance/facts.ts";
import type { Condition, GovernancePolicyDocument } from "../../router/core/governance/governance-policy.ts";
import { lintGovernancePolicy } from "../../router/core/governance/lint-governance-policy.ts";
import { governancePolicy, parseGovernancePolicy } from "../../router/core/governance/parse-governance-policy.ts";
import type { FuzzTarget } from "../fuzz/fuzz-target.ts";
import { runCampaign } from "../fuzz/campaign.ts";
import { mutatedDocument } from "../fuzz/policy/document-mutation.ts";
import { GOVERNANCE_POLICY } from "../unit/policies/governance-policy-document.ts";
import { satisfiesSchema } from "../unit/policies/satisfies-schema.ts";
import { jsonOfNode } from "./yaml-oracle.ts";

const schema = documentSchema(governancePolicy);

/** Problems have their places and are fit to be shown; what is accepted compiles and holds what the router relies on. */
const target: FuzzTarget = {
  name: "governance-policy",
  input: (random) => new TextEncoder().encode(mutatedDocument(GOVERNANCE_POLICY, random)),
  examine(input) {
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(input);
    const parsed = parseGovernancePolicy("f", text);
    if (!parsed.ok) {
      assert.ok(parsed.problem.length > 0);
      const lines = text.replaceAll("\r\n", "\n").split("\n");
      for (const { line, column, code, message } of parsed.problem) {
        assert.match(code, /^[a-z][a-z0-9_]*$/);
        assert.match(message, /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,600}\.$/u);
        const length = lines[line - 1]?.length;
        assert.ok(length !== undefined && column >= 1 && column <= length + 1, `${line}:${column} is outside`);
      }
      return false;
    }
    assert.equal(satisfiesSchema(schema, jsonOfNode(readYaml("f", text).root)), true, "the schema refuses it");
    assert.ok(Array.isArray(lintGovernancePolicy("f", parsed.value)));
    compileGovernancePolicy(parsed.value, `sha256:${"0".repeat(64)}`, millis(0));
    holdsTogether(parsed.value);
    return true;
  },
};

function holdsTogether(document: GovernancePolicyDocument): void {
  const { mode, observeUntil, issuedAt, expiresAt, rules, limits, behavior, mcp, trust } = document;
  assert.equal(observeUntil !== undefined, mode === "observe");
  if (observeUntil !== undefined) assert.ok(observeUntil > issuedAt && observeUntil <= expiresAt);
  const ids = [...rules, ...limits, ...behavior].map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const servers = new Set(["function", ...mcp.map(({ id }) => id)]);
  const peers = new Set(trust.peers.map(({ id }) => id));
  for (const { actions, effect, when, unless, limit, obligations } of rules) {
    assert.ok(actions.length > 0);
    assert.equal(limit !== undefined, effect === "rate_limit");
    if (effect === "deny") assert.deepEqual(obligations, { redact: [], resultBytes: undefined, log: "digest" });
    for (const condition of [...when, ...unless]) {
      for (const action of actions) assert.ok(ACTIONS_WITH_FACT[factOf(condition)].includes(action));
      assert.ok(isSaid(condition));
      if (condition.kind !== "text") continue;
      if (condition.fact === "server") for (const name of condition.test.in) assert.ok(servers.has(name));
      if (condition.fact === "peer") for (const name of condition.test.in) assert.ok(peers.has(name));
    }
    for (const action of actions) assert.ok(limit === undefined || ACTIONS_WITH_KEY[limit.per].includes(action));
  }
  for (const limit of limits) {
    assert.ok(limit.rate !== undefined || limit.concurrent !== undefined);
    for (const action of limit.actions ?? []) assert.ok(ACTIONS_WITH_KEY[limit.per].includes(action));
  }
  const ends = new Set(["self", ...peers]);
  for (const { from, to } of trust.graph) assert.ok(from !== to && ends.has(from) && ends.has(to));
}

/** It asks for something: an empty test passes nothing, or everything, and nobody could tell which was meant. */
function isSaid(condition: Condition): boolean {
  switch (condition.kind) {
    case "text":
    case "texts":
    case "label": {
      const { in: texts, glob, pattern } = condition.test;
      return texts.length + glob.length + pattern.length > 0;
    }
    case "host":
      return condition.patterns.length + condition.ranges.length > 0;
    case "path":
      return condition.globs.length > 0;
    case "time":
      return condition.hours.days.size > 0;
    case "number":
    case "flag":
    case "argument":
    case "tier":
      return true;
    default:
      return assertNever(condition);
  }
}

test("INV-POLICY-TOTAL: governance-policy, 2,000 inputs: a policy that compiles and holds together, or problems with their places", () => {
  const { accepted } = runCampaign(target, 2000, 20_480);
  assert.ok(accepted > 50, `${accepted} were accepted`);
});
