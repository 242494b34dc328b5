import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../../../../router/core/inference/api.ts";
import { eventStreamFrame } from "../../../../router/core/inference/event-stream.ts";
import {
  responseMeter,
  type MeterOptions,
  type ResponseMeter,
} from "../../../../router/core/inference/response-meter.ts";
import * as streams from "../../../fakes/model-streams.ts";

const { octets, sse } = streams;

const streaming = (api: Api, more: Partial<MeterOptions> = {}): MeterOptions => ({
  api,
  streaming: true,
  dropUsageFrame: false,
  wholeFrames: false,
  ...more,
});

interface Seen {
  readonly meter: ResponseMeter;
  readonly out: Uint8Array[];
}

function seen(options: MeterOptions, frames: readonly Uint8Array[], end = true): Seen {
  const meter = responseMeter(options);
  const out: Uint8Array[] = [];
  const emit = (bytes: Uint8Array): void => void out.push(bytes);
  for (const frame of frames) meter.push(frame, emit);
  if (end) meter.end(emit);
  return { meter, out };
}

const chunk = (more: object): Uint8Array => sse({ id: "c", object: "chat.completion.chunk", model: "m", ...more });
const text = (content: string, more: object = {}): Uint8Array =>
  chunk({ choices: [{ index: 0, delta: { content } }], ...more });
const stop = (index = 0): Uint8Array => chunk({ choices: [{ index, delta: {}, finish_reason: "stop" }] });
const usage = (more: object): Uint8Array => chunk({ choices: [], usage: more });

test("raw: the very buffers go on", () => {
  const frames = streams.chatStream();
  const { out } = seen(streaming("chat"), frames);
  assert.deepEqual(
    out.map((bytes, index) => bytes === frames[index]),
    frames.map(() => true),
  );
});

test("whole frames: a chunk of whole frames goes on as it is; a cut frame waits and goes on as one copy", () => {
  const whole = streams.body([text("a"), text("b")]);
  const cut = text("c");
  const { out } = seen(streaming("chat", { wholeFrames: true }), [whole, cut.subarray(0, 9), cut.subarray(9)], false);
  assert.equal(out[0], whole);
  assert.equal(out.length, 2);
  assert.deepEqual(out[1], cut);
});

test("whole frames: the whole part of a chunk goes on at once, in one view", () => {
  const bytes = streams.body([text("a"), text("b"), text("c")]);
  const { out } = seen(streaming("chat", { wholeFrames: true }), [bytes.subarray(0, bytes.length - 5)], false);
  assert.equal(out.length, 1);
  assert.equal(out[0]?.buffer, bytes.buffer);
  assert.deepEqual(Buffer.from(out[0] ?? []), Buffer.concat([text("a"), text("b")]));
});

test("the usage chunk is taken out of the middle of a chunk", () => {
  const frames = [text("a"), usage(streams.CHAT_USAGE), streams.DONE];
  const { out, meter } = seen(streaming("chat", { dropUsageFrame: true }), [streams.body(frames)]);
  assert.deepEqual(Buffer.concat(out), Buffer.concat([text("a"), streams.DONE]));
  assert.equal(out.length, 2);
  assert.equal(meter.usage?.output, 17);
});

const kept: readonly (readonly [name: string, frame: Uint8Array])[] = [
  ["usage beside choices", text("a", { usage: streams.CHAT_USAGE })],
  ["no choices, and filter results (Azure's first)", chunk({ choices: [], prompt_filter_results: [] })],
  ["no choices, and both", chunk({ choices: [], prompt_filter_results: [{}], usage: streams.CHAT_USAGE })],
  ["no choices, usage null", chunk({ choices: [], usage: null })],
  ["no choices, an error", chunk({ choices: [], usage: streams.CHAT_USAGE, error: { message: "x" } })],
  ["a comment", octets(": OPENROUTER PROCESSING\n\n")],
  ["a role", chunk({ choices: [{ delta: { role: "assistant" } }], usage: streams.CHAT_USAGE })],
  ["text that looks like it", text('"choices":[],"usage":{"prompt_tokens":1}')],
];

for (const [name, frame] of kept) {
  test(`a client that did not ask for usage gets: ${name}`, () => {
    const { out, meter } = seen(streaming("chat", { dropUsageFrame: true }), [frame]);
    assert.deepEqual(Buffer.concat(out), Buffer.from(frame));
    assert.equal(meter.garbage, undefined);
  });
}

