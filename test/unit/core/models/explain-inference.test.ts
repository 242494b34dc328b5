import assert from "node:assert/strict";
import { test } from "node:test";
import { explainModel } from "../../../../router/core/models/explain-inference.ts";
import { EXPIRES, NOON } from "../policy/policy-fixture.ts";
import { models } from "./models-fixture.ts";

test("explain: a model by its alias, with all that applies to it", () => {
  assert.deepEqual(explainModel(models(), "default", NOON), {
    effect: "allow",
    model: "gpt-5",
    line: 33,
    targets: [
      { id: "openai", line: 10, says: "gpt-5-2026, openai at https://api.openai.com/v1, first" },
      {
        id: "azure-eu",
        line: 18,
        says: "gpt5-deployment, azure at https://eu.openai.azure.com, only when others fail",
      },
    ],
    budgets: [
      { id: "pod-day", line: 45, says: "2000000 tokens a UTC day, of the pod" },
      { id: "spend", line: 46, says: "49.5 USD a UTC month, of the pod, cuts streams" },
      { id: "rolling", line: 47, says: "100 requests in any 21600 seconds, each model apart" },
      { id: "call", line: 48, says: "50000 tokens a request" },
    ],
    rateLimits: [
      { id: "rpm", line: 50, says: "60 requests in any 60 seconds" },
      { id: "at-once", line: 52, says: "4 calls at the same time" },
    ],
    guardrails: [
      { id: "no-secrets", line: 54, says: "patterns, masks input and output" },
      { id: "asked", line: 58, says: "webhook, blocks input" },
      { id: "moderated", line: 59, says: "moderation, blocks output" },
    ],
  });
});

test("explain: chances and sums", () => {
  const policy = models(
    ["model: gpt5-deployment }", "model: gpt5-deployment, weight: 2 }"],
    ["usd: 49.5", "usd: 0.000000001"],
  );
  const explained = explainModel(policy, "gpt-5", NOON);
  assert.ok(explained.effect === "allow");
  assert.deepEqual(
    explained.targets.map(({ says }) => says.split(", ").at(-1)),
    ["first for 60 %", "first for 40 %"],
  );
  assert.equal(explained.budgets[1]?.says, "0.000000001 USD a UTC month, of the pod, cuts streams");
  const round = explainModel(models(["usd: 49.5", "usd: 100"]), "gpt-5", NOON);
  assert.ok(round.effect === "allow");
  assert.equal(round.budgets[1]?.says, "100 USD a UTC month, of the pod, cuts streams");
});

const refused: readonly (readonly [name: string, now: typeof NOON, reason: string, why: string])[] = [
  ["gpt5", NOON, "model_not_allowed", 'No model has the name or alias "gpt5"; did you mean "gpt-5".'],
  ["Default", NOON, "model_not_allowed", 'No model has the name or alias "Default"; did you mean "default".'],
  ["llama", NOON, "model_not_allowed", 'No model has the name or alias "llama".'],
  ["\u001b[2J", NOON, "model_not_allowed", 'No model has the name or alias "\\u{1b}[2J".'],
  ["gpt-5", EXPIRES, "policy_expired", "The policy has expired."],
];
for (const [name, now, reason, why] of refused) {
  test(`explain: ${JSON.stringify(name)} -> ${reason}`, () => {
    assert.deepEqual(explainModel(models(), name, now), { effect: "deny", reason, why });
  });
}
