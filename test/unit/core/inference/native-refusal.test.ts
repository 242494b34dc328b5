import assert from "node:assert/strict";
import { test } from "node:test";
import { REASONS, type Reason } from "../../../../router/core/base/reason.ts";
import type { Family } from "../../../../router/core/inference/api.ts";
import { ERROR_TYPES } from "../../../../router/core/inference/error-type.ts";
import { type NativeRefusal, nativeRefusal, type RateLimit } from "../../../../router/core/inference/native-refusal.ts";

const FAMILIES: readonly Family[] = ["openai", "azure", "anthropic", "gemini", "bedrock", "ollama"];
const refusal: NativeRefusal = { reason: "budget_exhausted", request: "r1" };

function answer(family: Family, more: Partial<NativeRefusal>): { fields: Record<string, string>; body: unknown } {
  const { fields, body } = nativeRefusal(family, { ...refusal, ...more });
  assert.equal(new Set(fields.map(([name]) => name.toLowerCase())).size, fields.length, "a field comes once");
  return { fields: Object.fromEntries(fields), body: JSON.parse(body) };
}

const MESSAGE = "The budget is used up. It is gone.";
const bodies: Readonly<Record<Family, unknown>> = {
  openai: {
    error: {
      message: MESSAGE,
      type: "insufficient_quota",
      param: "model",
      code: "budget_exhausted",
      reason: "budget_exhausted",
      rule: "day",
      reset_at: "2026-09-02T00:00:00Z",
    },
  },
  azure: {
    error: {
      code: "budget_exhausted",
      message: MESSAGE,
      type: "insufficient_quota",
      param: "model",
      status: 429,
      reason: "budget_exhausted",
      rule: "day",
      reset_at: "2026-09-02T00:00:00Z",
    },
  },
  anthropic: {
    type: "error",
    error: {
      type: "rate_limit_error",
      message: MESSAGE,
      details: {
        error_code: "budget_exhausted",
        reason: "budget_exhausted",
        rule: "day",
        reset_at: "2026-09-02T00:00:00Z",
      },
    },
    request_id: "r1",
  },
  gemini: {
    error: {
      code: 429,
      message: MESSAGE,
      status: "RESOURCE_EXHAUSTED",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          domain: "sluice.dev",
          reason: "budget_exhausted",
          rule: "day",
          reset_at: "2026-09-02T00:00:00Z",
        },
      ],
    },
  },
  bedrock: {
    message: MESSAGE,
    __type: "ThrottlingException",
    reason: "budget_exhausted",
    rule: "day",
    reset_at: "2026-09-02T00:00:00Z",
  },
  ollama: { error: MESSAGE, reason: "budget_exhausted", rule: "day", reset_at: "2026-09-02T00:00:00Z" },
};

for (const family of FAMILIES) {
  test(`a refusal in the form of ${family}`, () => {
    const more = { detail: "It is gone.", param: "model", rule: "day", resetAt: "2026-09-02T00:00:00Z" };
    const { fields, body } = answer(family, more);
    assert.deepEqual(body, bodies[family]);
    assert.deepEqual(fields, {
      "Content-Type": "application/json",
      "Proxy-Status": 'sluice; error=http_request_denied; details="budget_exhausted"',
      "Sluice-Reason": "budget_exhausted",
      [family === "anthropic" ? "request-id" : "x-request-id"]: "r1",
      "Cache-Control": "no-store",
      "x-should-retry": "false",
      "Sluice-Budget-Reset": "2026-09-02T00:00:00Z",
      ...(family === "bedrock" ? { "x-amzn-errortype": "ThrottlingException" } : {}),
    });
  });

  test(`every reason has an answer in the form of ${family}`, () => {
    for (const reason of Object.keys(REASONS) as Reason[]) {
      const { status, body, fields } = nativeRefusal(family, { reason, request: "r" });
      assert.equal(status, reason === "policy_missing" ? 503 : REASONS[reason].status, reason);
      assert.ok(body.includes(`"${reason}"`), reason);
      for (const [name, value] of fields) assert.match(`${name}: ${value}`, /^[!-~]+: [ -~]+$/);
    }
  });
}

const plain: readonly (readonly [name: string, more: Partial<NativeRefusal>, status: number, message: string])[] = [
  ["a sentence of its own", { reason: "rate_limited" }, 429, "Too many calls."],
  ["the reason's sentence", { reason: "model_not_allowed" }, 403, "No policy allows this model."],
  ["a finer status", { reason: "path_not_allowed", status: 400 }, 400, "This path is not served."],
  ["no policy", { reason: "policy_missing" }, 503, "No inference policy is loaded."],
  ["a quote", { reason: "malformed_request", detail: 'A "b".' }, 400, 'The request is not well-formed. A "b".'],
];

