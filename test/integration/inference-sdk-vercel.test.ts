import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, embed, generateText, isStepCount, jsonSchema, type LanguageModel, streamText, tool } from "ai";
import type { ModelReply } from "../fakes/model-origin.ts";
import { PROVIDER_KEY } from "../fakes/model-policy.ts";
import { type ModelWorld, servedModel, startModelWorld } from "../fakes/model-world.ts";

const HELLO = "Hello from the model.";
const LONG = Array.from({ length: 400 }, () => "word ");
// The SDK warns of models that it does not know.
globalThis.AI_SDK_LOG_WARNINGS = false;
let world: ModelWorld;

before(async () => {
  world = await startModelWorld({
    providers: { main: ["openai"], claude: ["anthropic"] },
    models: ["plain", "leaves", "broken", "limited", "empty"].flatMap((name) => [
      servedModel(name),
      servedModel(`claude-${name}`, "claude"),
    ]),
    budgets: [
      "{ id: all, tokens: 100000000, window: day }",
      "{ id: nothing, tokens: 10, window: day, models: [empty, claude-empty] }",
    ],
  });
});
after(async () => world?.[Symbol.asyncDispose]());

interface Client {
  readonly name: string;
  /** Where its calls come out. */
  readonly provider: "main" | "claude";
  readonly prefix: "" | "claude-";
  model(name: string): LanguageModel;
}

const openai = () => createOpenAI({ baseURL: `${world.url}/v1`, apiKey: "not-needed", fetch: world.fetch });
const anthropic = () => createAnthropic({ baseURL: `${world.url}/v1`, apiKey: "not-needed", fetch: world.fetch });
const clients: readonly Client[] = [
  { name: "openai.chat", provider: "main", prefix: "", model: (name) => openai().chat(name) },
  { name: "openai.responses", provider: "main", prefix: "", model: (name) => openai().responses(name) },
  { name: "anthropic", provider: "claude", prefix: "claude-", model: (name) => anthropic()(`claude-${name}`) },
  // Over a translation.
  {
    name: "openai.chat at Anthropic",
    provider: "claude",
    prefix: "claude-",
    model: (name) => openai().chat(`claude-${name}`),
  },
  { name: "anthropic at OpenAI", provider: "main", prefix: "", model: (name) => anthropic()(name) },
];

