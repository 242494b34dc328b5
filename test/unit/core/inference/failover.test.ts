import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { millis } from "../../../../router/core/base/quantity.ts";
import type { Family } from "../../../../router/core/inference/api.ts";
import { type ErrorKind, errorKind } from "../../../../router/core/inference/error-kind.ts";
import {
  type AttemptFailure,
  mayTryNext,
  RetryBudget,
  targetSign,
} from "../../../../router/core/inference/failover.ts";

const nothing: AttemptFailure = { status: undefined, cause: undefined, committed: false, kind: "other" };

const statuses: readonly (readonly [number, boolean, string])[] = [
  [200, false, "alive"],
  [400, false, "alive"],
  [401, false, "alive"],
  [403, false, "alive"],
  [404, false, "alive"],
  [408, true, "failed"],
  [409, false, "alive"],
  [413, false, "alive"],
  [422, false, "alive"],
  [429, true, "limited"],
  [500, true, "failed"],
  [501, false, "failed"],
  [502, true, "failed"],
  [503, true, "failed"],
  [504, true, "failed"],
  [529, true, "failed"],
];
for (const [status, next, sign] of statuses) {
  test(`status ${status}: ${next ? "the next target" : "no other target"}, ${sign}`, () => {
    assert.equal(mayTryNext({ ...nothing, status }), next);
    assert.equal(mayTryNext({ ...nothing, status, committed: true }), false, "never once committed");
    for (const kind of ["context_length", "content_filter"] as const) {
      assert.equal(mayTryNext({ ...nothing, status, kind }), false, `never on ${kind}`);
    }
    assert.equal(targetSign({ status, cause: undefined }, undefined).kind, sign);
  });
}

const causes: readonly (readonly [NonNullable<AttemptFailure["cause"]>, boolean, string])[] = [
  ["upstream_unreachable", true, "failed"],
  ["upstream_invalid", true, "failed"],
  ["first_byte_timeout", true, "failed"],
  ["idle_timeout", true, "failed"],
  ["dns_failure", true, "failed"],
  ["address_not_allowed", true, "nothing"],
  ["overloaded", true, "nothing"],
  ["draining", true, "nothing"],
  ["lifetime_limit", false, "nothing"],
  ["aborted", false, "nothing"],
  ["internal", false, "nothing"],
  ["budget_exhausted", false, "nothing"],
];
for (const [cause, next, sign] of causes) {
  test(`ended by ${cause}: ${next ? "the next target" : "no other target"}, ${sign}`, () => {
    // Cut after a head that was not yet passed on: its status says nothing any more.
    for (const status of [undefined, 200, 503]) {
      assert.equal(mayTryNext({ ...nothing, cause, status }), next);
      assert.equal(mayTryNext({ ...nothing, cause, status, committed: true }), false);
      assert.equal(targetSign({ status, cause }, millis(5)).kind, sign);
    }
  });
}

test("a call for no stream that was late: no other target, and for the breaker no failure by itself", () => {
  for (const cause of ["first_byte_timeout", "idle_timeout", "lifetime_limit"] as const) {
    assert.equal(mayTryNext({ ...nothing, cause, late: true }), false);
    assert.deepEqual(targetSign({ status: undefined, cause, late: true }, undefined), { kind: "late" });
  }
});

test("a hint makes a limit of 429, 503 and 529, and of nothing else", () => {
  const wait = millis(1_234);
  for (const status of [429, 503, 529]) {
    assert.deepEqual(targetSign({ status, cause: undefined }, wait), { kind: "limited", wait });
  }
  assert.deepEqual(targetSign({ status: 500, cause: undefined }, wait), { kind: "failed" });
  assert.deepEqual(targetSign({ status: 200, cause: undefined }, wait), { kind: "alive" });
  assert.equal(mayTryNext(nothing), false, "nothing known is no leave");
});

test("extra attempts: ten saved, one for ten calls, one every ten seconds", () => {
  const budget = new RetryBudget();
  const taken = (now: number): number => {
    let count = 0;
    while (budget.take(millis(now))) count += 1;
    return count;
  };
  assert.equal(taken(0), 10);
  for (let call = 0; call < 9; call++) budget.called();
  assert.equal(taken(1), 0);
  budget.called();
  assert.equal(taken(1), 1);
  for (let call = 0; call < 10_000; call++) budget.called();
  assert.equal(taken(2), 10, "no more are saved");
  assert.equal(taken(9_999), 0);
  assert.equal(taken(10_000), 1);
  assert.equal(taken(3_600_000), 10);
});

