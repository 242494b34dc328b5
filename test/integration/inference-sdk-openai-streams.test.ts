import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { APIError, APIUserAbortError } from "openai";
import type { ChatCompletionChunk } from "openai/resources/chat/completions";
import type { ModelReply } from "../fakes/model-origin.ts";
import { chargeOf, type ModelWorld, sentBody, servedModel, startModelWorld } from "../fakes/model-world.ts";

const HELLO = "Hello from the model.";
const messages = [{ role: "user" as const, content: "hi" }];
/** The router's own figure for a request whose usage nobody said: two octets a token, and never less than one. */
const LEAST_INPUT = 20;
const LONG = Array.from({ length: 500 }, () => "word ");
let world: ModelWorld;

before(async () => {
  world = await startModelWorld({
    providers: {
      main: ["openai", "timeouts: { firstToken: 2s, idle: 400ms }"],
      bare: ["openai", "streamUsage: false"],
    },
    models: [
      servedModel("plain"),
      ...["cut-rst", "cut-fin", "no-done", "error-frame", "stall", "garbage", "leaves-soon", "leaves", "gone"].map(
        (name) => servedModel(name),
      ),
      servedModel("no-usage", "bare"),
      servedModel("refuses-options"),
      servedModel("capped"),
      servedModel("capped-too"),
      servedModel("capped-response"),
    ],
    budgets: [
      "{ id: all, tokens: 100000000, window: day }",
      ...["small", "small-too", "small-response"].map(
        (id) => `{ id: ${id}, tokens: 300, window: day, models: [${id.replace("small", "capped")}], cut: true }`,
      ),
    ],
  });
});
after(async () => world?.[Symbol.asyncDispose]());

async function read(
  stream: AsyncIterable<ChatCompletionChunk>,
): Promise<{ text: string; chunks: ChatCompletionChunk[] }> {
  const chunks: ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { text: chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""), chunks };
}

function finishReasons(chunks: readonly ChatCompletionChunk[]): readonly string[] {
  return chunks.flatMap(({ choices }) => choices.flatMap(({ finish_reason }) => finish_reason ?? []));
}

const usageRows = [
  { name: "not asked for", options: undefined, shown: false },
  { name: "refused", options: { include_usage: false }, shown: false },
  { name: "other options", options: { include_obfuscation: false }, shown: false },
  { name: "asked for", options: { include_usage: true }, shown: true },
];
for (const { name, options, shown } of usageRows) {
  test(`the usage of a stream, ${name}: metered, and ${shown ? "shown" : "its chunk taken out"}`, async () => {
    const scene = world.scene([{ usage: { input: 9, cacheRead: 4, output: 6, reasoning: 2 } }]);
    const before = await world.budget("all");
    const { data, response } = await world
      .openai()
      .chat.completions.create({ model: "plain", messages, stream: true, ...(options && { stream_options: options }) })
      .withResponse();
    const { text, chunks } = await read(data);
    assert.equal(text, HELLO);
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
    assert.equal(chunks.filter(({ choices }) => choices.length === 0).length, shown ? 1 : 0);
    assert.equal(chunks.at(-1)?.usage?.prompt_tokens, shown ? 13 : undefined);
    assert.deepEqual(sentBody(scene.requests[0])["stream_options"], { ...options, include_usage: true });
    const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
    assert.deepEqual(chargeOf(end), { tokens: 19, estimated: false });
    const { input, cacheRead, output, reasoning } = end.detail["usage"] as Record<string, number>;
    assert.deepEqual([input, cacheRead, output, reasoning], [13, 4, 6, 2]);
    const now = await world.budget("all");
    assert.equal(Number(now.used) - Number(before.used), 19);
    assert.equal(now.reserved, 0);
  });
}

