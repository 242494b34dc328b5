import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic, { APIError as AnthropicError } from "@anthropic-ai/sdk";
import OpenAI, { APIError as OpenAIError } from "openai";
import { APIS, type Api } from "../../../../router/core/inference/api.ts";
import { readEventStreamFrame } from "../../../../router/core/inference/event-stream.ts";
import { responseMeter, type ResponseMeter } from "../../../../router/core/inference/response-meter.ts";
import { cutFrames, errorFrames } from "../../../../router/core/inference/stream-terminal.ts";
import { NO_USAGE } from "../../../../router/core/inference/usage.ts";
import * as streams from "../../../fakes/model-streams.ts";

const ERROR = { reason: "budget_exhausted", message: 'The budget is "spent".\n', request: "req-1" } as const;
const USAGE = { ...NO_USAGE, input: 40, cacheRead: 10, output: 6, reasoning: 2 };

interface Cut {
  readonly out: Uint8Array[];
  readonly meter: ResponseMeter;
}

/** A stream of which the first frames came, and half of the next. */
function cutAfter(api: Api, frames: streams.Frames, count: number, dropUsageFrame = false): Cut {
  const meter = responseMeter({ api, streaming: true, dropUsageFrame, wholeFrames: true });
  const out: Uint8Array[] = [];
  for (const frame of frames.slice(0, count)) meter.push(frame, (bytes) => void out.push(bytes));
  const next = frames[count];
  if (next !== undefined) meter.push(next.subarray(0, next.length >> 1), (bytes) => void out.push(bytes));
  assert.equal(meter.stop(), true);
  return { out, meter };
}

/** The body as an SDK's fetch gets it. */
function answering(parts: readonly Uint8Array[]): () => Promise<Response> {
  return () =>
    Promise.resolve(
      new Response(Buffer.concat(parts), { headers: { "content-type": "text/event-stream", "x-request-id": "r" } }),
    );
}

const openai = (parts: readonly Uint8Array[]): OpenAI =>
  new OpenAI({ apiKey: "none", baseURL: "http://127.0.0.1:9/v1", fetch: answering(parts), maxRetries: 0 });
const anthropic = (parts: readonly Uint8Array[]): Anthropic =>
  new Anthropic({ apiKey: "none", baseURL: "http://127.0.0.1:9", fetch: answering(parts), maxRetries: 0 });

const CHAT = { model: "gpt-4o", messages: [{ role: "user" as const, content: "?" }], stream: true as const };
const MESSAGE = { model: "claude-x", max_tokens: 9, messages: [{ role: "user" as const, content: "?" }] };

async function collect<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

test("error: openai throws at chat, completions and responses", async () => {
  const { out } = cutAfter("chat", streams.chatStream(), 3);
  const chat = await openai([...out, errorFrames("chat", ERROR)]).chat.completions.create(CHAT);
  await assert.rejects(collect(chat), { name: "Error", code: "budget_exhausted", type: "insufficient_quota" });

  const completions = await openai([errorFrames("completions", ERROR)]).completions.create({
    model: "m",
    prompt: "?",
    stream: true,
  });
  await assert.rejects(collect(completions), { code: "budget_exhausted" });

  const part = cutAfter("responses", streams.responsesStream(), 6);
  const sequence = part.meter.facts.sequence;
  const frames = [...part.out, errorFrames("responses", { ...ERROR, sequence })];
  const responses = await openai(frames).responses.create({ model: "m", input: "?", stream: true });
  await assert.rejects(collect(responses), (error: unknown) => {
    assert.ok(error instanceof OpenAIError);
    assert.deepEqual(
      [error.code, (error.error as { sequence_number: number }).sequence_number],
      ["budget_exhausted", 6],
    );
    return true;
  });
});

test("error: anthropic throws", async () => {
  const { out } = cutAfter("messages", streams.messagesStream(), 8);
  const stream = anthropic([...out, errorFrames("messages", ERROR)]).messages.stream(MESSAGE);
  await assert.rejects(stream.finalMessage(), (error: unknown) => {
    assert.ok(error instanceof AnthropicError);
    assert.equal(error.type, "rate_limit_error");
    return true;
  });
});

test("error: Google's is bare, Bedrock's an exception, Ollama's a line", () => {
  const gemini = Buffer.from(errorFrames("generate_content", ERROR)).toString();
  assert.deepEqual(JSON.parse(gemini), {
    error: {
      code: 429,
      message: ERROR.message,
      status: "RESOURCE_EXHAUSTED",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          domain: "sluice.dev",
          reason: "budget_exhausted",
          request_id: "req-1",
        },
      ],
    },
  });
  const aws = errorFrames("converse", ERROR);
  const frame = readEventStreamFrame(aws, 0, aws.length);
  assert.deepEqual([frame?.messageType, frame?.name], ["exception", "throttlingException"]);
  assert.equal(
    Buffer.from(aws.subarray(frame?.payloadFrom, frame?.payloadTo)).toString(),
    JSON.stringify({ message: ERROR.message }),
  );
  assert.deepEqual(JSON.parse(Buffer.from(errorFrames("ollama_chat", ERROR)).toString()), {
    error: ERROR.message,
    reason: "budget_exhausted",
    request_id: "req-1",
  });
});