test("a usage chunk spread over lines, with spaces, is taken out too", () => {
  const frame = octets(
    'data: {"choices": [ ],\ndata: "usage": {"prompt_tokens": 4,\ndata: "completion_tokens": 2}}\n\n',
  );
  const { out, meter } = seen(streaming("chat", { dropUsageFrame: true }), [frame]);
  assert.deepEqual(out, []);
  assert.deepEqual([meter.usage?.input, meter.usage?.output], [4, 2]);
});

interface Expected {
  readonly complete: boolean;
  readonly failure?: string;
  readonly garbage?: boolean;
  readonly started: boolean;
  readonly output: number;
  readonly usage?: readonly [input: number, output: number];
  readonly finish?: readonly string[];
}

const { chatStream, messagesStream, responsesStream } = streams;
const gemini = (more: object): Uint8Array => sse(more, undefined, "\r\n");
const line = (more: object): Uint8Array => octets(`${JSON.stringify(more)}\n`);

const rows: readonly (readonly [name: string, api: Api, frames: readonly Uint8Array[], expected: Expected])[] = [
  [
    "chat: no usage was asked for",
    "chat",
    chatStream({ usage: undefined, pieces: ["a", "b"] }),
    { complete: true, started: true, output: 2, finish: ["stop"] },
  ],
  ["chat: cut", "chat", chatStream().slice(0, 4), { complete: false, started: true, output: 4 }],
  [
    "chat: a finish reason, and no more",
    "chat",
    [text("a"), stop()],
    { complete: true, started: true, output: 1, finish: ["stop"] },
  ],
  ["chat: [DONE] alone", "chat", [text("a"), streams.DONE], { complete: true, started: true, output: 1 }],
  [
    "chat: [DONE] without its blank line",
    "chat",
    [text("a"), octets("data: [DONE]")],
    { complete: true, started: true, output: 1 },
  ],
  [
    "chat: one of two choices has finished",
    "chat",
    [text("a"), chunk({ choices: [{ index: 1, delta: { content: "b" } }] }), stop(1)],
    { complete: false, started: true, output: 2, finish: ["stop"] },
  ],
  [
    "chat: a tool is called",
    "chat",
    streams.chatToolStream(),
    { complete: true, started: true, output: 3, finish: ["tool_calls"] },
  ],
  ["chat: only the role has come", "chat", chatStream().slice(0, 1), { complete: false, started: false, output: 0 }],
  ["chat: nothing", "chat", [], { complete: false, started: false, output: 0 }],
  [
    "chat: two usage chunks, the later lower",
    "chat",
    [
      text("a"),
      usage({ prompt_tokens: 5, completion_tokens: 9 }),
      usage({ prompt_tokens: 5, completion_tokens: 2 }),
      streams.DONE,
    ],
    { complete: true, started: true, output: 9, usage: [5, 9] },
  ],
  [
    "chat: two usage chunks, the later higher",
    "chat",
    [text("a"), usage({ prompt_tokens: 5, completion_tokens: 9 }), usage({ prompt_tokens: 5, completion_tokens: 12 })],
    { complete: false, started: true, output: 12, usage: [5, 12] },
  ],
  [
    "chat: a bad usage chunk after a good one",
    "chat",
    [
      text("a"),
      usage({ prompt_tokens: 5, completion_tokens: 9 }),
      usage({ prompt_tokens: -5, completion_tokens: 1e300 }),
    ],
    { complete: false, started: true, output: 9, usage: [5, 9] },
  ],
  [
    "chat: only a bad usage chunk",
    "chat",
    [text("a"), usage({ prompt_tokens: -5, completion_tokens: "9" }), streams.DONE],
    { complete: true, started: true, output: 1 },
  ],
  [
    "chat: usage that is no object",
    "chat",
    [text("a"), chunk({ choices: [], usage: 5 }), chunk({ choices: [], usage: "x" })],
    { complete: false, started: true, output: 1 },
  ],
  [
    "chat: running usage, cut",
    "chat",
    chatStream({ running: "count" }).slice(0, 4),
    { complete: false, started: true, output: 3, usage: [40, 3] },
  ],
  [
    "chat: running usage that stands still does not hide what came",
    "chat",
    Array.from({ length: 50 }, () => text("word", { usage: { prompt_tokens: 1, completion_tokens: 1 } })),
    { complete: false, started: true, output: 50, usage: [1, 1] },
  ],
  [
    "chat: running usage of zero",
    "chat",
    [text("a", { usage: { prompt_tokens: 3, completion_tokens: 0 } })],
    { complete: false, started: true, output: 1, usage: [3, 0] },
  ],
  [
    "chat: long pieces count by their octets",
    "chat",
    [text("x".repeat(400))],
    { complete: false, started: true, output: 100 },
  ],
  [
    "chat: duplicate members, the last counts",
    "chat",
    [
      sse(
        '{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1},"usage":{"prompt_tokens":8,"completion_tokens":9}}',
      ),
    ],
    { complete: false, started: false, output: 9, usage: [8, 9] },
  ],
  [
    "chat: an error",
    "chat",
    [text("a"), sse({ error: { message: "secret prompt", type: "server_error", code: null } })],
    { complete: false, failure: "server_error", started: true, output: 1 },
  ],
  [
    "chat: an error by its event",
    "chat",
    [sse({ message: "x" }, "error")],
    { complete: false, failure: "error", started: false, output: 0 },
  ],
  [
    "chat: an error, a number for a code",
    "chat",
    [sse({ error: { code: 502, message: "x" } })],
    { complete: false, failure: "502", started: false, output: 0 },
  ],
  [
    "chat: an error, hostile code",
    "chat",
    [sse({ error: { code: `a\n\u202e${"x".repeat(500)}` } })],
    { complete: false, failure: `a????${"x".repeat(59)}`, started: false, output: 0 },
  ],
  [
    "chat: an error that is a text",
    "chat",
    [sse({ error: "boom" }), streams.DONE],
    { complete: true, failure: "error", started: false, output: 0 },
  ],
  [
    "chat: deep nesting",
    "chat",
    [sse(`{"choices":[{"index":0,"delta":{"content":"a"}}],"x":${"[".repeat(10_000)}${"]".repeat(10_000)}}`)],
    { complete: false, started: true, output: 1 },
  ],
  [
    "chat: deep nesting in the usage",
    "chat",
    [
      sse(
        `{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2,"x":${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}}}`,
      ),
    ],
    { complete: false, started: false, output: 2, usage: [4, 2] },
  ],
  [
    "chat: not UTF-8",
    "chat",
    [
      streams.body([
        octets('data: {"choices":[{"index":0,"delta":{"content":"'),
        Uint8Array.of(0xff, 0xc0, 0),
        octets('"}}]}\n\n'),
      ]),
    ],
    { complete: false, started: true, output: 1 },
  ],
  [
    "chat: HTML",
    "chat",
    [octets("<html><body>Bad Gateway</body></html>\n\n")],
    { complete: false, garbage: true, started: false, output: 0 },
  ],
  [
    "chat: data that are no JSON",
    "chat",
    [sse("hello")],
    { complete: false, garbage: true, started: false, output: 0 },
  ],
  ["chat: a list", "chat", [sse("[1,2]")], { complete: false, garbage: true, started: false, output: 0 }],
  [
    "chat: two objects in a frame",
    "chat",
    [sse('{"a":1}{"b":2}')],
    { complete: false, garbage: true, started: false, output: 0 },
  ],
  [
    "chat: an object that does not end",
    "chat",
    [sse('{"choices":[')],
    { complete: false, garbage: true, started: false, output: 0 },
  ],
  [
    "chat: after garbage nothing counts",
    "chat",
    [sse("hello"), usage(streams.CHAT_USAGE)],
    { complete: false, garbage: true, started: false, output: 0 },
  ],
  [
    "chat: empty data, ids, retry",
    "chat",
    [octets("data:\n\nid: 4\n\nretry: 5\n\n: c\n\n\n"), streams.DONE],
    { complete: true, started: false, output: 0 },
  ],
  [
    "chat: an empty finish reason is none",
    "chat",
    [text("a"), chunk({ choices: [{ index: 0, delta: {}, finish_reason: "" }] })],
    { complete: false, started: true, output: 1 },
  ],
  [
    "chat: a usage that no provider writes",
    "chat",
    [chunk({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, pad: "x".repeat(70_000) } })],
    { complete: false, started: false, output: 0 },
  ],
  [
    "responses: sound is not counted by its octets",
    "responses",
    [sse({ type: "response.audio.delta", delta: "A".repeat(4_000) })],
    { complete: false, started: true, output: 1 },
  ],
  [
    "messages: a signature is no content",
    "messages",
    [sse({ type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "eHl6" } })],
    { complete: false, started: false, output: 0 },
  ],
  [
    "messages: a call begins",
    "messages",
    [
      sse({
        type: "content_block_start",
        index: 0,
        content_block: { type: "tool_use", id: "t", name: "f", input: {} },
      }),
    ],
    { complete: false, started: true, output: 1 },
  ],
  [
    "Gemini: a reason that is none",
    "generate_content",
    [gemini({ candidates: [{ finishReason: "FINISH_REASON_UNSPECIFIED", index: 0 }] })],
    { complete: false, started: false, output: 0 },
  ],
  [
    "Converse: a call begins",
    "converse",
    [
      streams.awsEvent("contentBlockStart", {
        contentBlockIndex: 0,
        start: { toolUse: { toolUseId: "t", name: "f" } },
      }),
    ],
    { complete: false, started: true, output: 1 },
  ],
  [
    "Converse: an error without a form",
    "converse",
    [
      eventStreamFrame(
        [
          [":message-type", "error"],
          [":error-code", "InternalError"],
        ],
        octets(""),
      ),
    ],
    { complete: false, failure: "InternalError", started: false, output: 0 },
  ],
  [
    "responses: incomplete",
    "responses",
    responsesStream("incomplete"),
    { complete: true, started: true, output: 21, usage: [52, 21], finish: ["max_output_tokens"] },
  ],
  [
    "responses: failed",
    "responses",
    responsesStream("failed"),
    { complete: true, failure: "server_error", started: true, output: 17, finish: ["failed"] },
  ],
  ["responses: cut", "responses", responsesStream().slice(0, 7), { complete: false, started: true, output: 4 }],
  [
    "responses: an error",
    "responses",
    [sse({ type: "error", code: "rate_limit_exceeded", message: "x", param: null, sequence_number: 3 }, "error")],
    { complete: false, failure: "rate_limit_exceeded", started: false, output: 0 },
  ],
  ["responses: [DONE] is not its end", "responses", [streams.DONE], { complete: false, started: false, output: 0 }],
  [
    "messages: cut after the first text",
    "messages",
    messagesStream({ frames: 8 }),
    { complete: false, started: true, output: 5, usage: [241, 1] },
  ],
  [
    "messages: the stop is missing",
    "messages",
    messagesStream().slice(0, -1),
    { complete: false, started: true, output: 33, usage: [241, 33], finish: ["end_turn"] },
  ],
  [
    "messages: only the start",
    "messages",
    messagesStream({ frames: 3 }),
    { complete: false, started: false, output: 1, usage: [241, 1] },
  ],
  [
    "messages: a tool",
    "messages",
    messagesStream({ tool: true }),
    { complete: true, started: true, output: 33, usage: [241, 33], finish: ["tool_use"] },
  ],
  [
    "messages: an error",
    "messages",
    [...messagesStream({ frames: 1 }), streams.MESSAGES_ERROR],
    { complete: false, failure: "overloaded_error", started: false, output: 1, usage: [241, 1] },
  ],
  [
    "messages: a later output is never lower",
    "messages",
    [...messagesStream().slice(0, -1), sse({ type: "message_delta", delta: {}, usage: { output_tokens: 2 } })],
    { complete: false, started: true, output: 33, usage: [241, 33], finish: ["end_turn"] },
  ],
  [
    "messages: a later input overrides",
    "messages",
    [
      ...messagesStream({ frames: 1 }),
      sse({ type: "message_delta", delta: {}, usage: { input_tokens: 20, output_tokens: 2 } }),
    ],
    { complete: false, started: false, output: 2, usage: [250, 2] },
  ],
  [
    "Gemini: blocked",
    "generate_content",
    [gemini({ promptFeedback: { blockReason: "SAFETY" }, usageMetadata: { promptTokenCount: 6, totalTokenCount: 6 } })],
    { complete: true, started: false, output: 0, usage: [6, 0], finish: ["SAFETY"] },
  ],
  [
    "Gemini: cut",
    "generate_content",
    streams.geminiStream().slice(0, 2),
    { complete: false, started: true, output: 28, usage: [10, 28] },
  ],
  [
    "Gemini: a call",
    "generate_content",
    [gemini({ candidates: [{ content: { parts: [{ functionCall: { name: "f", args: {} } }] }, index: 0 }] })],
    { complete: false, started: true, output: 1 },
  ],
  [
    "Gemini: an error",
    "generate_content",
    [gemini({ error: { code: 503, message: "x", status: "UNAVAILABLE" } })],
    { complete: false, failure: "UNAVAILABLE", started: false, output: 0 },
  ],
  [
    "Converse: an exception",
    "converse",
    [...streams.converseStream().slice(0, 2), streams.awsException("throttlingException", "x")],
    { complete: false, failure: "throttlingException", started: true, output: 1 },
  ],
  [
    "Converse: the metadata is missing",
    "converse",
    streams.converseStream().slice(0, -1),
    { complete: true, started: true, output: 17, finish: ["end_turn"] },
  ],
  [
    "Converse: a wrong checksum",
    "converse",
    [Uint8Array.from(streams.awsEvent("metadata", {})).fill(0, -1)],
    { complete: false, garbage: true, started: false, output: 0 },
  ],
  [
    "Converse: no event stream",
    "converse",
    [octets('{"message":"no"}')],
    { complete: false, garbage: true, started: false, output: 0 },
  ],
  [
    "Converse: a payload that is no object",
    "converse",
    [streams.awsEvent("metadata", "x")],
    { complete: false, garbage: true, started: false, output: 0 },
  ],
  [
    "Invoke: a chunk that is no base64",
    "invoke",
    [streams.awsEvent("chunk", { bytes: "%%%" })],
    { complete: false, started: true, output: 1 },
  ],
  [
    "Invoke: a chunk that holds a text",
    "invoke",
    [streams.awsEvent("chunk", { bytes: btoa("plain text") })],
    { complete: false, started: true, output: 3 },
  ],
  [
    "Ollama: the prompt was cached",
    "ollama_chat",
    streams.ollamaStream({ prompt: false }),
    { complete: true, started: true, output: 12, usage: [0, 12], finish: ["stop"] },
  ],
  [
    "Ollama: generate",
    "ollama_generate",
    [
      line({ model: "m", response: "Hi", done: false }),
      line({ done: true, done_reason: "length", eval_count: 1, prompt_eval_count: 2, context: [1, 2, 3] }),
    ],
    { complete: true, started: true, output: 1, usage: [2, 1], finish: ["length"] },
  ],
  [
    "Ollama: an error",
    "ollama_chat",
    [line({ error: "model runner has stopped" })],
    { complete: false, failure: "error", started: false, output: 0 },
  ],
  [
    "Ollama: a line without an end",
    "ollama_chat",
    [octets(JSON.stringify({ done: true, eval_count: 1, prompt_eval_count: 2 }))],
    { complete: true, started: false, output: 1, usage: [2, 1], finish: ["stop"] },
  ],
  [
    "Ollama: no JSON",
    "ollama_chat",
    [octets("Bad Gateway\n")],
    { complete: false, garbage: true, started: false, output: 0 },
  ],
];