const splits: readonly { name: string; reply: ModelReply }[] = [
  { name: "octet by octet", reply: { splitEvery: 1 } },
  { name: "in sevens", reply: { splitEvery: 7 } },
  { name: "at once", reply: { splitAt: [] } },
];
for (const { name, reply } of splits) {
  test(`a stream that comes ${name} is the same stream`, async () => {
    world.scene([{ ...reply, words: ["Grüß", " 四", ' "data: [DONE]"\n\n', "."], usage: { output: 3 } }]);
    const { data, response } = await world
      .openai()
      .chat.completions.create({ model: "plain", messages, stream: true })
      .withResponse();
    const { text, chunks } = await read(data);
    assert.equal(text, 'Grüß 四 "data: [DONE]"\n\n.');
    assert.ok(chunks.every(({ choices }) => choices.length === 1));
    const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
    assert.deepEqual(chargeOf(end), { tokens: 14, estimated: false });
  });
}

test("the SDK's stream helper gathers the completion", async () => {
  world.scene([{}]);
  const stream = world
    .openai()
    .chat.completions.stream({ model: "plain", messages, stream_options: { include_usage: true } });
  const completion = await stream.finalChatCompletion();
  assert.equal(completion.choices[0]?.message.content, HELLO);
  assert.equal(completion.choices[0]?.finish_reason, "stop");
  assert.equal((await stream.totalUsage()).total_tokens, 18);
});

test("tool calls whose arguments come in pieces are gathered", async () => {
  const chunk = (delta: object, finish: string | null = null): string =>
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  const call = (index: number, more: object): object => ({ tool_calls: [{ index, ...more }] });
  world.scene([
    {
      frames: [
        chunk({ role: "assistant", content: null }),
        chunk(call(0, { id: "call_a", type: "function", function: { name: "one", arguments: "" } })),
        chunk(call(0, { function: { arguments: '{"a":' } })),
        chunk(call(0, { function: { arguments: '"\\u00fc"}' } })),
        chunk(call(1, { id: "call_b", type: "function", function: { name: "two", arguments: "{}" } })),
        chunk({}, "tool_calls"),
        'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":30,"completion_tokens":12,"total_tokens":42}}\n\n',
        "data: [DONE]\n\n",
      ],
    },
  ]);
  const stream = world.openai().chat.completions.stream({
    model: "plain",
    messages,
    tools: [
      { type: "function", function: { name: "one" } },
      { type: "function", function: { name: "two" } },
    ],
  });
  const { choices } = await stream.finalChatCompletion();
  assert.deepEqual(
    choices[0]?.message.tool_calls?.map(
      (one) => one.type === "function" && [one.id, one.function.name, one.function.arguments],
    ),
    [
      ["call_a", "one", '{"a":"\\u00fc"}'],
      ["call_b", "two", "{}"],
    ],
  );
});

test("`break` cancels the provider's work at once, and the call is charged by an estimate", async () => {
  const words = Array.from({ length: 400 }, () => "word ");
  const scene = world.scene([{ words, delayBetween: 10 }]);
  const before = await world.budget("all");
  const { data, response } = await world
    .openai()
    .chat.completions.create({ model: "leaves", messages, stream: true })
    .withResponse();
  let read = 0;
  let left = 0;
  for await (const chunk of data) {
    read += chunk.choices[0]?.delta.content === "word " ? 1 : 0;
    if (read === 8) {
      left = performance.now();
      break;
    }
  }
  const [seen] = scene.requests;
  assert.equal(await seen?.ended, "aborted");
  assert.ok((seen?.abortedAt ?? Infinity) - left < 1_000, `${(seen?.abortedAt ?? Infinity) - left} ms`);
  const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
  const { tokens, estimated } = chargeOf(end);
  assert.equal(estimated, true);
  assert.ok(Number(tokens) >= LEAST_INPUT + 8 && Number(tokens) < 1_000, String(tokens));
  assert.equal(end.reason, null);
  assert.equal(end.detail["outcome"], "aborted");
  const now = await world.budget("all");
  assert.equal(Number(now.used) - Number(before.used), tokens);
  assert.equal(now.reserved, 0);
});