test("error: the rule and the request are named where the form has room", () => {
  const ruled = { ...ERROR, rule: "never" };
  for (const api of ["chat", "completions", "responses", "messages", "generate_content", "ollama_chat"] as const) {
    const text = Buffer.from(errorFrames(api, ruled)).toString();
    assert.match(text, /"rule":"never"/, api);
    assert.match(text, /"request_id":"req-1"/, api);
  }
});

test("error: every stream's own is read as a failure, after which it is not complete", () => {
  for (const { api, frames, name } of streams.STREAM_FIXTURES) {
    if (api === "generate_content") continue;
    const { out } = cutAfter(api, frames, 3);
    const meter = responseMeter({ api, streaming: true, dropUsageFrame: false, wholeFrames: false });
    for (const bytes of [...out, errorFrames(api, ERROR)]) meter.push(bytes, () => undefined);
    assert.notEqual(meter.failure, undefined, name);
    assert.deepEqual([meter.complete, meter.garbage], [false, undefined], name);
  }
});

test("error: exceptions of Bedrock are those that its streams have", () => {
  const named = (reason: Parameters<typeof errorFrames>[1]["reason"]): string | undefined => {
    const bytes = errorFrames("invoke", { ...ERROR, reason });
    return readEventStreamFrame(bytes, 0, bytes.length)?.name;
  };
  assert.deepEqual(
    (["idle_timeout", "guardrail_blocked", "overloaded", "internal", "model_not_allowed"] as const).map(named),
    [
      "modelStreamErrorException",
      "validationException",
      "serviceUnavailableException",
      "internalServerException",
      "validationException",
    ],
  );
});

test("an API without a stream has neither error nor terminal in it", () => {
  for (const [api, row] of Object.entries(APIS) as [Api, { readonly streams: boolean }][]) {
    if (row.streams) continue;
    const meter = responseMeter({ api, streaming: false, dropUsageFrame: false, wholeFrames: true });
    assert.deepEqual([errorFrames(api, ERROR).length, cutFrames(api, meter, USAGE).length], [0, 0]);
  }
});

const reasons: Readonly<Record<string, string>> = {
  chat: "length",
  completions: "length",
  responses: "max_output_tokens",
  messages: "max_tokens",
  generate_content: "MAX_TOKENS",
  converse: "max_tokens",
  invoke: "max_tokens",
  ollama_chat: "length",
};

for (const { name, api, frames } of streams.STREAM_FIXTURES) {
  if (name === "Invoke, another") continue;
  test(`INV-METER-CUT: cut: ${name}: after any frame the meter reads an honest end`, () => {
    for (let count = api === "messages" || api === "invoke" ? 1 : 0; count < frames.length; count++) {
      const { out, meter } = cutAfter(api, frames, count);
      const end = cutFrames(api, meter, USAGE);
      if (meter.complete) {
        assert.equal(end.length, 0);
        continue;
      }
      const again = responseMeter({ api, streaming: true, dropUsageFrame: false, wholeFrames: true });
      for (const bytes of [...out, end]) again.push(bytes, () => undefined);
      assert.equal(again.stop(), true);
      assert.deepEqual([again.complete, again.failure, again.garbage], [true, undefined, undefined], `after ${count}`);
      assert.equal(again.facts.openBlock, undefined);
      assert.deepEqual(again.facts.openChoices, []);
      // Where the provider's own terminal has begun, its reason stands.
      if (meter.finishReasons.length === 0) assert.equal(again.finishReasons.at(-1), reasons[api], `after ${count}`);
      assert.ok((again.usage?.output ?? 0) >= Math.min(USAGE.output, meter.usage?.output ?? USAGE.output));
      if (api !== "messages" && api !== "invoke") assert.ok((again.usage?.input ?? 0) > 0);
    }
  });
}

test("cut: openai sees finish reason length for every open choice, the usage, and the end", async () => {
  const { out, meter } = cutAfter("chat", streams.chatStream({ choices: 2 }), 5);
  const client = openai([...out, cutFrames("chat", meter, USAGE)]);
  const chunks = await collect(
    await client.chat.completions.create({ ...CHAT, stream_options: { include_usage: true } }),
  );
  const last = chunks.slice(-2);
  assert.deepEqual(
    last[0]?.choices.map(({ index, finish_reason }) => [index, finish_reason]),
    [
      [0, "length"],
      [1, "length"],
    ],
  );
  assert.deepEqual(last[1]?.choices, []);
  assert.deepEqual(
    [last[1]?.usage?.prompt_tokens, last[1]?.usage?.completion_tokens, last[1]?.usage?.total_tokens],
    [40, 6, 46],
  );
  assert.deepEqual(new Set(chunks.map(({ id }) => id)).size, 1);
});

