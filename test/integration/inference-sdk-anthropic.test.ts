import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  type Anthropic,
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
  BadRequestError,
  ContentTooLargeError,
  InternalServerError,
  NotFoundError,
  OverloadedError,
  PermissionDeniedError,
  RateLimitError,
} from "@anthropic-ai/sdk";
import type { ModelReply, SeenRequest } from "../fakes/model-origin.ts";
import { PROVIDER_KEY } from "../fakes/model-policy.ts";
import { chargeOf, type ModelWorld, sentBody, servedModel, startModelWorld } from "../fakes/model-world.ts";

type ErrorClass = abstract new (...args: never[]) => APIError;

const HELLO = "Hello from the model.";
const messages = [{ role: "user" as const, content: "hi" }];
const soon = { "retry-after-ms": "20" };
const ask = { model: "plain", max_tokens: 100, messages };
const LONG = Array.from({ length: 400 }, () => "word ");
let world: ModelWorld;

interface ProviderRow {
  readonly model: string;
  readonly reply: ModelReply;
  readonly is: ErrorClass;
  readonly status: number;
  readonly type: string;
  readonly attempts: number;
  readonly maxRetries?: number;
}

const refusals: readonly ProviderRow[] = [
  {
    model: "p400",
    reply: { status: 400 },
    is: BadRequestError,
    status: 400,
    type: "invalid_request_error",
    attempts: 1,
  },
  {
    model: "p403",
    reply: { status: 403 },
    is: PermissionDeniedError,
    status: 403,
    type: "permission_error",
    attempts: 1,
  },
  { model: "p404", reply: { status: 404 }, is: NotFoundError, status: 404, type: "not_found_error", attempts: 1 },
  {
    model: "p413",
    reply: { status: 413 },
    is: ContentTooLargeError,
    status: 413,
    type: "request_too_large",
    attempts: 1,
  },
  {
    model: "p429",
    reply: { status: 429, headers: { "x-should-retry": "false" } },
    is: RateLimitError,
    status: 429,
    type: "rate_limit_error",
    attempts: 1,
  },
  {
    model: "p500",
    reply: { status: 500, headers: soon },
    is: InternalServerError,
    status: 500,
    type: "api_error",
    attempts: 3,
  },
  {
    model: "p529",
    reply: { status: 529, headers: soon },
    is: OverloadedError,
    status: 529,
    type: "overloaded_error",
    attempts: 3,
  },
  {
    model: "p529-once",
    reply: { status: 529, headers: soon },
    is: OverloadedError,
    status: 529,
    type: "overloaded_error",
    attempts: 1,
    maxRetries: 0,
  },
  {
    model: "p401",
    reply: { status: 401 },
    is: InternalServerError,
    status: 502,
    type: "api_error",
    attempts: 1,
    maxRetries: 0,
  },
  {
    model: "not-json",
    reply: { body: "fine" },
    is: InternalServerError,
    status: 502,
    type: "api_error",
    attempts: 1,
    maxRetries: 0,
  },
  {
    model: "slow",
    reply: { hang: true },
    is: InternalServerError,
    status: 504,
    type: "timeout_error",
    attempts: 1,
  },
];

before(async () => {
  world = await startModelWorld({
    providers: {
      main: ["anthropic", "timeouts: { firstToken: 1s, idle: 400ms }"],
      slow: ["anthropic", "timeouts: { total: 1s }"],
    },
    models: [
      servedModel("plain"),
      ...refusals.map(({ model }) => servedModel(model, model === "slow" ? "slow" : "main")),
      ...["empty", "few", "limited", "hangs", "leaves", "capped"].map((name) => servedModel(name)),
      ...["error-event", "cut", "no-stop", "stall", "error-first"].map((name) => servedModel(name)),
    ],
    budgets: [
      "{ id: all, tokens: 100000000, window: day }",
      "{ id: nothing, requests: 1, window: month, models: [empty] }",
      "{ id: small, tokens: 300, window: day, models: [capped], cut: true }",
    ],
    rateLimits: ["{ id: few, requestsPerMinute: 1, models: [few] }"],
    inference: ["bodyBytes: 64Ki"],
  });
});
after(async () => world?.[Symbol.asyncDispose]());

