import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  APIError as AnthropicError,
  BadRequestError as AnthropicBadRequest,
  InternalServerError as AnthropicServerError,
  OverloadedError,
  PermissionDeniedError as AnthropicPermissionDenied,
  RateLimitError as AnthropicRateLimit,
} from "@anthropic-ai/sdk";
import { APIError, BadRequestError, InternalServerError, PermissionDeniedError, RateLimitError } from "openai";
import type { ModelReply } from "../fakes/model-origin.ts";
import { PROVIDER_KEY } from "../fakes/model-policy.ts";
import { chargeOf, type ModelWorld, sentBody, servedModel, startModelWorld } from "../fakes/model-world.ts";

const HELLO = "Hello from the model.";
const PNG = Buffer.alloc(3_000, 7).toString("base64");
const hi = [{ role: "user" as const, content: "hi" }];
const LONG = Array.from({ length: 400 }, () => "word ");
let world: ModelWorld;

before(async () => {
  world = await startModelWorld({
    providers: { claude: ["anthropic"], gpt: ["openai"], bare: ["openai", "streamUsage: false"], ollama: ["ollama"] },
    models: [
      servedModel("bare-plain", "bare"),
      servedModel("ollama-plain", "ollama"),
      ...["plain", "fault", "broken", "leaves"].flatMap((name) => [
        servedModel(`claude-${name}`, "claude"),
        servedModel(`gpt-${name}`, "gpt"),
      ]),
    ],
    budgets: ["{ id: all, tokens: 100000000, window: day }"],
  });
});
after(async () => world?.[Symbol.asyncDispose]());

const event = (type: string, more: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const message = {
  id: "msg_5",
  type: "message",
  role: "assistant",
  model: "m",
  stop_sequence: null,
  usage: { input_tokens: 30, output_tokens: 12 },
};
const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const chatUsage = `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [], usage: { prompt_tokens: 30, completion_tokens: 12, total_tokens: 42 } })}\n\ndata: [DONE]\n\n`;

test("openai SDK, Anthropic provider: a completion with system turn, cap and cached input", async () => {
  const scene = world.scene([{ usage: { cacheRead: 40 } }], "claude");
  const { data, response } = await world
    .openai({ apiKey: "agents-own" })
    .chat.completions.create({
      model: "claude-plain",
      messages: [{ role: "system", content: "Be brief." }, ...hi],
      max_completion_tokens: 77,
      stop: ["END"],
      temperature: 0.5,
    })
    .withResponse();
  assert.equal(data.object, "chat.completion");
  assert.equal(data.model, "claude-plain");
  assert.equal(data.choices[0]?.message.content, HELLO);
  assert.equal(data.choices[0]?.finish_reason, "stop");
  assert.deepEqual(
    [data.usage?.prompt_tokens, data.usage?.prompt_tokens_details?.cached_tokens, data.usage?.completion_tokens],
    [51, 40, 7],
  );
  const [seen] = scene.requests;
  assert.equal(seen?.path, "/v1/messages");
  assert.equal(seen.headers["x-api-key"], PROVIDER_KEY);
  assert.equal(seen.headers["anthropic-version"], "2023-06-01");
  assert.equal(seen.rawHeaders.join(" ").includes("agents-own"), false);
  const { system, ...rest } = sentBody(seen);
  assert.match(JSON.stringify(system), /Be brief\./);
  assert.deepEqual(
    [rest["model"], rest["max_tokens"], rest["stop_sequences"], rest["temperature"]],
    ["up-claude-plain", 77, ["END"], 0.5],
  );
  const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
  assert.deepEqual(chargeOf(end), { tokens: 58, estimated: false });
});

for (const asked of [false, true]) {
  test(`openai SDK, Anthropic provider: a stream ${asked ? "with" : "without"} usage`, async () => {
    world.scene([{ splitEvery: 11, usage: { input: 20, output: 9 } }], "claude");
    const { data, response } = await world
      .openai()
      .chat.completions.create({
        model: "claude-plain",
        messages: hi,
        stream: true,
        ...(asked ? { stream_options: { include_usage: true } } : {}),
      })
      .withResponse();
    const chunks = [];
    for await (const one of data) chunks.push(one);
    assert.equal(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""), HELLO);
    assert.deepEqual(
      chunks.flatMap(({ choices }) => choices.flatMap(({ finish_reason: finish }) => finish ?? [])),
      ["stop"],
    );
    assert.equal(chunks.filter(({ choices }) => choices.length === 0).length, asked ? 1 : 0);
    assert.equal(chunks.at(-1)?.usage?.total_tokens, asked ? 29 : undefined);
    assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
    const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
    assert.deepEqual(chargeOf(end), { tokens: 29, estimated: false });
  });
}