test("cut: a client that did not ask for usage gets none", async () => {
  const { out, meter } = cutAfter("chat", streams.chatStream(), 3, true);
  const chunks = await collect(await openai([...out, cutFrames("chat", meter, USAGE)]).chat.completions.create(CHAT));
  assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, "length");
});

test("cut: openai's stream helper gives the text so far", async () => {
  const { out, meter } = cutAfter("chat", streams.chatStream(), 3);
  const runner = openai([...out, cutFrames("chat", meter, USAGE)]).chat.completions.stream(CHAT);
  const completion = await runner.finalChatCompletion().catch((error: unknown) => error);
  // Its helper throws a LengthFinishReasonError where it was to parse the text, and gives the text where it was not.
  assert.ok(!(completion instanceof Error), String(completion));
  assert.equal((completion as OpenAI.ChatCompletion).choices[0]?.message.content, "Two plus");
});

test("cut: openai sees an incomplete response with the next sequence number", async () => {
  const { out, meter } = cutAfter("responses", streams.responsesStream(), 6);
  const client = openai([...out, cutFrames("responses", meter, USAGE)]);
  const events = await collect(await client.responses.create({ model: "m", input: "?", stream: true }));
  const last = events.at(-1);
  assert.ok(last?.type === "response.incomplete");
  assert.equal(last.sequence_number, 6);
  assert.deepEqual(
    [
      last.response.id,
      last.response.model,
      last.response.created_at,
      last.response.incomplete_details,
      last.response.usage?.output_tokens,
    ],
    ["resp_0123456789abcdef", "gpt-5-2025-08-07", 1_763_700_003, { reason: "max_output_tokens" }, 6],
  );
});

test("cut: anthropic gives the message so far, with its stop reason", async () => {
  for (const tool of [false, true]) {
    const { out, meter } = cutAfter("messages", streams.messagesStream({ tool }), tool ? 7 : 9);
    const message = await anthropic([...out, cutFrames("messages", meter, USAGE)])
      .messages.stream(MESSAGE)
      .finalMessage();
    assert.equal(message.stop_reason, "max_tokens");
    assert.deepEqual([message.usage.output_tokens, message.usage.input_tokens], [6, 11]);
    assert.equal(message.content.length, 2);
  }
});

test("cut: without a charged usage, an unknown input is not stated as zero", () => {
  const shown = (api: Api, frames: streams.Frames): string => {
    const { meter } = cutAfter(api, frames, 2);
    return Buffer.from(cutFrames(api, meter)).toString();
  };
  assert.doesNotMatch(shown("chat", streams.chatStream()), /usage/);
  assert.match(shown("responses", streams.responsesStream()), /"usage":null/);
  assert.doesNotMatch(
    shown(
      "generate_content",
      streams
        .geminiStream()
        .map((frame) => Buffer.from(Buffer.from(frame).toString().replace("usageMetadata", "none"))),
    ),
    /promptTokenCount/,
  );
  assert.doesNotMatch(shown("ollama_chat", streams.ollamaStream()), /prompt_eval_count/);
  assert.doesNotMatch(shown("converse", streams.converseStream()), /metadata/);
  // What the provider did state is there.
  assert.match(shown("chat", streams.chatStream({ running: "count" })), /"prompt_tokens":40,"completion_tokens":1,/);
});

test("cut: half a usage is not stated as a whole one", () => {
  const half = streams.sse({ choices: [{ index: 0, delta: { content: "a" } }], usage: { completion_tokens: 5 } });
  const open = cutAfter("chat", [half], 1).meter;
  assert.equal(open.unstated, "input");
  assert.doesNotMatch(Buffer.from(cutFrames("chat", open)).toString(), /usage/);
});

test("cut: the input that Bedrock is told excludes the cache", () => {
  const { meter } = cutAfter("converse", streams.converseStream(), 2);
  const again = responseMeter({ api: "converse", streaming: true, dropUsageFrame: false, wholeFrames: false });
  again.push(cutFrames("converse", meter, USAGE), () => undefined);
  assert.deepEqual(
    [again.native.get("inputTokens"), again.native.get("cacheReadInputTokens"), again.usage?.input],
    [30, 10, 40],
  );
});

test("cut: of another vendor's model on Bedrock no terminal is known, so it is an exception", () => {
  const { meter } = cutAfter("invoke", streams.invokeOtherStream(), 2);
  const bytes = cutFrames("invoke", meter, USAGE);
  assert.equal(readEventStreamFrame(bytes, 0, bytes.length)?.messageType, "exception");
});