function onlyOne(requests: readonly SeenRequest[]): SeenRequest {
  const [first, second] = requests;
  if (first === undefined || second !== undefined) throw new Error(`${requests.length} requests came`);
  return first;
}

async function failure(asked: Promise<unknown>): Promise<APIError> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof APIError) return error;
    throw error;
  }
  throw new Error("the call was answered");
}

function retryFields(error: APIError): Readonly<Record<string, string>> {
  const names = ["retry-after", "retry-after-ms", "x-should-retry"];
  return Object.fromEntries(
    names.flatMap((name) => (error.headers?.has(name) ? [[name, error.headers.get(name) ?? ""]] : [])),
  );
}

test("a message: the provider's key and the agent's version, its answer, its usage on record", async () => {
  const scene = world.scene([
    {
      usage: { cacheRead: 40, cacheWrite: 5 },
      headers: { "request-id": "req_upstream", "anthropic-organization-id": "org" },
    },
  ]);
  const client = world.anthropic({
    apiKey: "agents-own-key",
    defaultHeaders: { "x-custom": "goes-on", cookie: "agents-own" },
  });
  const sent = client.messages.create({ ...ask, metadata: { user_id: "u" } });
  const { data, response, request_id: requestId } = await sent.withResponse();
  const [block] = data.content;
  assert.equal(block?.type === "text" && block.text, HELLO);
  assert.equal(data.usage.cache_read_input_tokens, 40);
  assert.equal(requestId, "req_upstream");
  assert.equal(response.headers.get("anthropic-organization-id"), null);
  const seen = onlyOne(scene.requests);
  assert.equal(seen.path, "/v1/messages");
  assert.equal(seen.headers["x-api-key"], PROVIDER_KEY);
  assert.equal(`${seen.rawHeaders.join(" ")} ${seen.body.toString()}`.includes("agents-own"), false);
  assert.equal(seen.headers["x-custom"], "goes-on");
  assert.match(seen.headers["anthropic-version"]?.toString() ?? "", /^20\d\d-/);
  assert.equal(seen.headers["x-stainless-lang"], "js");
  assert.deepEqual(sentBody(seen), { ...ask, model: "up-plain", metadata: { user_id: "u" } });
  const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
  assert.deepEqual(chargeOf(end), { tokens: 11 + 40 + 5 + 7, estimated: false });
});

test("an auth token of the agent's goes no further either", async () => {
  const scene = world.scene([{}]);
  await world.anthropic({ apiKey: null, authToken: "agents-own-token" }).messages.create(ask);
  const { rawHeaders, headers } = onlyOne(scene.requests);
  assert.equal(rawHeaders.join(" ").includes("agents-own"), false);
  assert.equal(headers["x-api-key"], PROVIDER_KEY);
});

test("beta fields and headers pass", async () => {
  const scene = world.scene([{}]);
  await world.anthropic().beta.messages.create({ ...ask, betas: ["new-thing-2026-01-01"], context_management: null });
  const seen = onlyOne(scene.requests);
  assert.equal(seen.url, "/v1/messages");
  assert.equal(seen.headers["anthropic-beta"], "new-thing-2026-01-01");
  assert.equal(sentBody(seen)["context_management"], null);
});

test("the base URL with /anthropic is the same", async () => {
  const scene = world.scene([{}]);
  await world.anthropic({ baseURL: `${world.url}/anthropic` }).messages.create(ask);
  assert.equal(onlyOne(scene.requests).path, "/v1/messages");
});