test("openai SDK, Anthropic provider: the tool loop", async () => {
  const scene = world.scene(
    [
      {
        body: {
          ...message,
          content: [
            { type: "text", text: "I look." },
            { type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Köln" } },
          ],
          stop_reason: "tool_use",
        },
      },
      { words: ["It rains."] },
    ],
    "claude",
  );
  const asked: string[] = [];
  const runner = world.openai().chat.completions.runTools({
    model: "claude-plain",
    messages: hi,
    tools: [
      {
        type: "function",
        function: {
          name: "weather",
          description: "The weather of a city.",
          parameters: { type: "object", properties: { city: { type: "string" } } },
          parse: (text: string) => JSON.parse(text) as { city: string },
          function: ({ city }: { city: string }) => {
            asked.push(city);
            return "rain";
          },
        },
      },
    ],
  });
  assert.equal(await runner.finalContent(), "It rains.");
  assert.deepEqual(asked, ["Köln"]);
  const [first = {}, second = {}] = scene.requests.map(sentBody);
  const [tool] = first["tools"] as readonly { name: string; input_schema: { type: string } }[];
  assert.deepEqual([tool?.name, tool?.input_schema.type], ["weather", "object"]);
  const turns = second["messages"] as readonly { role: string; content: unknown }[];
  assert.deepEqual(
    turns.map(({ role }) => role),
    ["user", "assistant", "user"],
  );
  assert.match(JSON.stringify(turns[1]), /"tool_use","id":"toolu_1","name":"weather","input":\{"city":"Köln"\}/);
  assert.match(JSON.stringify(turns[2]), /"tool_use_id":"toolu_1"/);
});

test("openai SDK, Anthropic provider: streamed tool calls are gathered", async () => {
  world.scene(
    [
      {
        splitEvery: 13,
        frames: [
          event("message_start", { message: { ...message, content: [], stop_reason: null } }),
          event("content_block_start", {
            index: 0,
            content_block: { type: "tool_use", id: "toolu_1", name: "one", input: {} },
          }),
          event("content_block_delta", { index: 0, delta: { type: "input_json_delta", partial_json: '{"a":' } }),
          event("content_block_delta", { index: 0, delta: { type: "input_json_delta", partial_json: '"ü"}' } }),
          event("content_block_stop", { index: 0 }),
          event("content_block_start", {
            index: 1,
            content_block: { type: "tool_use", id: "toolu_2", name: "two", input: {} },
          }),
          event("content_block_stop", { index: 1 }),
          event("message_delta", {
            delta: { stop_reason: "tool_use", stop_sequence: null },
            usage: { output_tokens: 15 },
          }),
          event("message_stop", {}),
        ],
      },
    ],
    "claude",
  );
  const stream = world.openai().chat.completions.stream({
    model: "claude-plain",
    messages: hi,
    tools: ["one", "two"].map((name) => ({ type: "function" as const, function: { name } })),
  });
  const { choices } = await stream.finalChatCompletion();
  assert.equal(choices[0]?.finish_reason, "tool_calls");
  assert.deepEqual(
    choices[0].message.tool_calls?.map(
      (call) =>
        call.type === "function" && [call.id, call.function.name, JSON.parse(call.function.arguments) as unknown],
    ),
    [
      ["toolu_1", "one", { a: "ü" }],
      ["toolu_2", "two", {}],
    ],
  );
});

test("openai SDK, Anthropic provider: an image", async () => {
  const scene = world.scene([{}], "claude");
  const content = [
    { type: "image_url" as const, image_url: { url: `data:image/png;base64,${PNG}` } },
    { type: "text" as const, text: "What?" },
  ];
  await world.openai().chat.completions.create({ model: "claude-plain", messages: [{ role: "user", content }] });
  const [turn] = sentBody(scene.requests[0])["messages"] as readonly { content: readonly unknown[] }[];
  assert.deepEqual(turn?.content[0], { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } });
});