for (const [name, api, frames, expected] of rows) {
  test(`stream: ${name}`, () => {
    const { meter } = seen(streaming(api), frames);
    const shown = {
      complete: meter.complete,
      failure: meter.failure,
      garbage: meter.garbage !== undefined,
      started: meter.started,
      output: meter.outputSoFar,
      usage: meter.usage === undefined ? undefined : [meter.usage.input, meter.usage.output],
      finish: meter.finishReasons,
    };
    assert.deepEqual(shown, { failure: undefined, garbage: false, usage: undefined, finish: [], ...expected });
  });
}

test("INV-METER-UNKNOWN: what is not stated is said to be unknown", () => {
  assert.equal(seen(streaming("ollama_chat"), streams.ollamaStream({ prompt: false })).meter.unstated, "input");
  assert.equal(seen(streaming("ollama_chat"), streams.ollamaStream()).meter.unstated, undefined);
});

test("started is set in the push in which content came, before more comes", () => {
  const meter = responseMeter(streaming("messages"));
  const started = messagesStream().map((frame) => {
    meter.push(frame, () => undefined);
    return meter.started;
  });
  assert.equal(started.indexOf(true), 3);
});

test("garbage in whole frames: what came before goes on, nothing of it and after it does", () => {
  const options = streaming("chat", { wholeFrames: true });
  const { out, meter } = seen(options, [streams.body([text("a"), sse("hello"), text("b")]), text("c")]);
  assert.deepEqual(Buffer.concat(out), Buffer.from(text("a")));
  assert.equal(meter.garbage, "A frame of the event stream does not hold a JSON object.");
});