test("`break` in a Responses stream does the same", async () => {
  const scene = world.scene([{ words: Array.from({ length: 400 }, () => "word "), delayBetween: 10 }]);
  const { data, response } = await world
    .openai()
    .responses.create({ model: "leaves", input: "hi", stream: true })
    .withResponse();
  for await (const event of data) if (event.type === "response.output_text.delta") break;
  assert.equal(await scene.requests[0]?.ended, "aborted");
  const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
  assert.equal(chargeOf(end).estimated, true);
  assert.ok(Number(chargeOf(end).tokens) > 1);
});

const leavings: readonly { name: string; reply: ModelReply; stream: boolean }[] = [
  { name: "before any answer", reply: { hang: true }, stream: false },
  { name: "before a stream's first token", reply: { delayFirst: 1_500 }, stream: true },
];
for (const { name, reply, stream } of leavings) {
  test(`an agent that leaves ${name} is charged for what the provider had to read`, async () => {
    const scene = world.scene([reply]);
    const before = await world.budget("all");
    const leaving = new AbortController();
    const asked = world
      .openai()
      .chat.completions.create({ model: "leaves-soon", messages, stream }, { signal: leaving.signal });
    while (scene.requests.length === 0) await sleep(5);
    await sleep(50);
    leaving.abort();
    await assert.rejects(asked, APIUserAbortError);
    assert.equal(await scene.requests[0]?.ended, "aborted");
    const now = await settled();
    assert.ok(Number(now.used) - Number(before.used) >= LEAST_INPUT, `${before.used} -> ${now.used}`);
    assert.equal(scene.attempts.length, 1);
  });
}

async function settled(): Promise<Awaited<ReturnType<ModelWorld["budget"]>>> {
  for (;;) {
    const now = await world.budget("all");
    if (now.reserved === 0) return now;
    await sleep(10);
  }
}

const words = ["one", " two", " three", " four", " five", " six"];
const frame = (content: string): string =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
const breaks: readonly { model: string; reply: ModelReply; code: string }[] = [
  { model: "cut-rst", reply: { words, delayBetween: 10, cut: { after: 4, by: "rst" } }, code: "upstream_invalid" },
  { model: "cut-fin", reply: { words, cut: { after: 4, by: "fin" } }, code: "upstream_invalid" },
  { model: "no-done", reply: { frames: words.slice(0, 3).map(frame) }, code: "upstream_invalid" },
  {
    model: "error-frame",
    reply: {
      frames: [
        ...words.slice(0, 3).map(frame),
        'data: {"error":{"message":"Busy.","type":"server_error","code":"overloaded"}}\n\n',
      ],
    },
    code: "overloaded",
  },
  {
    model: "stall",
    reply: { frames: words.slice(0, 3).map(frame), splitAt: [frame("one").length], delayBetween: 900 },
    code: "idle_timeout",
  },
  {
    model: "garbage",
    reply: { frames: [...words.slice(0, 3).map(frame), "data: {not json\n\n", frame("x")], delayBetween: 20 },
    code: "upstream_invalid",
  },
];
for (const { model, reply, code } of breaks) {
  test(`a broken stream, ${model}: the SDK throws after what came, nothing is asked again, and it is charged`, async () => {
    const before = Number((await settled()).used);
    const scene = world.scene([reply]);
    const { data, response } = await world
      .openai()
      .chat.completions.create({ model, messages, stream: true })
      .withResponse();
    let text = "";
    await assert.rejects(
      async () => {
        for await (const chunk of data) text += chunk.choices[0]?.delta.content ?? "";
      },
      (error: unknown) => {
        assert.ok(error instanceof APIError, String(error));
        assert.equal(error.code, code);
        return true;
      },
    );
    assert.match(text, model === "stall" ? /^one$/ : /^one two three$/);
    assert.equal(scene.attempts.length, 1);
    assert.equal(scene.requests.length, 1);
    const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
    assert.equal(chargeOf(end).estimated, true);
    assert.equal(end.reason, code === "overloaded" ? "upstream_invalid" : code);
    assert.equal(Number((await settled()).used) - before, chargeOf(end).tokens);
    assert.ok(Number(chargeOf(end).tokens) > LEAST_INPUT);
  });
}

