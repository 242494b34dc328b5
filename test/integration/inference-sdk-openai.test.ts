import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AzureOpenAI, NotFoundError } from "openai";
import type { SeenRequest } from "../fakes/model-origin.ts";
import { PROVIDER_KEY } from "../fakes/model-policy.ts";
import { chargeOf, type ModelWorld, sentBody, servedModel, startModelWorld } from "../fakes/model-world.ts";

const HELLO = "Hello from the model.";
const messages = [{ role: "user" as const, content: "hi" }];
let world: ModelWorld;

before(async () => {
  world = await startModelWorld({
    providers: {
      main: ["openai"],
      azure: ["azure", 'apiVersion: "2025-04-01-preview"'],
      callers: ["azure"],
      ollama: ["ollama"],
    },
    models: [
      servedModel("plain", "main", ["aliases: [gpt-plain]"]),
      servedModel("on-azure", "azure"),
      servedModel("callers-version", "callers"),
      servedModel("on-ollama", "ollama"),
    ],
  });
});
after(async () => world?.[Symbol.asyncDispose]());

function onlyOne(requests: readonly SeenRequest[]): SeenRequest {
  const [first, second] = requests;
  if (first === undefined || second !== undefined) throw new Error(`${requests.length} requests came`);
  return first;
}

test("a chat call: the answer as its provider wrote it, request ids, and the usage on record", async () => {
  const scene = world.scene([
    { headers: { "x-request-id": "upstream-1", "openai-processing-ms": "3", "x-new": "kept" } },
  ]);
  const { data, response, request_id } = await world
    .openai()
    .chat.completions.create({ model: "plain", messages })
    .withResponse();
  assert.equal(data.choices[0]?.message.content, HELLO);
  assert.equal(data.usage?.prompt_tokens, 11);
  assert.equal(data.model, "up-plain");
  assert.equal(response.headers.get("openai-processing-ms"), "3");
  assert.equal(response.headers.get("x-new"), "kept");
  assert.equal(request_id, "upstream-1");
  const id = response.headers.get("sluice-request-id");
  assert.ok(id);
  const end = await world.ended(id);
  assert.deepEqual(chargeOf(end), { tokens: 18, estimated: false });
  assert.equal(end.target, "plain");
  assert.equal(onlyOne(scene.requests).path, "/v1/chat/completions");
});

test("the agent's own credentials go no further than the router, the SDK's other fields do", async () => {
  const scene = world.scene([{}]);
  const client = world.openai({
    apiKey: "agents-own-key",
    organization: "agents-org",
    project: "agents-project",
    defaultHeaders: { cookie: "session=agents-own", "x-api-key": "agents-own", "x-custom": "goes-on" },
    defaultQuery: { key: "agents-own", more: "goes-on" },
  });
  await client.chat.completions.create({ model: "plain", messages });
  const seen = onlyOne(scene.requests);
  assert.equal(seen.headers.authorization, `Bearer ${PROVIDER_KEY}`);
  assert.equal(`${seen.url} ${seen.rawHeaders.join(" ")} ${seen.body.toString()}`.includes("agents-"), false);
  assert.equal(seen.headers["x-custom"], "goes-on");
  assert.match(seen.url, /\?more=goes-on$/);
  assert.equal(seen.headers["x-stainless-lang"], "js");
  assert.equal(seen.headers["x-stainless-retry-count"], "0");
  assert.match(seen.headers["user-agent"] ?? "", /^OpenAI\/JS 7\./);
});