test("stop: only whole frames are out, and nothing follows", () => {
  const out: Uint8Array[] = [];
  const emit = (bytes: Uint8Array): void => void out.push(bytes);
  const whole = responseMeter(streaming("chat", { wholeFrames: true }));
  whole.push(streams.body([text("a"), text("b").subarray(0, 20)]), emit);
  assert.equal(whole.stop(), true);
  whole.push(text("b").subarray(20), emit);
  whole.push(text("c"), emit);
  whole.end(emit);
  assert.deepEqual(Buffer.concat(out), Buffer.from(text("a")));

  const raw = responseMeter(streaming("chat"));
  raw.push(text("a"), () => undefined);
  raw.push(text("b").subarray(0, 20), () => undefined);
  assert.equal(raw.stop(), false);
  const between = responseMeter(streaming("chat"));
  between.push(text("a"), () => undefined);
  assert.equal(between.stop(), true);
});

const MEGABYTE = 1_048_576;

test("a frame too long to hold passes in pieces and is read as it passes", () => {
  const image = "A".repeat(3 * MEGABYTE);
  const [first, last] = [responsesStream().slice(0, 3), responsesStream().at(-1)];
  const big = octets(
    Buffer.from(last ?? [])
      .toString()
      .replace('"output":[]', `"output":[{"type":"image_generation_call","result":"${image}"}]`),
  );
  for (const size of [16_384, 999_983, big.length]) {
    for (const wholeFrames of [true, false]) {
      const chunks = Array.from({ length: Math.ceil(big.length / size) }, (_, index) =>
        big.subarray(index * size, (index + 1) * size),
      );
      const { meter, out } = seen(streaming("responses", { wholeFrames }), [...first, ...chunks]);
      assert.deepEqual(
        [meter.usage?.input, meter.usage?.output, meter.complete, meter.garbage],
        [52, 21, true, undefined],
      );
      assert.equal(Buffer.concat(out).equals(Buffer.concat([...first, big])), true);
    }
  }
});