test("openai SDK, Anthropic provider: what cannot be carried over is refused, once", async () => {
  const scene = world.scene([{}], "claude");
  const client = world.openai();
  const model = "claude-plain";
  const rows: readonly (readonly [() => Promise<unknown>, abstract new (...args: never[]) => APIError, string])[] = [
    [async () => client.chat.completions.create({ model, messages: hi, n: 2 }), BadRequestError, "malformed_request"],
    [
      async () => client.chat.completions.create({ model, messages: hi, logprobs: true }),
      BadRequestError,
      "malformed_request",
    ],
    [async () => client.responses.create({ model, input: "hi" }), PermissionDeniedError, "model_not_allowed"],
    [async () => client.embeddings.create({ model, input: "hi" }), PermissionDeniedError, "model_not_allowed"],
  ];
  for (const [call, is, code] of rows) {
    await assert.rejects(call(), (error: unknown) => {
      assert.ok(error instanceof is, String(error));
      assert.ok(error instanceof APIError);
      assert.equal(error.code, code);
      return true;
    });
  }
  assert.equal(scene.attempts.length, rows.length);
  assert.equal(scene.requests.length, 0);
});

const toOpenai: readonly {
  given: number;
  status: number;
  is: abstract new (...args: never[]) => APIError;
  type: string;
  code: string | null;
}[] = [
  { given: 400, status: 400, is: BadRequestError, type: "invalid_request_error", code: null },
  { given: 429, status: 429, is: RateLimitError, type: "requests", code: "rate_limit_exceeded" },
  { given: 500, status: 500, is: InternalServerError, type: "server_error", code: null },
  { given: 529, status: 503, is: InternalServerError, type: "server_error", code: "server_is_overloaded" },
];
for (const { given, status, is, type, code } of toOpenai) {
  test(`openai SDK, Anthropic provider: its ${given} in OpenAI's shape`, async () => {
    world.scene([{ status: given }], "claude");
    const asked = world.openai({ maxRetries: 0 }).chat.completions.create({ model: "claude-fault", messages: hi });
    await assert.rejects(asked, (error: unknown) => {
      assert.ok(error instanceof is && error instanceof APIError, String(error));
      assert.match(error.message, /The test said so\./);
      assert.deepEqual([error.status, error.type, error.code], [status, type, code]);
      return true;
    });
  });
}

const begun = [
  event("message_start", { message: { ...message, content: [], stop_reason: null } }),
  event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
  event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "one" } }),
];
const claudeBreaks: readonly { name: string; reply: ModelReply }[] = [
  {
    name: "an error event",
    reply: {
      frames: [...begun, event("error", { error: { type: "overloaded_error", message: "Overloaded" } })],
      delayBetween: 10,
    },
  },
  { name: "a cut", reply: { frames: [...begun, "", ""], cut: { after: 3, by: "rst" } } },
  { name: "an end without message_stop", reply: { frames: begun } },
];
for (const { name, reply } of claudeBreaks) {
  test(`openai SDK, Anthropic provider: ${name} in a stream throws`, async () => {
    world.scene([reply], "claude");
    const stream = await world.openai().chat.completions.create({ model: "claude-broken", messages: hi, stream: true });
    let text = "";
    await assert.rejects(async () => {
      for await (const one of stream) text += one.choices[0]?.delta.content ?? "";
    }, APIError);
    assert.equal(text, "one");
  });
}

test("openai SDK, Anthropic provider: `break` cancels and charges", async () => {
  const scene = world.scene([{ words: LONG, delayBetween: 10, usage: { input: 3_000 } }], "claude");
  const { data, response } = await world
    .openai()
    .chat.completions.create({ model: "claude-leaves", messages: hi, stream: true })
    .withResponse();
  for await (const one of data) if (one.choices[0]?.delta.content === "word ") break;
  assert.equal(await scene.requests[0]?.ended, "aborted");
  const { tokens, estimated } = chargeOf(await world.ended(response.headers.get("sluice-request-id") ?? ""));
  assert.equal(estimated, true);
  assert.ok(Number(tokens) > 3_000, String(tokens));
});

const ask = { model: "gpt-plain", max_tokens: 100, messages: hi };