test("fields that nobody knows pass both ways", async () => {
  const scene = world.scene([
    {
      body: {
        id: "chatcmpl-9",
        object: "chat.completion",
        created: 1,
        model: "up-plain",
        choices: [
          { index: 0, message: { role: "assistant", content: "x", reasoning_content: "why" }, finish_reason: "stop" },
        ],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, queue_time: 0.25 },
        x_provider: { nested: ["é", 1e-7, 12345678901234567000] },
      },
    },
  ]);
  const params = { model: "plain", messages, x_agent: { deep: [1, { é: null }] }, seed: 7, metadata: { a: "b" } };
  const answer = await world.openai().chat.completions.create(params);
  const { model, ...rest } = sentBody(onlyOne(scene.requests));
  assert.equal(model, "up-plain");
  assert.deepEqual(rest, { messages, x_agent: { deep: [1, { é: null }] }, seed: 7, metadata: { a: "b" } });
  const unknown = answer as unknown as Record<string, unknown>;
  assert.deepEqual(unknown["x_provider"], { nested: ["é", 1e-7, 12345678901234567000] });
  assert.equal((answer.usage as unknown as Record<string, unknown>)["queue_time"], 0.25);
  assert.ok(answer.choices[0] && "reasoning_content" in answer.choices[0].message);
  assert.equal(answer.choices[0].message.reasoning_content, "why");
});

