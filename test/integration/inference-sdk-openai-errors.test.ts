import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  APIConnectionTimeoutError,
  APIError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  type OpenAI,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from "openai";
import type { ModelReply } from "../fakes/model-origin.ts";
import { type ModelWorld, servedModel, startModelWorld } from "../fakes/model-world.ts";

type ErrorClass = abstract new (...args: never[]) => APIError;

const HELLO = "Hello from the model.";
const messages = [{ role: "user" as const, content: "hi" }];
/** What the provider says of a soon retry, so that nothing waits for the SDK's own half second. */
const soon = { "retry-after-ms": "20" };
let world: ModelWorld;

interface ProviderRow {
  readonly model: string;
  readonly reply: ModelReply;
  readonly is: ErrorClass;
  readonly status: number;
  readonly code?: string | null;
  /** What the SDK sends, and all of it the provider gets. */
  readonly attempts: number;
  readonly maxRetries?: number;
}

const refusals: readonly ProviderRow[] = [
  {
    model: "p400",
    reply: { status: 400, code: "bad_param" },
    is: BadRequestError,
    status: 400,
    code: "bad_param",
    attempts: 1,
  },
  { model: "p403", reply: { status: 403 }, is: PermissionDeniedError, status: 403, attempts: 1 },
  {
    model: "p404",
    reply: { status: 404, code: "model_not_found" },
    is: NotFoundError,
    status: 404,
    code: "model_not_found",
    attempts: 1,
  },
  { model: "p409", reply: { status: 409, headers: soon }, is: ConflictError, status: 409, attempts: 3 },
  { model: "p422", reply: { status: 422 }, is: UnprocessableEntityError, status: 422, attempts: 1 },
  {
    model: "p429-final",
    reply: { status: 429, code: "insufficient_quota", headers: { "x-should-retry": "false" } },
    is: RateLimitError,
    status: 429,
    code: "insufficient_quota",
    attempts: 1,
  },
  { model: "p500", reply: { status: 500, headers: soon }, is: InternalServerError, status: 500, attempts: 3 },
  {
    model: "p500-once",
    reply: { status: 500, headers: soon },
    is: InternalServerError,
    status: 500,
    attempts: 1,
    maxRetries: 0,
  },
  {
    model: "p500-twice",
    reply: { status: 500, headers: soon },
    is: InternalServerError,
    status: 500,
    attempts: 2,
    maxRetries: 1,
  },
  {
    model: "p500-often",
    reply: { status: 500, headers: soon },
    is: InternalServerError,
    status: 500,
    attempts: 4,
    maxRetries: 3,
  },
  {
    model: "p503-final",
    reply: { status: 503, headers: { "x-should-retry": "false" } },
    is: InternalServerError,
    status: 503,
    attempts: 1,
  },
  // What the provider thinks of the router's key is not the agent's to mend.
  {
    model: "p401",
    reply: { status: 401, code: "invalid_api_key" },
    is: InternalServerError,
    status: 502,
    code: "upstream_invalid",
    attempts: 1,
    maxRetries: 0,
  },
  {
    model: "p302",
    reply: { status: 302, headers: { location: "http://127.0.0.1:1/" } },
    is: InternalServerError,
    status: 502,
    code: "upstream_invalid",
    attempts: 1,
    maxRetries: 0,
  },
  {
    model: "not-json",
    reply: { body: "<html>fine</html>" },
    is: InternalServerError,
    status: 502,
    code: "upstream_invalid",
    attempts: 1,
    maxRetries: 0,
  },
  {
    model: "reset",
    reply: { raw: (socket) => void socket.resetAndDestroy() },
    is: InternalServerError,
    status: 502,
    attempts: 1,
    maxRetries: 0,
  },
  {
    model: "no-http",
    reply: { raw: "hello\r\n\r\n" },
    is: InternalServerError,
    status: 502,
    code: "upstream_invalid",
    attempts: 1,
    maxRetries: 0,
  },
  {
    model: "slow",
    reply: { hang: true },
    is: InternalServerError,
    status: 504,
    code: "lifetime_limit",
    attempts: 1,
  },
];