test("anthropic SDK, OpenAI provider: a message with system, stop sequences and cached input", async () => {
  const scene = world.scene([{ usage: { cacheRead: 40 } }], "gpt");
  const { data, response } = await world
    .anthropic({ apiKey: "agents-own" })
    .messages.create({ ...ask, system: "Be brief.", stop_sequences: ["END"] })
    .withResponse();
  const [block] = data.content;
  assert.equal(block?.type === "text" && block.text, HELLO);
  assert.deepEqual([data.type, data.model, data.stop_reason], ["message", "gpt-plain", "end_turn"]);
  assert.deepEqual(
    [data.usage.input_tokens, data.usage.cache_read_input_tokens, data.usage.output_tokens],
    [11, 40, 7],
  );
  const [seen] = scene.requests;
  assert.equal(seen?.path, "/v1/chat/completions");
  assert.equal(seen.headers.authorization, `Bearer ${PROVIDER_KEY}`);
  assert.equal(seen.headers["anthropic-version"], undefined);
  assert.equal(seen.rawHeaders.join(" ").includes("agents-own"), false);
  const body = sentBody(seen);
  assert.equal(body["model"], "up-gpt-plain");
  assert.match(JSON.stringify(body["messages"]), /"role":"(?:system|developer)","content":.*Be brief\./);
  assert.deepEqual(body["stop"], ["END"]);
  assert.deepEqual(chargeOf(await world.ended(response.headers.get("sluice-request-id") ?? "")), {
    tokens: 58,
    estimated: false,
  });
});

test("anthropic SDK, OpenAI provider: a stream and its final message", async () => {
  const scene = world.scene([{ splitEvery: 11, usage: { input: 20, output: 9 } }], "gpt");
  const stream = world.anthropic().messages.stream(ask);
  const types: string[] = [];
  for await (const one of stream) types.push(one.type);
  const final = await stream.finalMessage();
  assert.equal(await stream.finalText(), HELLO);
  assert.equal(final.stop_reason, "end_turn");
  assert.deepEqual([final.usage.input_tokens, final.usage.output_tokens], [20, 9]);
  assert.equal(types[0], "message_start");
  assert.equal(types.at(-1), "message_stop");
  assert.deepEqual(sentBody(scene.requests[0])["stream_options"], { include_usage: true });
});

test("anthropic SDK, OpenAI provider: tools, streamed, and their results", async () => {
  const call = (index: number, more: object): object => ({ tool_calls: [{ index, ...more }] });
  const scene = world.scene(
    [
      {
        splitEvery: 13,
        frames: [
          chunk({ role: "assistant", content: null }),
          chunk(call(0, { id: "call_1", type: "function", function: { name: "weather", arguments: "" } })),
          chunk(call(0, { function: { arguments: '{"city":' } })),
          chunk(call(0, { function: { arguments: '"Köln"}' } })),
          chunk({}, "tool_calls"),
          chatUsage,
        ],
      },
      { words: ["It rains."] },
    ],
    "gpt",
  );
  const client = world.anthropic();
  const tools = [
    { name: "weather", input_schema: { type: "object" as const, properties: { city: { type: "string" } } } },
  ];
  const first = await client.messages.stream({ ...ask, tools }).finalMessage();
  assert.equal(first.stop_reason, "tool_use");
  const use = first.content.find(({ type }) => type === "tool_use");
  assert.ok(use?.type === "tool_use");
  assert.deepEqual([use.name, use.input], ["weather", { city: "Köln" }]);
  const result = { type: "tool_result" as const, tool_use_id: use.id, content: "rain" };
  const second = await client.messages.create({
    ...ask,
    tools,
    messages: [...hi, { role: "assistant", content: first.content }, { role: "user", content: [result] }],
  });
  const [block] = second.content;
  assert.equal(block?.type === "text" && block.text, "It rains.");
  const turns = sentBody(scene.requests[1])["messages"] as readonly { role: string }[];
  assert.deepEqual(
    turns.map(({ role }) => role),
    ["user", "assistant", "tool"],
  );
  assert.match(JSON.stringify(turns[2]), /"tool_call_id":"call_1"/);
});

test("anthropic SDK, OpenAI provider: an image", async () => {
  const scene = world.scene([{}], "gpt");
  const image = {
    type: "image" as const,
    source: { type: "base64" as const, media_type: "image/png" as const, data: PNG },
  };
  const content = [image, { type: "text" as const, text: "What?" }];
  await world.anthropic().messages.create({ ...ask, messages: [{ role: "user", content }] });
  const [turn] = sentBody(scene.requests[0])["messages"] as readonly { content: readonly unknown[] }[];
  assert.deepEqual(turn?.content[0], { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } });
});