test("messages.stream: its events, its final message, its text", async () => {
  world.scene([{ splitEvery: 5, usage: { input: 21, output: 9, cacheRead: 3 } }]);
  const before = await world.budget("all");
  const stream = world.anthropic().messages.stream(ask);
  let text = "";
  stream.on("text", (delta) => (text += delta));
  const types = new Set<string>();
  for await (const event of stream) types.add(event.type);
  const message = await stream.finalMessage();
  assert.equal(text, HELLO);
  assert.equal(await stream.finalText(), HELLO);
  assert.deepEqual([message.usage.input_tokens, message.usage.output_tokens], [21, 9]);
  assert.equal(message.stop_reason, "end_turn");
  assert.ok(types.has("message_stop"));
  const now = await world.budget("all");
  assert.deepEqual([Number(now.used) - Number(before.used), now.reserved], [33, 0]);
});

test("countTokens is passed and charged nothing", async () => {
  const { used } = await world.budget("all");
  const scene = world.scene([{ usage: { input: 1_234 } }]);
  const { input_tokens: counted } = await world.anthropic().messages.countTokens({ model: "plain", messages });
  assert.equal(counted, 1_234);
  assert.equal(onlyOne(scene.requests).path, "/v1/messages/count_tokens");
  const now = await world.budget("all");
  assert.deepEqual([now.used, now.reserved], [used, 0]);
});

