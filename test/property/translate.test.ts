import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { readFrame, SseFrames } from "../../router/core/inference/sse-frames.ts";
import type { Json } from "../../router/core/json/json.ts";
import { chatToMessages } from "../../router/core/translate/chat-to-messages.ts";
import type { JsonObject } from "../../router/core/translate/json-object.ts";
import { messagesToChat } from "../../router/core/translate/messages-to-chat.ts";
import type { StreamTranslation, Translation } from "../../router/core/translate/translation.ts";
import {
  type Answer,
  asChunks,
  asCompletion,
  asEvents,
  asMessage,
  type Call,
  chatUsage,
  completionOf,
  messageOf,
} from "../unit/core/translate/answer-forms.ts";
import {
  CHAT_CONTEXT,
  type Frame,
  MESSAGES_CONTEXT,
  sseData,
  TARGET,
  translated,
} from "../unit/core/translate/translate-fixture.ts";

const RUNS = { numRuns: 200 };
const NAMES = ["weather", "now", "search_web"];

/** Any text a JSON body can hold, lone surrogates among it. */
const anyText = fc.string({
  unit: fc.constantFrom("a", " ", "\n", '"', "\\", "é", "\u2028", "\u0000", "😀", "\ud800"),
});
const someText = anyText.filter((text) => text !== "");
const inputs = fc
  .dictionary(fc.constantFrom("city", "__proto__", "constructor", "n"), fc.jsonValue({ maxDepth: 3 }), {
    noNullPrototype: true,
  })
  .map((input) => JSON.parse(JSON.stringify(input)) as JsonObject);

const callsOf = (id: string): fc.Arbitrary<Call[]> =>
  fc
    .array(fc.record({ name: fc.constantFrom(...NAMES), input: inputs }), { maxLength: 3 })
    .map((calls) => calls.map((call, index) => ({ ...call, id: `${id}_${index}` })));

/** What a conversation says, whatever API it is written in: neighbours of one role are one turn. */
type Said = readonly (readonly [role: string, text: string, calls: string])[];

interface Message {
  readonly role: string;
  readonly content?: string | null | readonly { readonly text: string }[];
  readonly tool_calls?: readonly { readonly id: string; readonly function: { name: string; arguments: string } }[];
  readonly tool_call_id?: string;
}

function said(messages: Json | undefined): Said {
  const turns: [string, string, string][] = [];
  for (const { role, content, tool_calls: calls = [], tool_call_id: answered } of messages as unknown as Message[]) {
    const text = typeof content === "string" ? content : (content ?? []).map((part) => part.text).join("");
    const called = calls.map((call) => {
      const input = JSON.stringify(JSON.parse(call.function.arguments));
      return `${call.id} ${call.function.name} ${input};`;
    });
    if (text === "" && calls.length === 0 && role !== "tool") continue;
    const who = answered === undefined ? role : `${role} ${answered}`;
    const last = turns.at(-1);
    if (last?.[0] === who) turns[turns.length - 1] = [who, last[1] + text, last[2] + called.join("")];
    else turns.push([who, text, called.join("")]);
  }
  return turns;
}

const chatText = fc.oneof(anyText, fc.array(anyText.map((text): JsonObject => ({ type: "text", text }))));

/** A user, an assistant with calls, their results: as often as it likes, after system messages, and a user's last word. */
const conversation = fc
  .tuple(
    fc.array(chatText, { maxLength: 2 }),
    fc.array(fc.tuple(chatText, chatText, callsOf("call"), fc.array(anyText, { minLength: 3, maxLength: 3 })), {
      maxLength: 4,
    }),
    someText,
  )
  .map(([system, rounds, last]): JsonObject[] => [
    ...system.map((content): JsonObject => ({ role: "system", content })),
    ...rounds.flatMap(([user, assistant, calls, results], round): JsonObject[] => {
      const own = calls.map((call) => ({ ...call, id: `${call.id}_${round}` }));
      return [
        { role: "user", content: user },
        {
          role: "assistant",
          content: assistant,
          ...(own.length === 0
            ? {}
            : {
                tool_calls: own.map(({ id, name, input }) => ({
                  id,
                  type: "function",
                  function: { name, arguments: JSON.stringify(input) },
                })),
              }),
        },
        ...own.map(({ id }, index): JsonObject => ({ role: "tool", tool_call_id: id, content: results[index] ?? "" })),
      ];
    }),
    { role: "user", content: last },
  ]);