test("a frame too long to hold, whose beginning was held", () => {
  const big = octets(
    `event: x\ndata: {"usage":{"prompt_tokens":3,"completion_tokens":4},"x":"${"A".repeat(2 * MEGABYTE)}"}\n\n`,
  );
  const { meter, out } = seen(streaming("chat", { wholeFrames: true }), [big.subarray(0, 10), big.subarray(10)]);
  assert.deepEqual([meter.usage?.input, meter.usage?.output, meter.garbage], [3, 4, undefined]);
  assert.equal(Buffer.concat(out).equals(big), true);
});

test("of a document in pieces no value over 64 KiB is kept, and the others are", () => {
  const document = octets(
    JSON.stringify({ id: "x".repeat(100_000), model: "m", usage: { prompt_tokens: 3, completion_tokens: 4 } }),
  );
  const { meter } = seen({ ...streaming("chat"), streaming: false }, [
    document.subarray(0, 70_000),
    document.subarray(70_000),
  ]);
  assert.deepEqual([meter.id, meter.model, meter.usage?.input, meter.complete], [undefined, "m", 3, true]);

  // Nor more than 64 KiB of all together.
  const two = octets(JSON.stringify({ id: "x".repeat(40_000), model: "m".repeat(40_000), usage: streams.CHAT_USAGE }));
  const other = seen({ ...streaming("chat"), streaming: false }, [two.subarray(0, 9), two.subarray(9)]).meter;
  assert.deepEqual([other.id?.length, other.model, other.usage?.output], [256, undefined, 17]);
});

