import assert from "node:assert/strict";
import { test } from "node:test";
import { addUsage, type RealtimeEvent, realtimeEvent } from "../../../../router/core/inference/realtime-event.ts";
import { NO_USAGE } from "../../../../router/core/inference/usage.ts";

const done = (usage: unknown): string => JSON.stringify({ type: "response.done", response: { id: "resp_1", usage } });
const unstated: RealtimeEvent = { kind: "response_done", usage: undefined };

const rows: readonly (readonly [name: string, text: string, expected: RealtimeEvent | undefined])[] = [
  ["no JSON", "{", undefined],
  ["no object", '"response.done"', undefined],
  ["no type", "{}", undefined],
  ["another", '{"type":"session.created"}', undefined],
  ["a response began", '{"type":"response.created","response":{}}', { kind: "response_created" }],
  ["done, and nothing else", '{"type":"response.done"}', unstated],
  ["done, without usage", done(null), unstated],
  ["half a usage", done({ input_tokens: 3 }), unstated],
  ["negative", done({ input_tokens: -3, output_tokens: 1 }), unstated],
  ["texts", done({ input_tokens: "3", output_tokens: "1" }), unstated],
  [
    "as OpenAI writes it",
    done({
      total_tokens: 253,
      input_tokens: 132,
      output_tokens: 121,
      input_token_details: { text_tokens: 119, audio_tokens: 13, cached_tokens: 64 },
      output_token_details: { text_tokens: 30, audio_tokens: 91 },
    }),
    {
      kind: "response_done",
      usage: { ...NO_USAGE, input: 132, cacheRead: 64, audioInput: 13, output: 121, audioOutput: 91 },
    },
  ],
  [
    "parts that are more than the whole",
    done({ input_tokens: 1, output_tokens: 1, input_token_details: { cached_tokens: 9, audio_tokens: 9 } }),
    { kind: "response_done", usage: { ...NO_USAGE, input: 1, cacheRead: 1, audioInput: 1, output: 1 } },
  ],
  [
    "a prototype's members",
    '{"type":"response.done","response":{"__proto__":{"usage":{"input_tokens":1,"output_tokens":1}}}}',
    unstated,
  ],
];
for (const [name, text, expected] of rows) {
  test(`a Realtime message: ${name}`, () => assert.deepEqual(realtimeEvent(text), expected));
}

test("a Realtime message: so deep that a reader by recursion would end", () => {
  assert.equal(realtimeEvent(`{"type":"response.done","x":${"[".repeat(100_000)}`), undefined);
});

test("a Realtime message: more tokens than any call can come to are no statement", () => {
  const done = (usage: object): string => JSON.stringify({ type: "response.done", response: { usage } });
  const unstated = { kind: "response_done", usage: undefined };
  assert.deepEqual(realtimeEvent(done({ input_tokens: 5, output_tokens: 1e15 })), unstated);
  assert.deepEqual(realtimeEvent(done({ input_tokens: 100_000_001, output_tokens: 1 })), unstated);
});

test("usage adds up, and stays a count", () => {
  const most = { ...NO_USAGE, input: Number.MAX_SAFE_INTEGER, output: 1 };
  assert.deepEqual(addUsage(most, { ...NO_USAGE, input: 5, output: 2, toolCalls: 1 }), {
    ...NO_USAGE,
    input: Number.MAX_SAFE_INTEGER,
    output: 3,
    toolCalls: 1,
  });
});
