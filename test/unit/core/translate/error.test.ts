import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../../../router/core/json/json.ts";
import { chatToMessages } from "../../../../router/core/translate/chat-to-messages.ts";
import { messagesToChat } from "../../../../router/core/translate/messages-to-chat.ts";

const anthropic = (type: string, message = "m"): Json => ({ type: "error", error: { type, message }, request_id: "r" });

type Expected = readonly [status: number, type: string, code: string | null, message?: string];

const fromAnthropic: readonly (readonly [body: Json | undefined, status: number, expected: Expected])[] = [
  [anthropic("invalid_request_error"), 400, [400, "invalid_request_error", null]],
  [
    anthropic("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
    400,
    [400, "invalid_request_error", "context_length_exceeded", "prompt is too long: 9 tokens > 8 maximum"],
  ],
  [anthropic("authentication_error"), 401, [401, "invalid_request_error", "invalid_api_key"]],
  [anthropic("billing_error"), 402, [429, "insufficient_quota", "insufficient_quota"]],
  [anthropic("permission_error"), 403, [403, "invalid_request_error", "permission_denied"]],
  [anthropic("not_found_error"), 404, [404, "invalid_request_error", "model_not_found"]],
  [anthropic("conflict_error"), 409, [409, "invalid_request_error", "conflict"]],
  [anthropic("request_too_large"), 413, [413, "invalid_request_error", "request_too_large"]],
  [anthropic("rate_limit_error"), 429, [429, "requests", "rate_limit_exceeded"]],
  [anthropic("api_error"), 500, [500, "server_error", null]],
  [anthropic("timeout_error"), 504, [504, "server_error", "timeout"]],
  [anthropic("overloaded_error"), 529, [503, "server_error", "server_is_overloaded"]],
  [anthropic("constructor"), 429, [429, "requests", "rate_limit_exceeded"]],
  [undefined, 529, [503, "server_error", "server_is_overloaded", "The model provider answered with overloaded_error."]],
  ["<html>", 418, [400, "invalid_request_error", null, "The model provider answered with invalid_request_error."]],
  [{ error: "text" }, 502, [500, "server_error", null, "text"]],
  [anthropic("api_error", `\ud800${"a".repeat(5000)}`), 500, [500, "server_error", null, `\ufffd${"a".repeat(4095)}`]],
];

for (const [index, [body, status, [expectedStatus, type, code, message = "m"]]] of fromAnthropic.entries()) {
  test(`an error of Anthropic, ${index}: ${status} as ${expectedStatus} ${type} ${code}`, () => {
    assert.deepEqual(chatToMessages.error(body, status), {
      status: expectedStatus,
      body: { error: { message, type, param: null, code } },
    });
  });
}

const openai = (type: Json, code: Json, message = "m"): Json => ({ error: { message, type, param: null, code } });

const fromOpenai: readonly (readonly [
  body: Json | undefined,
  status: number,
  expected: readonly [number, string, string?],
])[] = [
  [openai("invalid_request_error", null), 400, [400, "invalid_request_error"]],
  [
    openai("invalid_request_error", "context_length_exceeded"),
    400,
    [400, "invalid_request_error", "prompt is too long: m"],
  ],
  [openai(null, "content_filter"), 400, [400, "invalid_request_error"]],
  [openai("invalid_request_error", "invalid_api_key"), 401, [401, "authentication_error"]],
  [openai("insufficient_quota", "insufficient_quota"), 429, [402, "billing_error"]],
  [openai("requests", "rate_limit_exceeded"), 429, [429, "rate_limit_error"]],
  [openai("tokens", null), 429, [429, "rate_limit_error"]],
  [openai("server_error", null), 500, [500, "api_error"]],
  [openai("server_error", "server_is_overloaded"), 503, [529, "overloaded_error"]],
  [openai("x", "slow_down"), 503, [529, "overloaded_error"]],
  [openai("server_error", null), 503, [529, "overloaded_error"]],
  [{ error: { code: "429", message: "m" } }, 429, [429, "rate_limit_error"]],
  [{ error: { code: "DeploymentNotFound", message: "m" } }, 404, [404, "not_found_error"]],
  [{ error: "m" }, 404, [404, "not_found_error"]],
  [{ object: "error", message: "m", type: "BadRequestError", code: 400 }, 400, [400, "invalid_request_error"]],
  [
    { error: { type: ["x"], code: {}, message: 7 } },
    422,
    [400, "invalid_request_error", "The model provider answered with invalid_request_error."],
  ],
  [null, 408, [504, "timeout_error", "The model provider answered with timeout_error."]],
  [undefined, 413, [413, "request_too_large", "The model provider answered with request_too_large."]],
];

for (const [index, [body, status, [expectedStatus, type, message = "m"]]] of fromOpenai.entries()) {
  test(`an error of OpenAI, ${index}: ${status} as ${expectedStatus} ${type}`, () => {
    assert.deepEqual(messagesToChat.error(body, status), {
      status: expectedStatus,
      body: { type: "error", error: { type, message }, request_id: null },
    });
  });
}