test("a long last line states all of its output, and after the end nothing counts", () => {
  const big = octets(`{"response":"${"word".repeat(500_000)}","done":true,"eval_count":3,"prompt_eval_count":1}\n`);
  const { meter } = seen(streaming("ollama_generate"), [big.subarray(0, 99), big.subarray(99)]);
  assert.deepEqual([meter.outputSoFar, meter.usage?.output, meter.complete], [3, 3, true]);
  const ended = seen(streaming("chat"), [text("a")]).meter;
  ended.push(streams.DONE, () => assert.fail());
  assert.equal(ended.complete, false);
});

test("an event of Bedrock's too long to hold counts as content", () => {
  const big = streams.awsEvent("contentBlockDelta", {
    contentBlockIndex: 0,
    delta: { text: "x".repeat(2 * MEGABYTE) },
  });
  const { meter, out } = seen(streaming("converse"), [
    big.subarray(0, 99),
    big.subarray(99),
    streams.converseStream().at(-1) ?? big,
  ]);
  assert.deepEqual([meter.started, meter.usage?.output, meter.garbage, out.length], [true, 19, undefined, 3]);
});

test("the first id that is said stands", () => {
  const { meter } = seen(streaming("chat"), [
    sse({ id: "", choices: [] }),
    sse({ id: "a", choices: [] }),
    sse({ id: "b", model: "m", choices: [] }),
  ]);
  assert.deepEqual([meter.id, meter.model], ["a", "m"]);
});

test("within a frame too long to hold a stream cannot be cut", () => {
  const meter = responseMeter(streaming("chat", { wholeFrames: true }));
  meter.push(octets(`data: {"x":"${"A".repeat(2 * MEGABYTE)}`), () => undefined);
  assert.equal(meter.stop(), false);
});