before(async () => {
  world = await startModelWorld({
    providers: {
      main: ["openai", "timeouts: { firstToken: 1s }"],
      down: ["openai"],
      slow: ["openai", "timeouts: { total: 1s }"],
    },
    models: [
      servedModel("plain"),
      ...refusals.map(({ model }) => servedModel(model, model === "slow" ? "slow" : "main")),
      ...[
        "empty",
        "free",
        "unpriced",
        "few",
        "one-at-a-time",
        "limited",
        "limited-long",
        "told-no",
        "hangs",
        "lies",
      ].map((name) => servedModel(name)),
      servedModel("unreachable", "down"),
    ],
    budgets: [
      "{ id: all, tokens: 100000000, window: day }",
      "{ id: nothing, tokens: 10, window: day, models: [empty] }",
      "{ id: once, requests: 1, window: month, models: [free] }",
    ],
    rateLimits: [
      "{ id: few, requestsPerMinute: 1, models: [few] }",
      "{ id: lone, concurrent: 1, models: [one-at-a-time] }",
    ],
    inference: ["bodyBytes: 64Ki"],
  });
  await world.origin("down").close();
});
after(async () => world?.[Symbol.asyncDispose]());

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

for (const { model, reply, is, status, code, attempts, maxRetries } of refusals) {
  test(`the provider's ${status} (${model}) is the SDK's ${is.name}, after ${attempts} attempts`, async () => {
    const scene = world.scene([reply], model === "slow" ? "slow" : "main");
    const { used } = await world.budget("all");
    const error = await failure(
      world.openai().chat.completions.create({ model, messages }, maxRetries === undefined ? {} : { maxRetries }),
    );
    assert.ok(error instanceof is, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.status, status);
    if (code !== undefined) assert.equal(error.code, code);
    if (status === reply.status) assert.match(error.message, /The test said so\./);
    assert.equal(scene.attempts.length, attempts);
    assert.equal(scene.requests.length, attempts);
    assert.deepEqual(
      scene.requests.map(({ headers }) => headers["x-stainless-retry-count"]),
      scene.requests.map((_, index) => String(index)),
    );
    const now = await world.budget("all");
    assert.equal(now.reserved, 0);
    // A refusal costs nothing; what may have been worked on does.
    if (reply.status !== undefined) assert.equal(now.used, used);
    else assert.ok(Number(now.used) > Number(used));
  });
}

test("a model that is not allowed: PermissionDeniedError at once, and no provider hears of it", async () => {
  const scene = world.scene([{}]);
  for (const stream of [false, true]) {
    const error = await failure(world.openai().chat.completions.create({ model: "gpt-secret", messages, stream }));
    assert.ok(error instanceof PermissionDeniedError, error.constructor.name);
    assert.deepEqual([error.code, error.param, error.type], ["model_not_allowed", "model", "invalid_request_error"]);
    assert.deepEqual(retryFields(error), { "x-should-retry": "false" });
    assert.ok(error.requestID);
    assert.equal(error.headers?.get("sluice-reason"), "model_not_allowed");
  }
  assert.equal(scene.attempts.length, 2);
  assert.equal(scene.requests.length, 0);
});

test("a budget that is used up: RateLimitError once, whatever maxRetries says, with the instant of its reset", async () => {
  const scene = world.scene([{}]);
  const client = world.openai({ maxRetries: 5 });
  await client.chat.completions.create({ model: "free", messages });
  const rows = [
    { model: "empty", rule: "nothing", within: undefined },
    { model: "free", rule: "once", within: 31 * 24 * 3_600_000 },
  ];
  for (const { model, rule, within } of rows) {
    const error = await failure(client.chat.completions.create({ model, messages }));
    assert.ok(error instanceof RateLimitError, error.constructor.name);
    assert.deepEqual([error.code, error.type], ["budget_exhausted", "insufficient_quota"]);
    assert.deepEqual(retryFields(error), { "x-should-retry": "false" });
    assert.equal((error.error as { rule: string }).rule, rule);
    // What needs more than the whole budget has no instant at which it would be served.
    if (within === undefined) {
      assert.equal(error.headers?.get("sluice-budget-reset"), null);
      continue;
    }
    const reset = Date.parse(error.headers?.get("sluice-budget-reset") ?? "");
    assert.ok(
      reset > Date.now() - 1_000 && reset - Date.now() <= within,
      error.headers?.get("sluice-budget-reset") ?? "",
    );
  }
  assert.equal(scene.attempts.length, 3);
  assert.equal(scene.requests.length, 1);
});

