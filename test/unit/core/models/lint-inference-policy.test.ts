import assert from "node:assert/strict";
import { test } from "node:test";
import { lintInferencePolicy } from "../../../../router/core/models/lint-inference-policy.ts";
import { type Changes, inferenceDocument } from "./models-fixture.ts";

/** What the shared document says already: its second model has neither context nor price. */
const usual = ["41 missing_context", "41 missing_price"];
const complete: Changes = [
  ["      maxOutput: 8192\n", "      maxOutput: 8192\n      context: 1\n      price: { input: 0, output: 0 }\n"],
];

const budgets = (...rules: readonly string[]): Changes => [
  ...complete,
  [
    `    - { id: pod-day, scope: pod, window: day, tokens: 2000000 }
    - { id: spend, window: month, usd: 49.5, models: [gpt-5], cut: true }
    - { id: rolling, window: 6h, requests: 100, scope: model }
    - { id: call, window: request, tokens: 50000 }
`,
    rules.map((rule, at) => `    - { id: b${at}, ${rule} }\n`).join(""),
  ],
];

const rows: readonly (readonly [what: string, changes: Changes, warnings: readonly string[]])[] = [
  ["as it is", [], usual],
  ["complete", complete, []],
  [
    "a provider for nothing",
    [...complete, ["targets: [{ provider: cloud, model: claude-x }, {", "targets: [{"]],
    ["28 unused_provider"],
  ],
  [
    "a provider for moderation alone",
    [...complete, ["        - { provider: openai, model: gpt-5-2026, weight: 3 }\n", ""]],
    [],
  ],
  [
    "no budgets, no prices",
    [
      ["  budgets:\n    - { id: pod-day, scope: pod, window: day, tokens: 2000000 }\n", "  budgets:\n"],
      ["    - { id: spend, window: month, usd: 49.5, models: [gpt-5], cut: true }\n", ""],
      ["    - { id: rolling, window: 6h, requests: 100, scope: model }\n", ""],
      ["  budgets:\n    - { id: call, window: request, tokens: 50000 }\n", ""],
      ['      price: { input: 1.25, cacheRead: "0.125", output: 10, toolCall: 0.01 }\n', ""],
    ],
    ["0 no_budget"],
  ],
  ["other windows", budgets("window: day, tokens: 5", "window: month, tokens: 9"), []],
  ["other units", budgets("window: day, tokens: 5", "window: day, requests: 9"), []],
  ["other scopes", budgets("window: day, tokens: 5", "window: day, tokens: 9, scope: agent"), []],
  ["stricter before", budgets("window: day, tokens: 5", "window: day, tokens: 9"), ["48 shadowed_limit"]],
  ["stricter after", budgets("window: day, tokens: 9", "window: day, tokens: 5"), ["47 shadowed_limit"]],
  ["the same", budgets("window: day, tokens: 5", "window: day, tokens: 5"), ["48 shadowed_limit"]],
  ["stricter for some models", budgets("window: day, tokens: 5, models: [gpt-5]", "window: day, tokens: 9"), []],
  [
    "stricter for more models",
    budgets("window: day, tokens: 9, models: [gpt-5]", "window: day, tokens: 5"),
    ["47 shadowed_limit"],
  ],
  [
    "the same for more models, later",
    budgets("window: day, tokens: 5, models: [gpt-5]", "window: day, tokens: 5"),
    ["47 shadowed_limit"],
  ],
  ["rolling windows that differ", budgets("window: 6h, tokens: 5", "window: 7h, tokens: 9"), []],
  ["rolling windows that are one", budgets("window: 60m, tokens: 5", "window: 1h, tokens: 9"), ["48 shadowed_limit"]],
  [
    "a rate limit",
    [...complete, ["id: at-once, concurrent: 4", "id: at-once, requestsPerMinute: 90"]],
    ["54 shadowed_limit"],
  ],
];
for (const [what, changes, expected] of rows) {
  test(`lint: ${what}`, () => {
    const warnings = lintInferencePolicy("f", inferenceDocument(...changes));
    assert.deepEqual(
      warnings.map(({ line, code }) => `${line} ${code}`),
      expected,
    );
  });
}