test("a dead provider is asked by no more than a tenth more", () => {
  const budget = new RetryBudget();
  let extra = 0;
  for (let call = 0; call < 10_000; call++) {
    budget.called();
    if (budget.take(millis(0))) extra += 1;
  }
  assert.ok(extra <= 10_000 / 10 + 10, String(extra));
});

const openai = (code: string, message = "no"): string =>
  JSON.stringify({ error: { message, type: "x", param: null, code } });
const anthropic = (message: string): string =>
  JSON.stringify({ type: "error", error: { type: "invalid_request_error", message }, request_id: "r" });

const kinds: readonly (readonly [string, Family, number, string, ErrorKind])[] = [
  ["OpenAI's code", "openai", 400, openai("context_length_exceeded"), "context_length"],
  ["the same with a status of a gateway's own", "openai", 500, openai("context_length_exceeded"), "context_length"],
  ["but not with a success", "openai", 200, openai("context_length_exceeded"), "other"],
  [
    "vLLM's sentence",
    "openai",
    400,
    openai("400", "This model's maximum context length is 4096 tokens."),
    "context_length",
  ],
  ["that sentence with 500", "openai", 500, openai("x", "This model's maximum context length is 4096"), "other"],
  ["a type", "openai", 400, '{"error":{"code":400,"type":"exceed_context_size_error"}}', "context_length"],
  [
    "Azure's content filter",
    "azure",
    400,
    '{"error":{"message":"m","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}',
    "content_filter",
  ],
  [
    "its inner error alone",
    "azure",
    400,
    '{"error":{"code":"x","innererror":{"code":"ResponsibleAIPolicyViolation"}}}',
    "content_filter",
  ],
  ["a rate limit", "azure", 429, '{"error":{"code":"429","message":"Please retry after 6 seconds"}}', "other"],
  [
    "Anthropic's sentence",
    "anthropic",
    400,
    anthropic("prompt is too long: 210000 tokens > 200000 maximum"),
    "context_length",
  ],
  [
    "another of Anthropic's",
    "anthropic",
    400,
    anthropic("input length and `max_tokens` exceed context limit"),
    "context_length",
  ],
  ["Anthropic's filter", "anthropic", 400, anthropic("Output blocked by content filtering policy"), "content_filter"],
  [
    "Anthropic's 413",
    "anthropic",
    413,
    '{"type":"error","error":{"type":"request_too_large","message":"m"}}',
    "context_length",
  ],
  ["Anthropic's rate limit", "anthropic", 429, anthropic("prompt is too long"), "other"],
  [
    "Gemini's sentence",
    "gemini",
    400,
    '{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8).","status":"INVALID_ARGUMENT"}}',
    "context_length",
  ],
  ["Bedrock's", "bedrock", 400, '{"message":"Input is too long for requested model."}', "context_length"],
  ["Ollama's text", "ollama", 400, '{"error":"the input length exceeds the context length"}', "context_length"],
  ["no JSON", "openai", 400, "<html>maximum context length</html>", "other"],
  ["an array", "openai", 400, '["context_length_exceeded"]', "other"],
  ["null", "openai", 400, "null", "other"],
  ["null inside", "openai", 400, '{"error":null}', "other"],
  ["nothing", "openai", 400, "", "other"],
  ["a code that Object.prototype has", "openai", 400, openai("constructor"), "other"],
  ["ten thousand deep", "openai", 400, "[".repeat(10_000), "other"],
  ["too long to look at", "openai", 400, openai("context_length_exceeded", "x".repeat(70_000)), "other"],
  [
    "a sentence far down a long message",
    "openai",
    400,
    openai("x", `${"x".repeat(3_000)}maximum context length`),
    "other",
  ],
];
for (const [name, family, status, body, expected] of kinds) {
  test(`an error body: ${name} is ${expected}`, () => assert.equal(errorKind(family, status, body), expected));
}

test("an error body never throws", () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), fc.integer({ min: 100, max: 599 }), (body, status) => {
      assert.ok(["context_length", "content_filter", "other"].includes(errorKind("openai", status, body)));
    }),
  );
});