test("a rate limit tells the SDK when to come back, or not to where it would not wait so long", async () => {
  const scene = world.scene([{}]);
  const client = world.openai({ maxRetries: 0 });
  await client.chat.completions.create({ model: "few", messages });
  const soonest = await failure(client.chat.completions.create({ model: "few", messages }));
  assert.deepEqual(retryFields(soonest), { "x-should-retry": "false" });
  // A second and its slot later the wait is below the minute that SDKs take seriously.
  await sleep(2_100);
  const error = await failure(client.chat.completions.create({ model: "few", messages }));
  assert.ok(error instanceof RateLimitError, error.constructor.name);
  assert.deepEqual([error.code, error.type], ["rate_limit_exceeded", "requests"]);
  const { "retry-after": seconds, "retry-after-ms": millis, ...rest } = retryFields(error);
  assert.deepEqual(rest, {});
  assert.ok(Number(millis) > 50_000 && Number(millis) <= 60_000, String(millis));
  assert.equal(Number(seconds), Math.ceil(Number(millis) / 1_000));
  assert.equal(scene.requests.length, 1);
});

test("a call beyond those at the same time is tried again by the SDK, and served", async () => {
  const scene = world.scene([{ delayHead: 800 }, {}]);
  const client = world.openai();
  const asked = [1, 2].map(async () => client.chat.completions.create({ model: "one-at-a-time", messages }));
  for (const { choices } of await Promise.all(asked)) assert.equal(choices[0]?.message.content, HELLO);
  assert.ok(scene.attempts.length >= 3, `${scene.attempts.length}`);
  assert.equal(scene.requests.length, 2);
});

test("the provider's own 429 reaches the SDK with its wait, which it keeps", async () => {
  const scene = world.scene([
    { status: 429, headers: { "retry-after-ms": "300", "x-ratelimit-remaining-requests": "0" } },
    {},
  ]);
  const answer = await world.openai().chat.completions.create({ model: "limited", messages });
  assert.equal(answer.choices[0]?.message.content, HELLO);
  const [first, second, third] = scene.attempts;
  assert.equal(third, undefined);
  assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 295);
  assert.equal(second?.headers.get("x-stainless-retry-count"), "1");
  assert.equal(scene.requests.length, 2);
});

test("after a 429 with a long wait the provider is left alone, and the SDK is told not to ask again", async () => {
  const scene = world.scene([{ status: 429, headers: { "retry-after": "120" } }, {}]);
  const client = world.openai({ maxRetries: 0 });
  const first = await failure(client.chat.completions.create({ model: "limited-long", messages }));
  assert.ok(first instanceof RateLimitError, first.constructor.name);
  assert.deepEqual(retryFields(first), { "x-should-retry": "false" });
  const second = await failure(world.openai().chat.completions.create({ model: "limited-long", messages }));
  assert.deepEqual([second.status, second.code], [429, "rate_limit_exceeded"]);
  assert.deepEqual(retryFields(second), { "x-should-retry": "false" });
  assert.equal(scene.requests.length, 1);
  assert.equal(scene.attempts.length, 2);
});

test("a provider that says x-should-retry: true is asked again even for a 400", async () => {
  const scene = world.scene([{ status: 400, headers: { "x-should-retry": "true", ...soon } }, {}]);
  const answer = await world.openai().chat.completions.create({ model: "told-no", messages });
  assert.equal(answer.choices[0]?.message.content, HELLO);
  assert.equal(scene.requests.length, 2);
});