test("chat to messages to chat keeps who said what, and all calls and results", () => {
  fc.assert(
    fc.property(conversation, (messages) => {
      const there = translated(chatToMessages, { messages });
      const back = translated(messagesToChat, there);
      // Texts of the system are one message of messages, not several.
      assert.deepEqual(said(back["messages"]), said(messages));
      const roles = (there["messages"] as JsonObject[]).map(({ role }) => role);
      assert.ok(roles.every((role, index) => role !== roles[index - 1]));
    }),
    RUNS,
  );
});

const answers: fc.Arbitrary<Answer> = fc.record({
  text: anyText,
  calls: callsOf("call"),
  usage: fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat(), fc.nat()),
});

/** Through the reader of frames, the octets cut at any place. */
function throughSse(stream: StreamTranslation, frames: readonly Frame[], size: number): string {
  const lines = frames.map(([event, data]) => {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    return `${event === undefined ? "" : `event: ${event}\r\n`}data: ${text}\r\n\r\n`;
  });
  const bytes = new TextEncoder().encode(`: hello\n\n${lines.join("")}`);
  const reader = new SseFrames(1 << 20);
  let text = "";
  for (let at = 0; at < bytes.length; at += size) {
    reader.push(bytes.subarray(at, at + size), (frame) => {
      const { event, data } = readFrame(frame);
      if (data === undefined) return;
      const result = stream.frame(event, data);
      text += result.ok ? result.value : assert.fail(result.problem);
    });
  }
  return text + stream.end();
}

const wellFormed = (answer: Answer): Answer => ({ ...answer, text: answer.text.toWellFormed() });
const sizes = fc.integer({ min: 1, max: 9 });

test("a messages stream, cut at any octet, gives what the message in one piece gives", () => {
  fc.assert(
    fc.property(answers.map(wellFormed), sizes, sizes, (answer, size, octets) => {
      const stream = chatToMessages.stream(CHAT_CONTEXT);
      const data = sseData(throughSse(stream, asEvents(answer, size), octets));
      const whole = chatToMessages.response(asMessage(answer), CHAT_CONTEXT);
      assert.ok(whole.ok && stream.complete && data.at(-1) === "[DONE]");
      assert.deepEqual(whole.value, asCompletion(answer));
      assert.deepEqual(completionOf(data), {
        content: answer.text,
        calls: answer.calls.map(({ id, name, input }) => [id, name, input]),
        finish: answer.calls.length === 0 ? "stop" : "tool_calls",
        usage: chatUsage(answer.usage),
      });
    }),
    RUNS,
  );
});

test("a chat stream, cut at any octet, gives what the completion in one piece gives", () => {
  fc.assert(
    fc.property(answers.map(wellFormed), sizes, sizes, (answer, size, octets) => {
      const stream = messagesToChat.stream(MESSAGES_CONTEXT);
      const data = sseData(throughSse(stream, asChunks(answer, size), octets));
      const whole = messagesToChat.response(asCompletion(answer), MESSAGES_CONTEXT);
      assert.ok(whole.ok && stream.complete);
      assert.deepEqual(whole.value, asMessage(answer));
      assert.deepEqual(messageOf(data), asMessage(answer));
    }),
    RUNS,
  );
});

test("an answer and its usage are the same after both translations", () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const completion = chatToMessages.response(asMessage(answer), CHAT_CONTEXT);
      assert.ok(completion.ok);
      assert.deepEqual(messagesToChat.response(completion.value, MESSAGES_CONTEXT), {
        ok: true,
        value: asMessage(answer),
      });
    }),
    RUNS,
  );
});