for (const [name, more, status, message] of plain) {
  test(`OpenAI's form: ${name}`, () => {
    const found = nativeRefusal("openai", { ...refusal, ...more });
    assert.equal(found.status, status);
    const { error } = JSON.parse(found.body) as { error: Record<string, unknown> };
    assert.deepEqual(
      [error["message"], error["param"], "rule" in error, "reset_at" in error],
      [message, null, false, false],
    );
    assert.equal(error["code"], ERROR_TYPES[more.reason ?? "internal"].code);
  });
}

const SECONDS = "retry-after";
const MILLIS = "retry-after-ms";
const NO = { "x-should-retry": "false" };
const waits: readonly (readonly [reason: Reason, wait: number | undefined, fields: Record<string, string>])[] = [
  ["rate_limited", 1_500, { [SECONDS]: "2", [MILLIS]: "1500" }],
  ["rate_limited", 0.2, { [SECONDS]: "1", [MILLIS]: "1" }],
  ["rate_limited", 0, { [SECONDS]: "1", [MILLIS]: "1" }],
  ["rate_limited", -5, { [SECONDS]: "1", [MILLIS]: "1" }],
  ["rate_limited", 60_000, { [SECONDS]: "60", [MILLIS]: "60000" }],
  ["rate_limited", 60_001, NO],
  ["rate_limited", Infinity, NO],
  ["rate_limited", undefined, {}],
  ["budget_exhausted", 5, NO],
  ["budget_exhausted", undefined, NO],
  ["model_not_allowed", undefined, NO],
  ["guardrail_blocked", undefined, NO],
  ["overloaded", undefined, { [SECONDS]: "1" }],
  ["overloaded", 3_000, { [SECONDS]: "3", [MILLIS]: "3000" }],
  ["audit_unavailable", undefined, { [SECONDS]: "1" }],
  ["upstream_unreachable", undefined, {}],
  ["internal", undefined, {}],
];

for (const [reason, retryAfter, expected] of waits) {
  test(`a retry after ${reason}, ${retryAfter} ms`, () => {
    const { fields } = answer("openai", { reason, ...(retryAfter === undefined ? {} : { retryAfter }) });
    const names = [SECONDS, MILLIS, "x-should-retry"];
    assert.deepEqual(Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name))), expected);
  });
}

const resets: readonly (readonly [wait: number, text: string])[] = [
  [0, "0ms"],
  [0.5, "1ms"],
  [999, "999ms"],
  [999.5, "1s"],
  [1_500, "1.5s"],
  [59_999, "59.999s"],
  [60_000, "1m0s"],
  [61_001, "1m2s"],
  [119_500, "2m0s"],
  [360_000, "6m0s"],
];

for (const [reset, text] of resets) {
  test(`limits of OpenAI, free again in ${reset} ms`, () => {
    const one: RateLimit = { limit: 10, remaining: 3, reset, resetAt: "2026-09-01T12:00:00Z" };
    const { fields } = answer("azure", { reason: "rate_limited", limits: { requests: one, tokens: undefined } });
    assert.equal(fields["x-ratelimit-limit-requests"], "10");
    assert.equal(fields["x-ratelimit-remaining-requests"], "3");
    assert.equal(fields["x-ratelimit-reset-requests"], text);
    assert.ok(!("x-ratelimit-limit-tokens" in fields));
  });
}

test("a call that may have been paid is not asked for again, whatever its reason", () => {
  for (const reason of ["idle_timeout", "lifetime_limit", "upstream_invalid"] as const) {
    assert.equal(answer("openai", { reason }).fields["x-should-retry"], undefined);
    assert.equal(answer("openai", { reason, paid: true }).fields["x-should-retry"], "false");
    assert.equal(answer("anthropic", { reason, paid: true, retryAfter: 99_999 }).fields["x-should-retry"], "false");
  }
});

test("a sentence takes the place of the reason's own", () => {
  const { body } = answer("openai", { reason: "model_not_allowed", sentence: "It is here.", detail: "But not so." });
  assert.equal((body as { error: { message: string } }).error.message, "It is here. But not so.");
});

test("limits in the words of the caller's API", () => {
  const one: RateLimit = { limit: 10, remaining: 3, reset: 5, resetAt: "2026-09-01T12:00:00Z" };
  const limits = { requests: one, tokens: one };
  for (const [family, prefix, count] of [
    ["openai", "x-ratelimit-", 6],
    ["anthropic", "anthropic-ratelimit-", 6],
    ["gemini", "", 0],
    ["bedrock", "", 0],
    ["ollama", "", 0],
  ] as const) {
    const { fields } = answer(family, { reason: "rate_limited", limits });
    const names = Object.keys(fields).filter((name) => name.includes("ratelimit"));
    assert.equal(names.length, count, family);
    assert.ok(names.every((name) => name.startsWith(prefix)));
  }
  const { fields } = answer("anthropic", { reason: "rate_limited", limits });
  assert.equal(fields["anthropic-ratelimit-tokens-reset"], "2026-09-01T12:00:00Z");
});