test("tools: definitions go out, calls come back, results go out again", async () => {
  const call = { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Köln"}' } };
  const answerWith = (message: object, finish: string) => ({
    body: {
      id: "chatcmpl-2",
      object: "chat.completion",
      created: 1,
      model: "up-plain",
      choices: [{ index: 0, message, finish_reason: finish }],
      usage: { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25 },
    },
  });
  const scene = world.scene([
    answerWith({ role: "assistant", content: null, tool_calls: [call] }, "tool_calls"),
    answerWith({ role: "assistant", content: "It rains." }, "stop"),
  ]);
  const asked: string[] = [];
  const runner = world.openai().chat.completions.runTools({
    model: "plain",
    messages: [{ role: "user", content: "What is the weather in Köln?" }],
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
  const [tool] = first["tools"] as readonly { function: { name: string } }[];
  assert.equal(tool?.function.name, "weather");
  const turns = second["messages"] as readonly { role: string }[];
  assert.deepEqual(
    turns.map(({ role }) => role),
    ["user", "assistant", "tool"],
  );
});

test("an image as a data URL arrives octet by octet", async () => {
  const scene = world.scene([{}]);
  const url = `data:image/png;base64,${Buffer.alloc(300_000, "png").toString("base64")}`;
  const content = [
    { type: "text" as const, text: "What is it?" },
    { type: "image_url" as const, image_url: { url, detail: "low" as const } },
  ];
  const answer = await world
    .openai()
    .chat.completions.create({ model: "plain", messages: [{ role: "user", content }] });
  assert.equal(answer.choices[0]?.message.content, HELLO);
  assert.deepEqual(sentBody(onlyOne(scene.requests))["messages"], [{ role: "user", content }]);
});

test("the Responses API: create, stream, and its final response", async () => {
  world.scene([{}]);
  const client = world.openai();
  const whole = await client.responses.create({ model: "plain", input: "hi" });
  assert.equal(whole.output_text, HELLO);
  assert.equal(whole.usage?.input_tokens, 11);
  const stream = client.responses.stream({ model: "plain", input: "hi" });
  const types: string[] = [];
  for await (const event of stream) types.push(event.type);
  assert.equal(types[0], "response.created");
  assert.equal(types.at(-1), "response.completed");
  const final = await stream.finalResponse();
  assert.equal(final.output_text, HELLO);
  assert.equal(final.usage?.total_tokens, 18);
});

test("embeddings are metered by their input", async () => {
  const scene = world.scene([{ usage: { input: 5 } }]);
  const { data, response } = await world
    .openai()
    .embeddings.create({ model: "plain", input: ["a", "b"], encoding_format: "float" })
    .withResponse();
  assert.deepEqual(data.data[0]?.embedding, [0.25, -0.5, 0.125]);
  assert.equal(onlyOne(scene.requests).path, "/v1/embeddings");
  const end = await world.ended(response.headers.get("sluice-request-id") ?? "");
  assert.deepEqual(chargeOf(end), { tokens: 5, estimated: false });
});

test("legacy completions: create and stream", async () => {
  const scene = world.scene([{}]);
  const client = world.openai();
  const answer = await client.completions.create({ model: "plain", prompt: "Say" });
  assert.equal(answer.choices[0]?.text, HELLO);
  let text = "";
  for await (const chunk of await client.completions.create({ model: "plain", prompt: "Say", stream: true })) {
    assert.equal(chunk.choices.length, 1);
    text += chunk.choices[0]?.text ?? "";
  }
  assert.equal(text, HELLO);
  assert.deepEqual(
    scene.requests.map(({ path }) => path),
    ["/v1/completions", "/v1/completions"],
  );
});

test("models: the policy's, and no provider is asked", async () => {
  const scene = world.scene([{}]);
  const client = world.openai();
  const names: string[] = [];
  for await (const { id } of client.models.list()) names.push(id);
  assert.deepEqual(names, ["plain", "on-azure", "callers-version", "on-ollama"]);
  assert.equal((await client.models.retrieve("plain")).id, "plain");
  await assert.rejects(client.models.retrieve("secret-model"), NotFoundError);
  assert.equal(scene.requests.length, 0);
});

test("an alias is the model", async () => {
  const scene = world.scene([{}]);
  await world.openai().chat.completions.create({ model: "gpt-plain", messages });
  assert.equal(sentBody(onlyOne(scene.requests))["model"], "up-plain");
});

const azureRows = [
  {
    model: "on-azure",
    provider: "azure",
    url: "/openai/deployments/up-on-azure/chat/completions?api-version=2025-04-01-preview",
  },
  {
    model: "callers-version",
    provider: "callers",
    url: "/openai/deployments/up-callers-version/chat/completions?api-version=2024-06-01",
  },
];
for (const { model, provider, url } of azureRows) {
  test(`AzureOpenAI, ${model}: deployment and api-version in the path, the provider's api-key`, async () => {
    const scene = world.scene([{}], provider);
    const client = new AzureOpenAI({
      endpoint: world.url,
      apiKey: "agents-own-key",
      apiVersion: "2024-06-01",
      deployment: model,
      fetch: world.fetch,
    });
    const answer = await client.chat.completions.create({ model, messages });
    assert.equal(answer.choices[0]?.message.content, HELLO);
    let text = "";
    for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    assert.equal(text, HELLO);
    for (const seen of scene.requests) {
      assert.equal(seen.url, url);
      assert.equal(seen.headers["api-key"], PROVIDER_KEY);
      assert.equal(seen.rawHeaders.join(" ").includes("agents-own-key"), false);
    }
    assert.equal(scene.requests.length, 2);
  });
}

test("a model at Ollama is spoken to by its OpenAI-compatible paths", async () => {
  const scene = world.scene([{}], "ollama");
  const answer = await world.openai().chat.completions.create({ model: "on-ollama", messages });
  assert.equal(answer.choices[0]?.message.content, HELLO);
  assert.equal(onlyOne(scene.requests).path, "/v1/chat/completions");
});

test("a body of 8 MB passes, and 32 parallel calls each get their own answer", async () => {
  const big = "x".repeat(8_000_000);
  const scene = world.scene((seen) => {
    const [message] = sentBody(seen)["messages"] as { content: string }[];
    return { words: [`${message?.content.length} ${message?.content.slice(-3)}`] };
  });
  const client = world.openai();
  const answer = await client.chat.completions.create({ model: "plain", messages: [{ role: "user", content: big }] });
  assert.equal(answer.choices[0]?.message.content, "8000000 xxx");
  const answers = await Promise.all(
    Array.from({ length: 32 }, async (_, index) => {
      const content = `call ${100 + index}`;
      const { choices } = await client.chat.completions.create({
        model: "plain",
        messages: [{ role: "user", content }],
      });
      return choices[0]?.message.content;
    }),
  );
  assert.deepEqual(
    answers,
    answers.map((_, index) => `8 ${100 + index}`),
  );
  assert.equal(scene.attempts.length, 33);
});