test("a provider that is known not to report usage: nothing is asked, and an estimate is charged", async () => {
  const scene = world.scene([{ usage: null }], "bare");
  const { data, response } = await world
    .openai()
    .chat.completions.create({ model: "no-usage", messages, stream: true })
    .withResponse();
  assert.equal((await read(data)).text, HELLO);
  assert.equal(sentBody(scene.requests[0])["stream_options"], undefined);
  const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
  assert.equal(chargeOf(end).estimated, true);
  assert.ok(Number(chargeOf(end).tokens) > LEAST_INPUT);
});

test("a provider that refuses stream_options is asked once more without, and the agent sees nothing of it", async () => {
  const scene = world.scene((seen) =>
    "stream_options" in sentBody(seen)
      ? { status: 400, message: "Unrecognized request argument supplied: stream_options" }
      : {},
  );
  const client = world.openai();
  for (const _call of [1, 2]) {
    const { text } = await read(
      await client.chat.completions.create({ model: "refuses-options", messages, stream: true }),
    );
    assert.equal(text, HELLO);
  }
  assert.deepEqual(
    scene.requests.map((seen) => "stream_options" in sentBody(seen)),
    [true, false, false],
  );
  assert.equal(scene.attempts.length, 2);
});

test("a stream that reaches its budget ends as one that reached its length", async () => {
  const scene = world.scene([{ words: LONG, delayBetween: 2 }]);
  const { data, response } = await world
    .openai()
    .chat.completions.create({ model: "capped", messages, stream: true })
    .withResponse();
  const { text, chunks } = await read(data);
  assert.deepEqual(finishReasons(chunks), ["length"]);
  assert.ok(text.length > 0 && text.length < LONG.join("").length, `${text.length}`);
  assert.equal(await scene.requests[0]?.ended, "aborted");
  const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
  assert.deepEqual([end.reason, end.rule], ["budget_exhausted", "small"]);
  assert.ok(Number((await world.budget("small")).used) <= 300);
});

test("a stream that reaches its budget states the usage that was charged, where it was asked for", async () => {
  world.scene([{ words: LONG, delayBetween: 2 }]);
  const { data, response } = await world
    .openai()
    .chat.completions.create({
      model: "capped-too",
      messages,
      stream: true,
      stream_options: { include_usage: true },
    })
    .withResponse();
  const { chunks } = await read(data);
  assert.deepEqual(finishReasons(chunks), ["length"]);
  const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
  assert.equal(chunks.at(-1)?.usage?.total_tokens, chargeOf(end).tokens);
});

test("a Responses stream that reaches its budget ends as incomplete", async () => {
  world.scene([{ words: LONG, delayBetween: 2 }]);
  const stream = world.openai().responses.stream({ model: "capped-response", input: "hi" });
  const types: string[] = [];
  for await (const event of stream) types.push(event.type);
  assert.equal(types.at(-1), "response.incomplete");
  const final = await stream.finalResponse();
  assert.equal(final.status, "incomplete");
  assert.equal(final.incomplete_details?.reason, "max_output_tokens");
});

test("twenty streams at once, each its own words", async () => {
  world.scene((seen) => {
    const [message] = sentBody(seen)["messages"] as { content: string }[];
    return {
      words: Array.from({ length: 20 }, (_, at) => `${message?.content}.${at} `),
      delayBetween: 3,
      splitEvery: 50,
    };
  });
  const client = world.openai();
  const texts = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const params = {
        model: "plain",
        messages: [{ role: "user" as const, content: `s${index}` }],
        stream: true as const,
      };
      return (await read(await client.chat.completions.create(params))).text;
    }),
  );
  for (const [index, text] of texts.entries()) {
    assert.equal(text, Array.from({ length: 20 }, (_, at) => `s${index}.${at} `).join(""));
  }
});