test("anthropic SDK, OpenAI provider: what cannot be carried over is refused, once", async () => {
  const scene = world.scene([{}], "gpt");
  const client = world.anthropic();
  await assert.rejects(client.messages.create({ ...ask, container: "c" } as never), AnthropicBadRequest);
  await assert.rejects(client.messages.countTokens({ model: "gpt-plain", messages: hi }), AnthropicPermissionDenied);
  assert.equal(scene.attempts.length, 2);
  assert.equal(scene.requests.length, 0);
});

const toAnthropic: readonly {
  given: number;
  code?: string;
  is: abstract new (...args: never[]) => AnthropicError;
  type: string;
}[] = [
  { given: 400, is: AnthropicBadRequest, type: "invalid_request_error" },
  { given: 429, is: AnthropicRateLimit, type: "rate_limit_error" },
  { given: 500, is: AnthropicServerError, type: "api_error" },
  { given: 503, code: "server_is_overloaded", is: OverloadedError, type: "overloaded_error" },
];
for (const { given, code, is, type } of toAnthropic) {
  test(`anthropic SDK, OpenAI provider: its ${given} in Anthropic's shape`, async () => {
    world.scene([{ status: given, ...(code === undefined ? {} : { code }) }], "gpt");
    const asked = world.anthropic({ maxRetries: 0 }).messages.create({ ...ask, model: "gpt-fault" });
    await assert.rejects(asked, (error: unknown) => {
      assert.ok(error instanceof is && error instanceof AnthropicError, String(error));
      assert.match(error.apiMessage ?? "", /The test said so\./);
      assert.equal(error.type, type);
      return true;
    });
  });
}

test("anthropic SDK, an OpenAI-compatible provider: usage is not asked for where the policy says so", async () => {
  const scene = world.scene([{ usage: null }], "bare");
  const final = await world
    .anthropic()
    .messages.stream({ ...ask, model: "bare-plain" })
    .finalMessage();
  assert.equal(final.stop_reason, "end_turn");
  assert.equal(sentBody(scene.requests[0])["stream_options"], undefined);
});

test("anthropic SDK, a provider that refuses stream_options: asked once more without", async () => {
  const scene = world.scene(
    (seen) =>
      "stream_options" in sentBody(seen)
        ? { status: 400, message: "Unrecognized request argument supplied: stream_options" }
        : {},
    "gpt",
  );
  const final = await world
    .anthropic()
    .messages.stream({ ...ask, model: "gpt-fault" })
    .finalMessage();
  assert.equal(final.stop_reason, "end_turn");
  assert.equal(scene.attempts.length, 1);
});

test("anthropic SDK, a compatible provider: the cap goes under the name that it knows", async () => {
  const scene = world.scene([{}], "ollama");
  await world.anthropic().messages.create({ ...ask, model: "ollama-plain" });
  assert.equal(sentBody(scene.requests[0])["max_tokens"], 100);
});

const gptBreaks: readonly { name: string; reply: ModelReply }[] = [
  {
    name: "an error frame",
    reply: {
      frames: [
        chunk({ content: "one" }),
        'data: {"error":{"message":"Busy.","type":"server_error","code":"overloaded"}}\n\n',
      ],
      delayBetween: 10,
    },
  },
  { name: "a cut", reply: { frames: [chunk({ content: "one" }), "", ""], cut: { after: 1, by: "rst" } } },
  { name: "an end without [DONE]", reply: { frames: [chunk({ content: "one" })] } },
];
for (const { name, reply } of gptBreaks) {
  test(`anthropic SDK, OpenAI provider: ${name} in a stream throws`, async () => {
    world.scene([reply], "gpt");
    const stream = world.anthropic().messages.stream({ ...ask, model: "gpt-broken" });
    let text = "";
    stream.on("text", (delta) => (text += delta));
    await assert.rejects(stream.finalMessage(), AnthropicError);
    assert.equal(text, "one");
  });
}

test("anthropic SDK, OpenAI provider: `break` cancels and charges", async () => {
  const scene = world.scene([{ words: LONG, delayBetween: 10 }], "gpt");
  const { data, response } = await world
    .anthropic()
    .messages.create({ ...ask, model: "gpt-leaves", stream: true })
    .withResponse();
  for await (const one of data) if (one.type === "content_block_delta") break;
  assert.equal(await scene.requests[0]?.ended, "aborted");
  const { tokens, estimated } = chargeOf(await world.ended(response.headers.get("sluice-request-id") ?? ""));
  assert.equal(estimated, true);
  assert.ok(Number(tokens) > 1, String(tokens));
});
