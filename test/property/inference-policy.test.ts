import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../router/core/base/quantity.ts";
import { documentSchema } from "../../router/core/document/document-kind.ts";
import { readYaml } from "../../router/core/document/read-yaml.ts";
import { compileInferencePolicy } from "../../router/core/models/compile-inference-policy.ts";
import { lintInferencePolicy } from "../../router/core/models/lint-inference-policy.ts";
import { inferencePolicy, parseInferencePolicy } from "../../router/core/models/parse-inference-policy.ts";
import { classifyAddress } from "../../router/core/policy/special-use.ts";
import { runCampaign } from "../fuzz/campaign.ts";
import { mutatedDocument } from "../fuzz/policy/document-mutation.ts";
import type { FuzzTarget } from "../fuzz/fuzz-target.ts";
import { INFERENCE_POLICY } from "../unit/policies/inference-policy-document.ts";
import { satisfiesSchema } from "../unit/policies/satisfies-schema.ts";
import { jsonOfNode } from "./yaml-oracle.ts";

const schema = documentSchema(inferencePolicy);

/** Problems have their places and are fit to be shown; what is accepted holds what the rest of the router relies on. */
const target: FuzzTarget = {
  name: "inference-policy",
  input: (random) => new TextEncoder().encode(mutatedDocument(INFERENCE_POLICY, random)),
  examine(input) {
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(input);
    const parsed = parseInferencePolicy("f", text);
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
    const policy = compileInferencePolicy(parsed.value, `sha256:${"0".repeat(64)}`, millis(0));
    lintInferencePolicy("f", parsed.value);
    for (const { name, aliases, targets } of policy.models) {
      for (const asked of [name, ...aliases]) assert.equal(policy.model(asked)?.name, name);
      assert.ok(targets.some(({ weight }) => weight > 0));
      for (const { provider } of targets) assert.ok(policy.provider(provider) !== undefined);
    }
    for (const { limit } of [...policy.budgets, ...policy.rateLimits])
      assert.ok(Number.isSafeInteger(limit) && limit > 0);
    for (const { endpoint, addresses } of policy.providers) {
      const { scheme, host, port } = endpoint;
      assert.ok(policy.isProviderHost(host, port));
      if (host.kind === "address" && scheme === "http") assert.equal(classifyAddress(host.text).global, false);
      if (scheme === "http") assert.ok(addresses.some((named) => named.port === port));
    }
    return true;
  },
};

test("INV-POLICY-TOTAL: inference-policy, 2,000 inputs: a policy that holds together, or problems with their places", () => {
  const { accepted } = runCampaign(target, 2000, 20_480);
  assert.ok(accepted > 50, `${accepted} were accepted`);
});
