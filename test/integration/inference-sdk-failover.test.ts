import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  APIError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from "openai";
import type { ModelReply } from "../fakes/model-origin.ts";
import { until } from "../fakes/until.ts";
import { chargeOf, type ModelWorld, servedModel, startModelWorld } from "../fakes/model-world.ts";

type ErrorClass = abstract new (...args: never[]) => APIError;

const messages = [{ role: "user" as const, content: "hi" }];
const timeouts = "timeouts: { connect: 1s, firstToken: 500ms, idle: 400ms }";

interface NextRow {
  readonly name: string;
  /** Of the first target; undefined: nobody listens there. */
  readonly reply: ModelReply | undefined;
  readonly stream?: boolean;
  /** The first target may have worked on the call. */
  readonly worked?: boolean;
}

/** A router makes at most ten attempts beyond the first at once, so no more rows than that. */
const next: readonly NextRow[] = [
  { name: "500", reply: { status: 500 } },
  { name: "503", reply: { status: 503 } },
  { name: "429", reply: { status: 429, headers: { "retry-after": "30" } } },
  { name: "a reset", reply: { raw: (socket) => void socket.resetAndDestroy() }, worked: true },
  { name: "no answer in time", reply: { hang: true }, stream: true, worked: true },
  { name: "nobody", reply: undefined },
  { name: "no first token in time", reply: { delayFirst: 3_000 }, stream: true, worked: true },
  { name: "an end before the first token", reply: { cut: { after: 0, by: "rst" } }, stream: true, worked: true },
  {
    name: "an error as its first frame",
    reply: { frames: ['data: {"error":{"message":"Busy."}}\n\n'] },
    stream: true,
    worked: true,
  },
];

interface EndRow {
  readonly name: string;
  readonly reply: ModelReply;
  readonly is: ErrorClass;
}

const ends: readonly EndRow[] = [
  { name: "400", reply: { status: 400 }, is: BadRequestError },
  { name: "400, context length", reply: { status: 400, code: "context_length_exceeded" }, is: BadRequestError },
  { name: "400, content filter", reply: { status: 400, code: "content_filter" }, is: BadRequestError },
  { name: "500 for its content", reply: { status: 500, code: "content_filter" }, is: InternalServerError },
  { name: "401", reply: { status: 401 }, is: InternalServerError },
  { name: "403", reply: { status: 403 }, is: PermissionDeniedError },
  { name: "404", reply: { status: 404 }, is: NotFoundError },
];

let world: ModelWorld;

before(async () => {
  world = await startModelWorld({
    providers: { a: ["openai", timeouts], b: ["openai"], down: ["openai", timeouts] },
    models: [
      ...next.map(({ reply }, index) => servedModel(`next${index}`, reply === undefined ? "down b" : "a b")),
      ...ends.map((_, index) => servedModel(`end${index}`, "a b")),
      servedModel("begun", "a b"),
    ],
    budgets: ["{ id: all, tokens: 100000000, window: day }"],
  });
  await world.origin("down").close();
});
after(async () => world?.[Symbol.asyncDispose]());

for (const [index, { name, reply, stream = false, worked = false }] of next.entries()) {
  test(`the first target gives ${name}: the second answers, and the agent sees nothing of the first`, async () => {
    const first = world.scene([reply ?? {}], "a");
    const second = world.scene([{ words: ["from", " b"] }], "b");
    const model = `next${index}`;
    const client = world.openai({ maxRetries: 0 });
    let text = "";
    if (stream) {
      for await (const chunk of await client.chat.completions.create({ model, messages, stream })) {
        text += chunk.choices[0]?.delta.content ?? "";
      }
    } else text = (await client.chat.completions.create({ model, messages })).choices[0]?.message.content ?? "";
    assert.equal(text, "from b");
    // A kept connection that breaks before an answer says nothing of the target: it is asked once more, over a new one.
    const most = reply?.raw === undefined ? 1 : 2;
    assert.ok(first.requests.length >= (reply === undefined ? 0 : 1) && first.requests.length <= most);
    assert.equal(second.requests.length, 1);
    const end = await world.ended(model);
    const { tokens, estimated } = chargeOf(end);
    assert.equal(end.detail["provider"], "b");
    assert.equal(end.detail["attempts"], reply === undefined ? 2 : first.requests.length + 1);
    assert.equal(estimated, worked);
    if (worked) assert.ok(Number(tokens) > 18, String(tokens));
    else assert.equal(tokens, 18);
    assert.equal((await world.budget("all")).reserved, 0);
  });
}