test("tools and images: what goes out comes back", async () => {
  const scene = world.scene([
    {
      body: {
        id: "msg_2",
        type: "message",
        role: "assistant",
        model: "m",
        content: [{ type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Köln" } }],
        stop_reason: "tool_use",
        stop_sequence: null,
        usage: { input_tokens: 30, output_tokens: 12 },
      },
    },
    {},
  ]);
  const client = world.anthropic();
  const tools: Anthropic.Tool[] = [
    { name: "weather", input_schema: { type: "object", properties: { city: { type: "string" } } } },
  ];
  const image = {
    type: "image" as const,
    source: {
      type: "base64" as const,
      media_type: "image/png" as const,
      data: Buffer.alloc(3_000, 7).toString("base64"),
    },
  };
  const question = { role: "user" as const, content: [image, { type: "text" as const, text: "Here?" }] };
  const first = await client.messages.create({ ...ask, tools, messages: [question] });
  const [use] = first.content;
  assert.ok(use?.type === "tool_use");
  assert.deepEqual(use.input, { city: "Köln" });
  const result = { type: "tool_result" as const, tool_use_id: use.id, content: "rain" };
  const turns = [
    question,
    { role: "assistant" as const, content: first.content },
    { role: "user" as const, content: [result] },
  ];
  await client.messages.create({ ...ask, tools, messages: turns });
  const [one = {}, two = {}] = scene.requests.map(sentBody);
  assert.deepEqual(one["messages"], [question]);
  assert.deepEqual(one["tools"], tools);
  assert.deepEqual(two["messages"], turns);
});

test("models: the policy's in Anthropic's shape", async () => {
  const client = world.anthropic();
  const names: string[] = [];
  for await (const { id } of client.models.list()) names.push(id);
  assert.equal(names[0], "plain");
  assert.equal((await client.models.retrieve("plain")).id, "plain");
  await assert.rejects(client.models.retrieve("secret"), NotFoundError);
});

for (const { model, reply, is, status, type, attempts, maxRetries } of refusals) {
  test(`the provider's ${status} (${model}) is the SDK's ${is.name}, after ${attempts} attempts`, async () => {
    const scene = world.scene([reply], model === "slow" ? "slow" : "main");
    const { used } = await world.budget("all");
    const options = maxRetries === undefined ? {} : { maxRetries };
    const error = await failure(world.anthropic().messages.create({ ...ask, model }, options));
    assert.ok(error instanceof is, `${error.constructor.name}: ${error.message}`);
    assert.deepEqual([error.status, error.type], [status, type]);
    assert.equal(scene.attempts.length, attempts);
    assert.equal(scene.requests.length, attempts);
    const now = await world.budget("all");
    assert.equal(now.reserved, 0);
    if (reply.status === undefined) assert.ok(Number(now.used) > Number(used));
    else assert.equal(now.used, used);
  });
}

test("a model that is not allowed: PermissionDeniedError at once", async () => {
  const scene = world.scene([{}]);
  const error = await failure(world.anthropic().messages.create({ ...ask, model: "claude-secret" }));
  assert.ok(error instanceof PermissionDeniedError, error.constructor.name);
  assert.deepEqual([error.type, error.errorCode], ["permission_error", "model_not_allowed"]);
  assert.ok(error.requestID);
  assert.deepEqual(retryFields(error), { "x-should-retry": "false" });
  assert.equal(scene.attempts.length, 1);
  assert.equal(scene.requests.length, 0);
});

test("a budget that is used up until next month: RateLimitError at once, without the retry-after it would sleep for", async () => {
  const scene = world.scene([{}]);
  const client = world.anthropic();
  await client.messages.create({ ...ask, model: "empty" });
  const began = performance.now();
  for (const call of [
    async () => client.messages.create({ ...ask, model: "empty" }),
    async () => client.messages.stream({ ...ask, model: "empty" }).finalMessage(),
  ]) {
    const error = await failure(call());
    assert.ok(error instanceof RateLimitError, error.constructor.name);
    assert.deepEqual([error.type, error.errorCode], ["rate_limit_error", "budget_exhausted"]);
    assert.deepEqual(retryFields(error), { "x-should-retry": "false" });
    assert.ok(Date.parse(error.headers?.get("sluice-budget-reset") ?? "") > Date.now());
  }
  assert.ok(performance.now() - began < 5_000);
  assert.equal(scene.attempts.length, 3);
  assert.equal(scene.requests.length, 1);
});

test("a rate limit whose wait is beyond a minute is not slept for either", async () => {
  const scene = world.scene([{}]);
  const client = world.anthropic();
  await client.messages.create({ ...ask, model: "few" });
  const error = await failure(client.messages.create({ ...ask, model: "few" }));
  assert.ok(error instanceof RateLimitError, error.constructor.name);
  assert.deepEqual(retryFields(error), { "x-should-retry": "false" });
  assert.equal(scene.attempts.length, 2);
});

test("the provider's 429 is retried after its wait", async () => {
  const scene = world.scene([{ status: 429, headers: { "retry-after-ms": "250" } }, {}]);
  const { content } = await world.anthropic().messages.create({ ...ask, model: "limited" });
  assert.equal(content[0]?.type, "text");
  const [first, second] = scene.attempts;
  assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 245);
  assert.equal(scene.requests.length, 2);
});

test("a body beyond the limit: ContentTooLargeError, once", async () => {
  const scene = world.scene([{}]);
  const big = [{ role: "user" as const, content: "x".repeat(70_000) }];
  const error = await failure(world.anthropic().messages.create({ ...ask, messages: big }));
  assert.ok(error instanceof ContentTooLargeError, error.constructor.name);
  assert.equal(error.type, "request_too_large");
  assert.equal(scene.attempts.length, 1);
});

test("what could not be metered: NotFoundError, once", async () => {
  const scene = world.scene([{}]);
  for (const call of [
    async (client: Anthropic) => client.messages.batches.list(),
    async (client: Anthropic) => client.beta.files.list(),
  ]) {
    const error = await failure(call(world.anthropic()));
    assert.ok(error instanceof NotFoundError, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.type, "not_found_error");
  }
  assert.equal(scene.attempts.length, 2);
  assert.equal(scene.requests.length, 0);
});

test("`break` cancels the provider's work at once; the input that was stated is charged, and the output so far", async () => {
  const scene = world.scene([{ words: LONG, delayBetween: 10, usage: { input: 5_000 } }]);
  const { data, response } = await world
    .anthropic()
    .messages.create({ ...ask, model: "leaves", stream: true })
    .withResponse();
  let read = 0;
  let left = 0;
  for await (const event of data) {
    if (event.type === "content_block_delta") read += 1;
    if (read < 8) continue;
    left = performance.now();
    break;
  }
  const [seen] = scene.requests;
  assert.equal(await seen?.ended, "aborted");
  assert.ok((seen?.abortedAt ?? Infinity) - left < 1_000);
  const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
  const { tokens, estimated } = chargeOf(end);
  assert.equal(estimated, true);
  assert.ok(Number(tokens) >= 5_008 && Number(tokens) < 5_200, String(tokens));
});

test("stream.abort() does the same", async () => {
  const scene = world.scene([{ words: LONG, delayBetween: 10 }]);
  const stream = world.anthropic().messages.stream({ ...ask, model: "leaves" });
  stream.on("text", () => stream.abort());
  await assert.rejects(stream.finalMessage(), APIUserAbortError);
  assert.equal(await scene.requests[0]?.ended, "aborted");
});

test("the SDK's own timeout cancels the provider's work", async () => {
  const scene = world.scene([{ hang: true }]);
  const asked = world.anthropic({ timeout: 200, maxRetries: 0 }).messages.create({ ...ask, model: "hangs" });
  await assert.rejects(asked, APIConnectionTimeoutError);
  assert.equal(await scene.requests[0]?.ended, "aborted");
});

const event = (type: string, more: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
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
  event("content_block_delta", { index: 0, delta: { type: "text_delta", text: " two" } }),
];
const busy = event("error", { error: { type: "overloaded_error", message: "Overloaded" } });
const breaks: readonly { model: string; reply: ModelReply; type: string; text: RegExp }[] = [
  { model: "error-event", reply: { frames: [...begun, busy] }, type: "overloaded_error", text: /^one two$/ },
  {
    model: "cut",
    reply: { frames: [...begun, "", ""], cut: { after: 4, by: "rst" } },
    type: "api_error",
    text: /^one two$/,
  },
  { model: "no-stop", reply: { frames: begun }, type: "api_error", text: /^one two$/ },
  {
    model: "stall",
    reply: { frames: begun, splitAt: [begun.slice(0, 3).join("").length], delayBetween: 900 },
    type: "timeout_error",
    text: /^one$/,
  },
];
for (const { model, reply, type, text: expected } of breaks) {
  test(`a broken stream, ${model}: the SDK throws after what came, in both of its forms, and it is charged`, async () => {
    const scene = world.scene([reply]);
    const { data, response } = await world
      .anthropic()
      .messages.create({ ...ask, model, stream: true })
      .withResponse();
    let text = "";
    const error = await failure(
      (async () => {
        for await (const one of data)
          if (one.type === "content_block_delta" && one.delta.type === "text_delta") text += one.delta.text;
      })(),
    );
    assert.equal(error.type, type, error.message);
    assert.match(text, expected);
    const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
    assert.equal(chargeOf(end).estimated, true);
    assert.ok(Number(chargeOf(end).tokens) > 50);
    const whole = await failure(
      world
        .anthropic()
        .messages.stream({ ...ask, model })
        .finalMessage(),
    );
    assert.equal(whole.type, type, whole.message);
    assert.equal(scene.attempts.length, 2);
    assert.equal(scene.requests.length, 2);
  });
}

test("a stream that begins with an error is an error answer, which the SDK retries", async () => {
  const scene = world.scene([{ frames: [busy] }, {}]);
  const message = await world
    .anthropic()
    .messages.stream({ ...ask, model: "error-first" })
    .finalMessage();
  assert.equal(message.stop_reason, "end_turn");
  assert.equal(scene.attempts.length, 2);
});

test("a stream that reaches its budget ends with max_tokens, and the connection goes on", async () => {
  const scene = world.scene([{ words: LONG, delayBetween: 2 }]);
  const client = world.anthropic();
  const message = await client.messages.stream({ ...ask, model: "capped", max_tokens: 1_000 }).finalMessage();
  assert.equal(message.stop_reason, "max_tokens");
  assert.ok(message.usage.output_tokens > 1 && message.usage.output_tokens < 300, `${message.usage.output_tokens}`);
  assert.equal(await scene.requests[0]?.ended, "aborted");
  world.scene([{}]);
  for (let call = 0; call < 3; call += 1) await client.messages.create(ask, { timeout: 2_000, maxRetries: 0 });
});