test("INV-METER-BOUND: endless frames of every kind are not held", () => {
  const filler = new Uint8Array(65_536).fill(0x41);
  const rowsOf: readonly (readonly [Api, Uint8Array, boolean])[] = [
    ["chat", octets('data: {"x":"'), false],
    ["chat", octets("<html>"), true],
    ["ollama_chat", octets('{"x":"'), false],
    ["ollama_chat", octets("<html>"), true],
    ["generate_content", octets("data: {"), false],
  ];
  for (const [api, beginning, garbage] of rowsOf) {
    const meter = responseMeter(streaming(api, { wholeFrames: true }));
    const before = process.memoryUsage().arrayBuffers;
    let length = 0;
    meter.push(beginning, (bytes) => (length += bytes.length));
    for (let count = 0; count < 400; count++) meter.push(filler, (bytes) => (length += bytes.length));
    assert.ok(process.memoryUsage().arrayBuffers - before < 8 * MEGABYTE);
    assert.equal(meter.garbage !== undefined, garbage, `${api} ${Buffer.from(beginning).toString()}`);
    assert.equal(length > 0, !garbage);
    assert.equal(meter.started, false);
  }
});

const documents: readonly (readonly [name: string, api: Api, document: unknown, expected: Expected])[] = [
  [
    "chat",
    "chat",
    {
      id: "x",
      model: "m",
      choices: [{ index: 0, message: { role: "assistant", content: "Four." }, finish_reason: "stop" }],
      usage: { prompt_tokens: 3, completion_tokens: 2 },
    },
    { complete: true, started: true, output: 2, usage: [3, 2], finish: ["stop"] },
  ],
  [
    "chat without usage",
    "chat",
    { choices: [{ message: { content: "Four times four" }, finish_reason: "stop" }] },
    { complete: true, started: true, output: 4, finish: ["stop"] },
  ],
  [
    "embeddings",
    "embeddings",
    { object: "list", data: [{ embedding: [0.1, -2e-5], index: 0 }], usage: { prompt_tokens: 5, total_tokens: 5 } },
    { complete: true, started: false, output: 0, usage: [5, 0] },
  ],
  [
    "responses",
    "responses",
    {
      id: "r",
      status: "completed",
      error: null,
      tools: [{ parameters: { usage: { input_tokens: 0, output_tokens: 0 } } }],
      usage: streams.RESPONSES_USAGE,
      output: [{ content: [{ type: "output_text", text: "Four" }] }],
    },
    { complete: true, started: true, output: 21, usage: [52, 21], finish: ["completed"] },
  ],
  [
    "messages",
    "messages",
    {
      type: "message",
      content: [{ type: "text", text: "Four" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 4, output_tokens: 2, cache_read_input_tokens: 6 },
    },
    { complete: true, started: true, output: 2, usage: [10, 2], finish: ["end_turn"] },
  ],
  [
    "an error with a good status",
    "messages",
    { type: "error", error: { type: "api_error", message: "x" } },
    { complete: true, failure: "api_error", started: false, output: 0 },
  ],
  [
    "Gemini",
    "generate_content",
    {
      candidates: [{ content: { parts: [{ text: "Four" }] }, finishReason: "STOP" }],
      usageMetadata: { promptTokenCount: 2, candidatesTokenCount: 1, totalTokenCount: 3 },
    },
    { complete: true, started: true, output: 1, usage: [2, 1], finish: ["STOP"] },
  ],
  [
    "Converse",
    "converse",
    {
      output: { message: { content: [{ text: "Four" }] } },
      stopReason: "end_turn",
      usage: { inputTokens: 3, outputTokens: 1 },
    },
    { complete: true, started: true, output: 1, usage: [3, 1], finish: ["end_turn"] },
  ],
  [
    "Invoke",
    "invoke",
    {
      type: "message",
      content: [{ text: "Four" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 3, output_tokens: 1 },
    },
    { complete: true, started: true, output: 1, usage: [3, 1], finish: ["end_turn"] },
  ],
  [
    "Ollama",
    "ollama_chat",
    { model: "m", message: { content: "Four" }, done: true, done_reason: "stop", prompt_eval_count: 8, eval_count: 2 },
    { complete: true, started: true, output: 2, usage: [8, 2], finish: ["stop"] },
  ],
  [
    "Ollama embeddings",
    "ollama_embed",
    { model: "m", embeddings: [[0.5]], prompt_eval_count: 8 },
    { complete: true, started: false, output: 0, usage: [8, 0] },
  ],
  ["counted tokens are free", "count_tokens", { input_tokens: 55 }, { complete: true, started: false, output: 0 }],
  [
    "usage deeper down is none",
    "chat",
    { choices: [{ message: { usage: { prompt_tokens: 1, completion_tokens: 1 } } }] },
    { complete: true, started: false, output: 0 },
  ],
];

for (const [name, api, document, expected] of documents) {
  test(`document: ${name}`, () => {
    const { meter } = seen({ ...streaming(api), streaming: false }, [octets(JSON.stringify(document))]);
    const shown = {
      complete: meter.complete,
      failure: meter.failure,
      garbage: meter.garbage !== undefined,
      started: meter.started,
      output: meter.outputSoFar,
      usage: meter.usage === undefined ? undefined : [meter.usage.input, meter.usage.output],
      finish: meter.finishReasons,
    };
    assert.deepEqual(shown, { failure: undefined, garbage: false, usage: undefined, finish: [], ...expected });
  });
}

const broken: readonly (readonly [name: string, body: string, complete: boolean, garbage: boolean])[] = [
  ["cut", '{"usage":{"prompt_tokens":3', false, false],
  ["empty", "", false, false],
  ["white space", " \n", false, false],
  ["HTML", "<html>", false, true],
  ["a list", "[{}]", false, true],
  ["two objects", '{"a":1}{"b":2}', false, true],
  ["a byte order mark", '\ufeff{"a":1}\n', true, false],
  ["a million brackets", "[".repeat(1_000_000), false, true],
  ["an object in ten thousand", `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`, true, false],
];

for (const [name, text_, complete, garbage] of broken) {
  test(`document: ${name}`, () => {
    const options = { ...streaming("chat"), streaming: false };
    for (const bytes of [
      [octets(text_)],
      text_.length < 100 ? Array.from(octets(text_), (octet) => Uint8Array.of(octet)) : [],
    ]) {
      if (bytes.length === 0) continue;
      const { meter, out } = seen(options, bytes);
      assert.deepEqual([meter.complete, meter.garbage !== undefined, meter.usage], [complete, garbage, undefined]);
      assert.equal(Buffer.concat(out).equals(Buffer.from(text_)), true);
    }
  });
}

test("an API without a stream is read as a document, whatever was asked", () => {
  const { meter } = seen(streaming("embeddings"), [octets('{"usage":{"prompt_tokens":5,"total_tokens":5}}')]);
  assert.deepEqual([meter.usage?.input, meter.complete], [5, true]);
});

test("more tokens than any call can come to are no statement", () => {
  const said = [text("hello"), stop()];
  const lie = usage({ prompt_tokens: 1e15, completion_tokens: 1e15 });
  assert.equal(seen(streaming("chat"), [...said, lie]).meter.usage, undefined);
  const { meter } = seen(streaming("chat"), [...said, usage({ prompt_tokens: 5, completion_tokens: 100_000_001 })]);
  assert.deepEqual([meter.usage?.input, meter.unstated], [5, "output"]);
  const after = seen(streaming("chat"), [...said, usage({ prompt_tokens: 5, completion_tokens: 6 }), lie]);
  assert.deepEqual([after.meter.usage?.input, after.meter.usage?.output, after.meter.unstated], [5, 6, undefined]);
});

test("that nothing came out is no statement where something has", () => {
  const said = [text("hello"), stop()];
  const { meter } = seen(streaming("chat"), [...said, usage({ prompt_tokens: 5, completion_tokens: 0 })]);
  assert.deepEqual([meter.usage?.input, meter.unstated], [5, "output"]);
  assert.ok(meter.outputSoFar > 0);
  const none = seen(streaming("chat"), [...said, usage({ completion_tokens: 0 })]);
  assert.equal(none.meter.usage, undefined);
  const quiet = seen(streaming("chat"), [stop(), usage({ prompt_tokens: 5, completion_tokens: 0 })]);
  assert.deepEqual([quiet.meter.usage?.input, quiet.meter.unstated], [5, undefined]);
  const document = { ...streaming("chat"), streaming: false };
  const whole = { choices: [{ message: { content: "hello" } }], usage: { prompt_tokens: 5, completion_tokens: 0 } };
  assert.equal(seen(document, [octets(JSON.stringify(whole))]).meter.unstated, "output");
  const vectors = { data: [{ text: "hello" }], usage: { prompt_tokens: 5, total_tokens: 5 } };
  assert.equal(seen(streaming("embeddings"), [octets(JSON.stringify(vectors))]).meter.unstated, undefined);
});

test("ids and models are bounded and printable", () => {
  const { meter } = seen(streaming("chat"), [sse({ id: `\u001b[31m${"x".repeat(5_000)}`, model: "é\n", choices: [] })]);
  assert.equal(meter.id?.length, 256);
  assert.match(meter.id ?? "", /^\?\[31mx+$/);
  assert.equal(meter.model, "???");
});
