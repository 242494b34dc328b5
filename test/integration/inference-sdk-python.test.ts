import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { ModelReply, SeenRequest } from "../fakes/model-origin.ts";
import { PROVIDER_KEY } from "../fakes/model-policy.ts";
import { chargeOf, type ModelWorld, sentBody, servedModel, startModelWorld } from "../fakes/model-world.ts";
import { requirement } from "../require.ts";
import { findPythonSdks } from "../tools/python-sdks.ts";

const python = findPythonSdks();
const needed = requirement("python-sdks", python !== undefined, "run `node test/tools/python-sdks.ts` first");
const HELLO = "Hello from the model.";
const soon = { "retry-after-ms": "20" };
const LONG = Array.from({ length: 400 }, () => "word ");

interface Case {
  readonly name: string;
  readonly provider: "main" | "claude";
  /** By its number among the requests for this model; the last stays. */
  readonly replies: readonly ModelReply[];
  readonly expected: Readonly<Record<string, unknown>>;
  /** Requests that the provider gets. */
  readonly asked: number;
  /** Seconds, where not waiting is the point. */
  readonly within?: number;
}

const event = (type: string, more: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const frame = (content: string): string =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
const begun = [
  event("message_start", {
    message: {
      id: "msg_3",
      type: "message",
      role: "assistant",
      model: "m",
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 50, output_tokens: 1 },
    },
  }),
  event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
  event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "one" } }),
];
const toolCall: ModelReply = {
  body: {
    id: "c",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Köln"}' } }],
        },
        finish_reason: "tool_calls",
      },
    ],
    usage: { prompt_tokens: 30, completion_tokens: 12, total_tokens: 42 },
  },
};

const refused = (error: string, status: number, code: string, retries = 0) => ({
  error,
  status,
  code,
  retries,
  isApiError: true,
});
const cases: readonly Case[] = [
  { name: "o-create", provider: "main", replies: [{}], expected: { text: HELLO, tokens: 18 }, asked: 1 },
  { name: "o-stream", provider: "main", replies: [{ splitEvery: 9 }], expected: { text: HELLO }, asked: 1 },
  { name: "o-stream-usage", provider: "main", replies: [{}], expected: { choices: 0, tokens: 18 }, asked: 1 },
  { name: "o-break", provider: "main", replies: [{ words: LONG, delayBetween: 10 }], expected: { index: 5 }, asked: 1 },
  {
    name: "o-async",
    provider: "main",
    replies: [{}],
    expected: { texts: Array.from({ length: 8 }, () => HELLO) },
    asked: 8,
  },
  {
    name: "o-tool",
    provider: "main",
    replies: [toolCall],
    expected: { name: "weather", arguments: { city: "Köln" } },
    asked: 1,
  },
  { name: "o-responses", provider: "main", replies: [{}], expected: { texts: [HELLO, HELLO] }, asked: 2 },
  { name: "o-embeddings", provider: "main", replies: [{}], expected: { embedding: [0.25, -0.5, 0.125] }, asked: 1 },
  { name: "o-models", provider: "main", replies: [], expected: { found: true }, asked: 0 },
  {
    name: "o-unknown",
    provider: "main",
    replies: [],
    expected: refused("PermissionDeniedError", 403, "model_not_allowed"),
    asked: 0,
  },
  {
    name: "o-budget",
    provider: "main",
    replies: [],
    expected: { ...refused("RateLimitError", 429, "budget_exhausted"), retryAfter: null },
    asked: 0,
    within: 0.4,
  },
  {
    name: "o-large",
    provider: "main",
    replies: [],
    expected: refused("APIStatusError", 413, "request_too_large"),
    asked: 0,
  },
  {
    name: "o-files",
    provider: "main",
    replies: [],
    expected: refused("NotFoundError", 404, "path_not_allowed"),
    asked: 0,
  },
  {
    name: "o-400",
    provider: "main",
    replies: [{ status: 400, code: "bad" }],
    expected: refused("BadRequestError", 400, "bad"),
    asked: 1,
  },
  {
    name: "o-429",
    provider: "main",
    replies: [{ status: 429, headers: soon }, {}],
    expected: { text: HELLO },
    asked: 2,
  },
  {
    name: "o-500",
    provider: "main",
    replies: [{ status: 500, code: "x", headers: soon }],
    expected: refused("InternalServerError", 500, "x", 2),
    asked: 3,
  },
  {
    name: "o-500-once",
    provider: "main",
    replies: [{ status: 500, code: "x", headers: soon }],
    expected: refused("InternalServerError", 500, "x"),
    asked: 1,
  },
  {
    name: "o-cut",
    provider: "main",
    replies: [{ words: ["one", " two"], delayBetween: 20, cut: { after: 3, by: "rst" } }],
    expected: { error: "APIError", code: "upstream_invalid", text: "one two", isApiError: true },
    asked: 1,
  },
  {
    name: "o-error-frame",
    provider: "main",
    replies: [
      {
        frames: [frame("one"), 'data: {"error":{"message":"Busy.","type":"server_error","code":"overloaded"}}\n\n'],
        delayBetween: 20,
      },
    ],
    expected: { error: "APIError", code: "overloaded", text: "one", isApiError: true },
    asked: 1,
  },
  {
    name: "o-timeout",
    provider: "main",
    replies: [{ hang: true }],
    expected: { error: "APITimeoutError", isApiError: true },
    asked: 1,
    within: 1.5,
  },
  { name: "o-claude", provider: "claude", replies: [{}], expected: { text: HELLO, streamed: HELLO }, asked: 2 },
  { name: "a-create", provider: "claude", replies: [{}], expected: { text: HELLO, tokens: 18 }, asked: 1 },
  {
    name: "a-stream",
    provider: "claude",
    replies: [{ splitEvery: 9 }],
    expected: { text: HELLO, tokens: 7 },
    asked: 1,
  },
  { name: "a-count", provider: "claude", replies: [{}], expected: { tokens: 11 }, asked: 1 },
  {
    name: "a-unknown",
    provider: "claude",
    replies: [],
    expected: { error: "PermissionDeniedError", status: 403, retries: 0 },
    asked: 0,
  },
  {
    name: "a-budget",
    provider: "claude",
    replies: [],
    expected: { error: "RateLimitError", status: 429, retries: 0, retryAfter: null },
    asked: 0,
    within: 0.4,
  },
  {
    name: "a-529",
    provider: "claude",
    replies: [{ status: 529, headers: soon }],
    expected: { error: "OverloadedError", status: 529, retries: 2 },
    asked: 3,
  },
  {
    name: "a-error-event",
    provider: "claude",
    replies: [
      {
        frames: [...begun, event("error", { error: { type: "overloaded_error", message: "Overloaded" } })],
        delayBetween: 20,
      },
    ],
    expected: { isApiError: true, type: "overloaded_error" },
    asked: 1,
  },
  {
    name: "a-cut",
    provider: "claude",
    replies: [{ frames: [...begun, "", ""], delayBetween: 5, cut: { after: 3, by: "rst" } }],
    expected: { isApiError: true, type: "api_error" },
    asked: 1,
  },
  { name: "a-gpt", provider: "main", replies: [{}], expected: { text: HELLO, streamed: HELLO }, asked: 2 },
];