for (const [index, { name, reply, is }] of ends.entries()) {
  test(`the first target gives ${name}: no other is asked`, async () => {
    const first = world.scene([reply], "a");
    const second = world.scene([{}], "b");
    const asked = world.openai({ maxRetries: 0 }).chat.completions.create({ model: `end${index}`, messages });
    await assert.rejects(asked, is);
    assert.deepEqual([first.requests.length, second.requests.length], [1, 0]);
  });
}

test("after the first token no other target is asked, whatever happens", async () => {
  const first = world.scene([{ words: ["one", " two"], delayBetween: 20, cut: { after: 3, by: "rst" } }], "a");
  const second = world.scene([{}], "b");
  const stream = await world.openai().chat.completions.create({ model: "begun", messages, stream: true });
  let text = "";
  await assert.rejects(async () => {
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  }, APIError);
  assert.equal(text, "one two");
  assert.deepEqual([first.requests.length, second.requests.length], [1, 0]);
});

test("a call that is no stream may take its time; once given up nobody asks for it again, and of a target that hangs no more", async () => {
  await using other = await startModelWorld({
    providers: {
      patient: ["openai", "timeouts: { firstToken: 300ms }"],
      short: ["openai", "timeouts: { firstToken: 300ms, total: 1s }"],
      b: ["openai"],
    },
    models: [servedModel("takes-long", "patient b"), servedModel("too-long", "short b")],
    budgets: ["{ id: all, tokens: 100000000, window: day }"],
  });
  const second = other.scene([{}], "b");
  const first = other.scene([{ delayHead: 2_000, words: ["at", " last"] }], "patient");
  const answer = await other.openai().chat.completions.create({ model: "takes-long", messages });
  assert.equal(answer.choices[0]?.message.content, "at last");
  assert.equal(first.requests.length, 1);

  // Each with the SDK's own retries.
  const ask = (): Promise<{ choices: { message: { content: string | null } }[] }> =>
    other.openai({ timeout: 30_000 }).chat.completions.create({ model: "too-long", messages });
  const hang = async (calls: number): Promise<void> => {
    const hung = other.scene([{ hang: true }], "short");
    for (const end of await Promise.allSettled(Array.from({ length: calls }, ask))) {
      assert.ok(end.status === "rejected" && end.reason instanceof InternalServerError);
      assert.deepEqual([end.reason.status, end.reason.code], [504, "lifetime_limit"]);
      assert.equal(end.reason.headers.get("x-should-retry"), "false");
    }
    assert.equal(hung.requests.length, calls);
    assert.equal(hung.attempts.length, calls);
  };
  await hang(4);
  other.scene([{ words: ["well"] }], "short");
  assert.equal((await ask()).choices[0]?.message.content, "well");
  assert.equal(second.requests.length, 0);

  await hang(5);
  const next = other.scene([{ words: ["the other"] }], "b");
  let served: string | null | undefined;
  // On a slow machine a call may come when the target is probed again, and hang as the others did.
  await until(async () => {
    served = await ask().then(
      (got) => got.choices[0]?.message.content,
      () => undefined,
    );
    return served !== undefined;
  });
  assert.equal(served, "the other");
  assert.equal(next.requests.length, 1);
});