const malformed: readonly { name: string; body: string }[] = [
  { name: "cut JSON", body: '{"model":"plain","messages":[{"role":' },
  { name: "no object", body: '["plain"]' },
  { name: "no model", body: '{"messages":[]}' },
  { name: "two models", body: '{"model":"plain","messages":[],"model":"other"}' },
  { name: "a model that is no text", body: '{"model":{"name":"plain"},"messages":[]}' },
  { name: "nothing", body: "" },
];
for (const { name, body } of malformed) {
  test(`a malformed request, ${name}: BadRequestError, once`, async () => {
    const scene = world.scene([{}]);
    const client = world.openai({ fetch: async (url, init) => world.fetch(url, { ...init, body }) });
    const error = await failure(client.chat.completions.create({ model: "plain", messages }));
    assert.ok(error instanceof BadRequestError, `${error.constructor.name}: ${error.message}`);
    assert.deepEqual([error.code, error.type], ["malformed_request", "invalid_request_error"]);
    assert.deepEqual(retryFields(error), { "x-should-retry": "false" });
    assert.equal(scene.attempts.length, 1);
    assert.equal(scene.requests.length, 0);
  });
}

test("a body beyond the limit: 413, once, and the next call is served", async () => {
  const scene = world.scene([{}]);
  const client = world.openai();
  const content = "x".repeat(70_000);
  const error = await failure(
    client.chat.completions.create({ model: "plain", messages: [{ role: "user", content }] }),
  );
  assert.deepEqual([error.status, error.code], [413, "request_too_large"]);
  assert.deepEqual(retryFields(error), { "x-should-retry": "false" });
  assert.equal(scene.attempts.length, 1);
  assert.equal(scene.requests.length, 0);
  await client.chat.completions.create({ model: "plain", messages });
});

const unknownPaths: readonly { name: string; call: (client: OpenAI) => Promise<unknown> }[] = [
  { name: "files", call: async (client) => client.files.list() },
  { name: "images", call: async (client) => client.images.generate({ prompt: "a cat", model: "plain" }) },
  { name: "moderations", call: async (client) => client.moderations.create({ input: "x" }) },
  { name: "a stored response", call: async (client) => client.responses.retrieve("resp_1") },
  { name: "batches", call: async (client) => client.batches.list() },
  { name: "a path of nobody's", call: async (client) => client.get("/nothing/here") },
];
for (const { name, call } of unknownPaths) {
  test(`what could not be metered, ${name}: NotFoundError, once`, async () => {
    const scene = world.scene([{}]);
    const error = await failure(call(world.openai()));
    assert.ok(error instanceof NotFoundError, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.code, "path_not_allowed");
    assert.equal(scene.attempts.length, 1);
    assert.equal(scene.requests.length, 0);
  });
}

test("a provider that is down: 502 without its address, retried, and nothing is charged", async () => {
  const { used } = await world.budget("all");
  const scene = world.scene([{}]);
  const error = await failure(
    world.openai({ maxRetries: 1 }).chat.completions.create({ model: "unreachable", messages }),
  );
  assert.ok(error instanceof InternalServerError, error.constructor.name);
  assert.deepEqual([error.status, error.code], [502, "upstream_unreachable"]);
  assert.doesNotMatch(JSON.stringify(error.error), /127\.0\.0\.1|ECONN/);
  assert.equal(scene.attempts.length, 2);
  assert.equal((await world.budget("all")).used, used);
});

test("the SDK's own timeout: APIConnectionTimeoutError, the provider's work is cancelled and charged", async () => {
  const { used } = await world.budget("all");
  const scene = world.scene([{ hang: true }]);
  const asked = world.openai({ timeout: 200, maxRetries: 1 }).chat.completions.create({ model: "hangs", messages });
  await assert.rejects(asked, APIConnectionTimeoutError);
  assert.equal(scene.attempts.length, 2);
  for (const seen of scene.requests) assert.equal(await seen.ended, "aborted");
  assert.equal(scene.requests.length, 2);
  const now = await world.budget("all");
  assert.ok(Number(now.used) > Number(used));
});

test("an answer that ends before its content-length is never a whole answer", async () => {
  world.scene([{ contentLength: 5_000 }]);
  const asked = world.openai({ timeout: 1_500, maxRetries: 0 }).chat.completions.create({ model: "lies", messages });
  await assert.rejects(asked);
});
