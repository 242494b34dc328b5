import assert from "node:assert/strict";
import { test } from "node:test";
import { parseInferencePolicy } from "../../../../router/core/models/parse-inference-policy.ts";
import { changed } from "../../policies/documents.ts";
import { INFERENCE_POLICY } from "../../policies/inference-policy-document.ts";
import { INFERENCE_POLICY_ROWS } from "../../policies/inference-policy-rows.ts";
import { type Changes, inferenceDocument } from "./models-fixture.ts";

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

const weights: readonly (readonly [what: string, changes: Changes, weights: readonly number[]])[] = [
  ["one of two is given: the other is 0", [], [3, 0]],
  ["none is given: the first is always first", [[", weight: 3 }", " }"]], [1, 0]],
  ["both are given", [["gpt5-deployment }", "gpt5-deployment, weight: 2 }"]], [3, 2]],
  [
    "the second alone",
    [
      [", weight: 3 }", " }"],
      ["gpt5-deployment }", "gpt5-deployment, weight: 1 }"],
    ],
    [0, 1],
  ],
];
for (const [what, changes, expected] of weights) {
  test(`weights: ${what}`, () => {
    const targets = inferenceDocument(...changes).models[0]?.targets;
    assert.deepEqual(
      targets?.map(({ weight }) => weight),
      expected,
    );
  });
}

test("a provider without timeouts, tls and addresses has the defaults", () => {
  const { timeouts, tls, addresses, streamUsage, apiVersion } = inferenceDocument().providers[3] ?? {};
  assert.deepEqual(
    { timeouts, tls, addresses, streamUsage, apiVersion },
    {
      timeouts: { connect: 5000, firstToken: 60_000, idle: 60_000, total: 600_000 },
      tls: { caFile: undefined, serverName: undefined },
      addresses: [],
      streamUsage: true,
      apiVersion: undefined,
    },
  );
});

const place = (text: string) => ({
  scheme: "https",
  host: { kind: "name", text },
  port: 443,
  path: "",
});

const credentials: readonly (readonly [written: string, read: object])[] = [
  ["{ none: true }", { kind: "none" }],
  ["{ file: k }", { kind: "file", file: "k" }],
  [
    "{ azureWorkloadIdentity: { tenant: t, client: c, tokenFile: f } }",
    {
      kind: "azureWorkloadIdentity",
      tenant: "t",
      client: "c",
      tokenFile: "f",
      authority: place("login.microsoftonline.com"),
      scope: "https://cognitiveservices.azure.com/.default",
    },
  ],
  [
    "{ azureManagedIdentity: { client: c } }",
    { kind: "azureManagedIdentity", client: "c", resource: "https://cognitiveservices.azure.com" },
  ],
  [
    "{ gcpWorkloadIdentity: { audience: //a, tokenFile: f } }",
    {
      kind: "gcpWorkloadIdentity",
      audience: "//a",
      tokenFile: "f",
      serviceAccount: undefined,
      sts: place("sts.googleapis.com"),
      iam: place("iamcredentials.googleapis.com"),
    },
  ],
];
for (const [written, read] of credentials) {
  test(`credential: ${written}`, () => {
    assert.deepEqual(inferenceDocument(["{ file: openai-key }", written]).providers[0]?.credential, read);
  });
}

for (const [region, host] of [
  ["eu-west-1", "sts.eu-west-1.amazonaws.com"],
  ["us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"],
  ["cn-north-1", "sts.cn-north-1.amazonaws.com.cn"],
] as const) {
  test(`credential: the token service of ${region} is ${host}`, () => {
    const role = "arn:aws:iam::123456789012:role/models";
    const written = `{ awsWebIdentity: { role: ${role}, region: ${region}, tokenFile: f } }`;
    assert.deepEqual(
      inferenceDocument(["{ awsFile: { file: aws-keys, region: eu-west-1 } }", written]).providers[3]?.credential,
      { kind: "awsWebIdentity", role, region, tokenFile: "f", sts: place(host) },
    );
  });
}

test("units: trillionths of a dollar for prices, billionths for budgets, milliseconds for windows", () => {
  const { models, budgets, rateLimits } = inferenceDocument();
  assert.deepEqual(models[0]?.price, {
    input: 1_250_000,
    cacheRead: 125_000,
    cacheWrite: 1_250_000,
    cacheWriteHour: 1_250_000,
    audioInput: 1_250_000,
    output: 10_000_000,
    audioOutput: 10_000_000,
    request: 0,
    toolCall: 10_000_000_000,
  });
  assert.deepEqual(
    budgets.map(({ unit, limit, window, scope, cut }) => [unit, limit, window, scope, cut]),
    [
      ["tokens", 2_000_000, { kind: "day" }, "pod", false],
      ["cost", 49_500_000_000, { kind: "month" }, "pod", true],
      ["requests", 100, { kind: "rolling", millis: 21_600_000 }, "model", false],
      ["tokens", 50_000, { kind: "request" }, "pod", false],
    ],
  );
  assert.deepEqual(
    rateLimits.map(({ unit, limit }) => [unit, limit]),
    [
      ["requests", 60],
      ["tokens", 90_000],
      ["concurrent", 4],
    ],
  );
});
