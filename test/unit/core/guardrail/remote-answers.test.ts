import assert from "node:assert/strict";
import { test } from "node:test";
import { blockedBy, contentSignals, type Floor } from "../../../../router/core/guardrail/content-filter.ts";
import { moderationRequest, readModerationAnswer } from "../../../../router/core/guardrail/moderation.ts";
import { readWebhookAnswer, webhookRequest } from "../../../../router/core/guardrail/webhook.ts";

test("what is asked", () => {
  assert.deepEqual(JSON.parse(webhookRequest("input", "chat", "m", ["a", "b"])), {
    phase: "input",
    api: "chat",
    model: "m",
    texts: ["a", "b"],
  });
  assert.deepEqual(JSON.parse(moderationRequest("omni-moderation-latest", ["a"])), {
    model: "omni-moderation-latest",
    input: ["a"],
  });
});

/** Two texts were sent. Undefined: that is no answer. */
const webhooks: readonly (readonly [answer: string, read: unknown])[] = [
  ['{"action":"allow"}', { action: "allow" }],
  ['{"action":"allow","reason":null,"texts":null}', { action: "allow" }],
  ['{"action":"block"}', { action: "block", reason: "" }],
  ['{"action":"block","reason":"b\\u00e4d\\r\\nx"}', { action: "block", reason: "b?d??x" }],
  [`{"action":"block","reason":"${"x".repeat(900)}"}`, { action: "block", reason: "x".repeat(256) }],
  ['{"action":"mask","texts":["a","[x]"]}', { action: "mask", texts: ["a", "[x]"] }],
  ['{"action":"mask","texts":["a"]}', undefined],
  ['{"action":"mask","texts":["a",1]}', undefined],
  ['{"action":"mask"}', undefined],
  ['{"action":"allow","texts":["a","b"]}', undefined],
  ['{"action":"allow","extra":1}', undefined],
  ['{"action":"allow","reason":1}', undefined],
  ['{"action":"block","action":"allow"}', undefined],
  ['{"action":"block","\\u0061ction":"allow"}', undefined],
  ['{"action":"ALLOW"}', undefined],
  ['{"action":true}', undefined],
  ["{}", undefined],
  ["[]", undefined],
  ['"allow"', undefined],
  ["allow", undefined],
  ["", undefined],
  ['{"action":"allow"', undefined],
  ['{"action":"allow"}{"action":"block"}', undefined],
];
for (const [answer, read] of webhooks) {
  test(`a webhook's answer ${answer.slice(0, 60)}`, () => {
    const result = readWebhookAnswer(answer, 2);
    if (read === undefined) assert.match(result.ok ? "" : result.problem, /\.$/);
    else assert.deepEqual(result, { ok: true, value: read });
  });
}

const result = (flagged: unknown, categories: unknown = {}): string => JSON.stringify({ flagged, categories });
const moderations: readonly (readonly [answer: string, flagged: readonly string[] | undefined])[] = [
  [`{"id":"m","results":[${result(false)},${result(false, { hate: false })}]}`, []],
  [
    `{"results":[${result(false)},${result(true, { hate: true, "self-harm/intent": true, violence: false })}]}`,
    ["hate", "self-harm/intent"],
  ],
  [`{"results":[${result(true)},${result(true, { "Bad Name\\n": true })}]}`, ["flagged"]],
  [`{"results":[${result(false)}]}`, undefined],
  [`{"results":[${result(false)},${result(false)},${result(false)}]}`, undefined],
  [`{"results":[${result(false)},${result("false")}]}`, undefined],
  [`{"results":[${result(false)},null]}`, undefined],
  [`{"results":[],"results":[${result(false)},${result(false)}]}`, undefined],
  ['{"error":{"message":"no"}}', undefined],
  ["{", undefined],
];
for (const [answer, flagged] of moderations) {
  test(`a moderation's answer ${answer.slice(0, 60)}`, () => {
    const read = readModerationAnswer(answer, 2);
    if (flagged === undefined) assert.match(read.ok ? "" : read.problem, /\.$/);
    else assert.deepEqual(read, { ok: true, value: flagged });
  });
}