/** Every name that the code asks for, with values of every type: what only looks like a request or an answer. */
const MEMBERS =
  "messages system role content type text tools tool_choice function name parameters arguments tool_calls id tool_call_id " +
  "image_url url file file_data source data media_type input input_schema tool_use_id max_tokens stream stop temperature " +
  "response_format output_config format schema thinking metadata user_id choices message delta index finish_reason usage " +
  "prompt_tokens prompt_tokens_details error code content_block partial_json stop_reason __proto__ constructor";
const VALUES =
  "user assistant system tool text image image_url tool_use tool_result thinking document file function message_start " +
  "content_block_start content_block_delta content_block_stop message_delta message_stop error text_delta input_json_delta " +
  "base64 auto any tool_calls json_schema data:image/png;base64,AA https://example.com";

const hostile = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom<Json>(...VALUES.split(" "), "", "{", null, true, 0, -1, 1e308, 2 ** 53),
    tie("object"),
    fc.array(tie("value"), { maxLength: 4 }),
  ),
  object: fc
    .dictionary(fc.constantFrom(...MEMBERS.split(" ")), tie("value"), { maxKeys: 6 })
    .map((object) => JSON.parse(JSON.stringify(object)) as JsonObject),
}));

/** Whether what is sent is what was made: no member is undefined, none is lost on the way. */
function assertSound(value: JsonObject): void {
  assert.deepEqual(JSON.parse(JSON.stringify(value)), value);
}

function assertSoundRequest(translation: Translation, body: JsonObject): void {
  const result = translation.request(body, TARGET);
  if (result.ok) assertSound(result.value);
  else
    assert.match(`${result.problem.param}: ${result.problem.sentence}`, /^(?:[a-z_?]|[.[]\w)[\w.[\]]*: [A-Z][^\n]*\.$/);
}

test("INV-TRANSLATE-TOTAL: whatever is asked or answered, there is a value or a sentence, and what is sent is JSON", () => {
  const requests = fc.record({ messages: fc.array(hostile.object, { maxLength: 4 }) }, { requiredKeys: [] });
  fc.assert(
    fc.property(
      hostile.object,
      requests,
      hostile.value,
      fc.integer({ min: 0, max: 1000 }),
      (some, like, value, status) => {
        for (const translation of [chatToMessages, messagesToChat]) {
          assertSoundRequest(translation, some);
          assertSoundRequest(translation, like);
          const response = translation.response(value, MESSAGES_CONTEXT);
          if (response.ok) assertSound(response.value);
          const error = translation.error(value, status);
          assertSound(error.body);
          assert.ok(error.status >= 400 && error.status < 600);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("whatever a stream sends, there are whole frames or a sentence, and one end at most", () => {
  const frames = fc.array(
    fc.tuple(fc.constantFrom(undefined, "error", "message_stop", "x"), fc.oneof(hostile.value, hostile.object)),
    { maxLength: 12 },
  );
  const starts = [
    [],
    asEvents({ text: "", calls: [], usage: [1, 2, 3, 4, 5] }, 1).slice(0, 1),
    asChunks({ text: "a", calls: [], usage: [1, 2, 3, 4, 5] }, 1).slice(0, 2),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...starts), frames, (start, more) => {
      for (const [translation, context] of [
        [chatToMessages, CHAT_CONTEXT],
        [messagesToChat, MESSAGES_CONTEXT],
      ] as const) {
        const stream = translation.stream(context);
        let text = "";
        let failed = false;
        for (const [event, data] of [...start, ...more]) {
          const result = stream.frame(event, typeof data === "string" ? data : JSON.stringify(data));
          if (result.ok) text += result.value;
          else failed = true;
        }
        text += stream.end();
        const ends = sseData(text).filter(
          (one) => one === "[DONE]" || (one as JsonObject)["type"] === "message_stop",
        ).length;
        assert.equal(ends, stream.complete ? 1 : 0);
        assert.ok(!stream.complete || (!failed && stream.error === undefined));
      }
    }),
    { numRuns: 500 },
  );
});