test("where every target fails, the last one's own refusal is told", async () => {
  await using other = await startModelWorld({
    providers: { a: ["openai"], b: ["openai"], claude: ["anthropic"] },
    models: [servedModel("both", "a b"), servedModel("mixed", "a claude"), servedModel("mixed-stream", "claude a")],
  });
  const client = other.openai({ maxRetries: 0 });
  other.scene([{ status: 503, message: "The first is busy." }], "a");
  other.scene([{ status: 429, message: "The second is busy." }], "b");
  await assert.rejects(client.chat.completions.create({ model: "both", messages }), (error: unknown) => {
    assert.ok(error instanceof RateLimitError, String(error));
    assert.match(error.message, /The second is busy\./);
    return true;
  });

  // Of another family too, and back.
  const translated = other.scene([{ words: ["from", " claude"] }], "claude");
  const answer = await client.chat.completions.create({ model: "mixed", messages });
  assert.equal(answer.choices[0]?.message.content, "from claude");
  assert.equal(translated.requests[0]?.path, "/v1/messages");
  other.scene([{ status: 529 }], "claude");
  other.scene([{ words: ["from", " a"] }], "a");
  const final = await client.chat.completions.stream({ model: "mixed-stream", messages }).finalContent();
  assert.equal(final, "from a");
  const ask = { model: "mixed-stream", messages, max_tokens: 20 };
  assert.equal(await other.anthropic({ maxRetries: 0 }).messages.stream(ask).finalText(), "from a");
});

test("the breaker: five failures, then the target is left alone, and asked again after a second", async () => {
  const names = ["same-target", ...Array.from({ length: 5 }, (_, at) => `both${at}`)];
  await using other = await startModelWorld({
    providers: { a: ["openai"], b: ["openai"] },
    models: names.map((name) => servedModel(name, "a b")),
  });
  const client = other.openai({ maxRetries: 0 });
  const ask = async (model: string): Promise<string> =>
    (await client.chat.completions.create({ model, messages })).choices[0]?.message.content ?? "";
  let first = other.scene([{ status: 500 }], "a");
  other.scene([{ words: ["from", " b"] }], "b");
  let both = "";
  // On a busy machine eight calls may take the second.
  for (let tries = 0, took = Infinity; tries < 5 && took > 900; tries += 1) {
    both = `both${tries}`;
    first = other.scene([{ status: 500 }], "a");
    const began = performance.now();
    for (let call = 0; call < 8; call += 1) assert.equal(await ask(both), "from b");
    took = performance.now() - began;
  }
  assert.equal(first.requests.length, 5);
  // Another model of the same provider is no part of it.
  await client.chat.completions.create({ model: "same-target", messages });
  assert.equal(first.requests.length, 6);
  const back = other.scene([{ words: ["from", " a"] }], "a");
  await sleep(1_050);
  assert.equal(await ask(both), "from a");
  assert.equal(await ask(both), "from a");
  assert.equal(back.requests.length, 2);
});

test("a target that says how long to leave it alone is left alone for so long", async () => {
  await using other = await startModelWorld({
    providers: { a: ["openai"], b: ["openai"] },
    models: [servedModel("both", "a b"), servedModel("only", "a")],
  });
  const client = other.openai({ maxRetries: 0 });
  const ask = async (): Promise<string> =>
    (await client.chat.completions.create({ model: "both", messages })).choices[0]?.message.content ?? "";
  const first = other.scene([{ status: 429, headers: { "retry-after": "1" } }, { words: ["from", " a"] }], "a");
  other.scene([{ words: ["from", " b"] }], "b");
  assert.equal(await ask(), "from b");
  assert.equal(await ask(), "from b");
  assert.equal(first.requests.length, 1);
  await sleep(1_050);
  assert.equal(await ask(), "from a");

  // Where there is no other target the SDK is told how long, and comes back by itself.
  const only = other.scene([{ status: 503, headers: { "retry-after-ms": "1500" } }, {}], "a");
  await assert.rejects(client.chat.completions.create({ model: "only", messages }), InternalServerError);
  const answer = await other.openai({ maxRetries: 1 }).chat.completions.create({ model: "only", messages });
  assert.equal(answer.choices[0]?.message.content, "Hello from the model.");
  assert.equal(only.requests.length, 2);
  assert.equal(only.attempts.length, 3);
});