let world: ModelWorld;
let results: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {};
let asked: ReadonlyMap<string, readonly SeenRequest[]> = new Map();

before(async () => {
  if (python === undefined) return;
  world = await startModelWorld({
    providers: { main: ["openai"], claude: ["anthropic"] },
    models: cases.map(({ name, provider }) => servedModel(name, provider)),
    budgets: [
      "{ id: all, tokens: 100000000, window: day }",
      "{ id: nothing, tokens: 10, window: day, models: [o-budget, a-budget] }",
    ],
    inference: ["bodyBytes: 64Ki"],
  });
  const seen = new Map<string, SeenRequest[]>();
  const answer = (request: SeenRequest): ModelReply => {
    const name = String(sentBody(request)["model"]).replace(/^up-/, "");
    const requests = seen.get(name) ?? [];
    seen.set(name, [...requests, request]);
    const replies = cases.find((one) => one.name === name)?.replies ?? [];
    return replies[Math.min(requests.length, replies.length - 1)] ?? {};
  };
  world.scene(answer, "main");
  world.scene(answer, "claude");
  const { stdout } = await promisify(execFile)(
    python,
    [join(import.meta.dirname, "inference-sdk-python.py"), world.url],
    { env: { PATH: process.env["PATH"] }, timeout: 60_000 },
  );
  results = JSON.parse(stdout) as typeof results;
  asked = seen;
});
after(async () => world?.[Symbol.asyncDispose]());

for (const { name, expected, asked: count, within } of cases) {
  test(`python, ${name}`, needed, () => {
    const result = results[name] ?? {};
    const told = Object.fromEntries(Object.keys(expected).map((key) => [key, result[key]]));
    assert.deepEqual(told, expected, String(result["message"]));
    const requests = asked.get(name) ?? [];
    assert.equal(requests.length, count);
    for (const { rawHeaders } of requests) {
      assert.equal(
        rawHeaders.some((value) => value.includes(PROVIDER_KEY)),
        true,
      );
      assert.equal(rawHeaders.join(" ").includes("not-needed"), false);
    }
    if (within !== undefined) assert.ok(Number(result["seconds"]) < within, String(result["seconds"]));
  });
}

test("python: leaving a stream cancels the provider's work, and is charged", needed, async () => {
  const [seen] = asked.get("o-break") ?? [];
  assert.equal(await seen?.ended, "aborted");
  const { tokens, estimated } = chargeOf(await world.ended("o-break"));
  assert.equal(estimated, true);
  assert.ok(Number(tokens) > 20, String(tokens));
});