for (const { name, provider, prefix, model } of clients) {
  test(`${name}: generateText`, async () => {
    const scene = world.scene([{ usage: { input: 31, output: 8 } }], provider);
    const before = Number((await world.budget("all")).used);
    const { text, usage, finishReason } = await generateText({
      model: model("plain"),
      prompt: "hi",
      maxOutputTokens: 50,
    });
    assert.equal(text, HELLO);
    assert.equal(finishReason, "stop");
    assert.deepEqual([usage.inputTokens, usage.outputTokens], [31, 8]);
    assert.equal(Number((await world.budget("all")).used) - before, 39);
    const [seen] = scene.requests;
    assert.equal(
      seen?.rawHeaders.some((value) => value.includes(PROVIDER_KEY)),
      true,
    );
    assert.equal(seen?.rawHeaders.join(" ").includes("not-needed"), false);
  });

  test(`${name}: streamText`, async () => {
    world.scene([{ splitEvery: 17, usage: { input: 31, output: 8 } }], provider);
    const before = Number((await world.budget("all")).used);
    const stream = streamText({ model: model("plain"), prompt: "hi" });
    let text = "";
    for await (const delta of stream.textStream) text += delta;
    assert.equal(text, HELLO);
    assert.equal(await stream.finishReason, "stop");
    const usage = await stream.usage;
    assert.deepEqual([usage.inputTokens, usage.outputTokens], [31, 8]);
    assert.equal(Number((await world.budget("all")).used) - before, 39);
  });

  test(`${name}: an abort cancels the provider's work, and it is charged`, async () => {
    const scene = world.scene([{ words: LONG, delayBetween: 10 }], provider);
    const before = Number((await world.budget("all")).used);
    const leaving = new AbortController();
    const stream = streamText({ model: model("leaves"), prompt: "hi", abortSignal: leaving.signal });
    let left = 0;
    for await (const delta of stream.textStream) {
      if (left > 0 || !delta.startsWith("word")) continue;
      left = performance.now();
      leaving.abort();
    }
    const [seen] = scene.requests;
    assert.equal(await seen?.ended, "aborted");
    assert.ok((seen?.abortedAt ?? Infinity) - left < 1_000);
    await world.ended(`${prefix}leaves`);
    let now = await world.budget("all");
    while (now.reserved !== 0) now = await world.budget("all");
    assert.ok(Number(now.used) > before, `${before} -> ${now.used}`);
  });

  test(`${name}: a cut stream is an error, never an end`, async () => {
    world.scene([{ words: LONG, delayBetween: 5, cut: { after: 8, by: "rst" } }], provider);
    const errors: unknown[] = [];
    const stream = streamText({
      model: model("broken"),
      prompt: "hi",
      onError: ({ error }) => void errors.push(error),
    });
    let text = "";
    try {
      for await (const delta of stream.textStream) text += delta;
      const finish = await stream.finishReason;
      assert.ok(finish === "error", finish);
    } catch (error) {
      errors.push(error);
    }
    assert.ok(errors.length > 0);
    assert.match(text, /^(?:word )+$/);
    assert.ok(text.length < LONG.join("").length);
  });

  test(`${name}: a model that is not allowed is refused once`, async () => {
    const scene = world.scene([{}], provider);
    await assert.rejects(generateText({ model: model("secret"), prompt: "hi" }), (error: unknown) => {
      assert.ok(APICallError.isInstance(error), String(error));
      assert.deepEqual([error.statusCode, error.isRetryable], [403, false]);
      assert.match(error.message, /No policy allows this model/);
      return true;
    });
    assert.equal(scene.attempts.length, 1);
    assert.equal(scene.requests.length, 0);
  });

  test(`${name}: a budget that is used up is told in the words of its API`, async () => {
    await assert.rejects(generateText({ model: model("empty"), prompt: "hi", maxRetries: 0 }), (error: unknown) => {
      assert.ok(APICallError.isInstance(error), String(error));
      assert.equal(error.statusCode, 429);
      assert.match(error.message, /The budget is used up/);
      assert.equal(error.responseHeaders?.["retry-after"], undefined);
      return true;
    });
  });

  test(`${name}: the provider's 429 is retried after its wait`, async () => {
    const scene = world.scene([{ status: 429, headers: { "retry-after-ms": "100" } }, {}], provider);
    const { text } = await generateText({ model: model("limited"), prompt: "hi" });
    assert.equal(text, HELLO);
    assert.equal(scene.requests.length, 2);
    const [first, second] = scene.attempts;
    const waited = (second?.at ?? 0) - (first?.at ?? 0);
    assert.ok(waited >= 95 && waited < 1_900, `${waited}`);
  });
}

const chatTool: ModelReply = {
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
const messagesTool: ModelReply = {
  body: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content: [{ type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Köln" } }],
    stop_reason: "tool_use",
    stop_sequence: null,
    usage: { input_tokens: 30, output_tokens: 12 },
  },
};
for (const { name, provider, model } of clients.filter((client) => client.name !== "openai.responses")) {
  test(`${name}: the tool loop`, async () => {
    const scene = world.scene([provider === "main" ? chatTool : messagesTool, { words: ["It rains."] }], provider);
    const asked: string[] = [];
    const { text, steps } = await generateText({
      model: model("plain"),
      prompt: "The weather in Köln?",
      stopWhen: isStepCount(3),
      tools: {
        weather: tool({
          description: "The weather of a city.",
          inputSchema: jsonSchema<{ city: string }>({
            type: "object",
            properties: { city: { type: "string" } },
            required: ["city"],
            additionalProperties: false,
          }),
          execute: async ({ city }) => {
            asked.push(city);
            return { sky: "rain" };
          },
        }),
      },
    });
    assert.equal(text, "It rains.");
    assert.deepEqual(asked, ["Köln"]);
    assert.equal(steps.length, 2);
    assert.match(scene.requests[1]?.body.toString() ?? "", /rain/);
  });
}

test("embed", async () => {
  world.scene([{ usage: { input: 4 } }]);
  const { embedding, usage } = await embed({ model: openai().embedding("plain"), value: "hi" });
  assert.deepEqual(embedding, [0.25, -0.5, 0.125]);
  assert.equal(usage.tokens, 4);
});