const hate = (severity: unknown, filtered = false): unknown => ({ hate: { filtered, severity } });
const filters: readonly (readonly [
  name: string,
  body: unknown,
  signals: readonly string[],
  blocked: string | undefined,
])[] = [
  ["nothing", { choices: [] }, [], undefined],
  ["not an object", [1], [], undefined],
  [
    "a safe prompt",
    { prompt_filter_results: [{ prompt_index: 0, content_filter_results: hate("safe") }] },
    ["prompt hate safe"],
    undefined,
  ],
  ["under the floor", { choices: [{ content_filter_results: hate("low") }] }, ["completion hate low"], undefined],
  ["at the floor", { choices: [{ content_filter_results: hate("medium") }] }, ["completion hate medium"], "hate"],
  ["over the floor", { choices: [{ content_filter_results: hate("high") }] }, ["completion hate high"], "hate"],
  [
    "a severity that nobody knows",
    { choices: [{ content_filter_results: hate("severe") }] },
    ["completion hate high"],
    "hate",
  ],
  [
    "withheld",
    { choices: [{ content_filter_results: hate("safe", true) }] },
    ["completion hate safe filtered"],
    "hate",
  ],
  [
    "detected",
    { prompt_filter_results: [{ content_filter_results: { jailbreak: { filtered: false, detected: true } } }] },
    ["prompt jailbreak - detected"],
    "jailbreak",
  ],
  [
    "not detected",
    { prompt_filter_results: [{ content_filter_results: { jailbreak: { filtered: false, detected: false } } }] },
    ["prompt jailbreak -"],
    undefined,
  ],
  [
    "without a floor",
    { choices: [{ content_filter_results: { sexual: { filtered: true, severity: "high" } } }] },
    ["completion sexual high filtered"],
    undefined,
  ],
  [
    "a filter that did not run",
    { choices: [{ content_filter_results: { error: { code: "content_filter_error", message: "x" } } }] },
    ["completion error -"],
    "error",
  ],
  [
    "the error 400",
    {
      error: {
        code: "content_filter",
        status: 400,
        innererror: { code: "ResponsibleAIPolicyViolation", content_filter_result: hate("high", true) },
      },
    },
    ["prompt hate high filtered"],
    "hate",
  ],
  [
    "the Responses API",
    {
      type: "response.completed",
      response: { content_filters: [{ source_type: "prompt", content_filter_results: hate("medium") }] },
    },
    ["prompt hate medium"],
    "hate",
  ],
  [
    "a name that is none",
    { choices: [{ content_filter_results: { "x\ny": { filtered: true } } }] },
    ["completion other - filtered"],
    undefined,
  ],
];
const floors = new Map<string, Floor>([
  ["hate", "medium"],
  ["jailbreak", "high"],
]);
for (const [name, body, expected, blocked] of filters) {
  test(`content filter: ${name}`, () => {
    const signals = contentSignals(body);
    const shown = signals.map(({ where, category, severity, filtered, detected }) =>
      [where, category, severity ?? "-", filtered ? "filtered" : "", detected ? "detected" : ""]
        .filter(Boolean)
        .join(" "),
    );
    assert.deepEqual(shown, expected);
    assert.equal(blockedBy(signals, floors)?.category, blocked);
    assert.equal(blockedBy(signals, new Map()), undefined);
  });
}

test("signals are bounded, and no body throws", () => {
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`c${index}`, { filtered: true }]));
  assert.equal(contentSignals({ choices: [{ content_filter_results: many }] }).length, 256);
  for (const body of [
    null,
    1,
    "x",
    [],
    {},
    { error: 1 },
    { choices: {} },
    { choices: [null, 1, []] },
    { error: { innererror: [] } },
  ]) {
    assert.deepEqual(contentSignals(body), []);
  }
});
