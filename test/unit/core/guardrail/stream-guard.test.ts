import assert from "node:assert/strict";
import { test } from "node:test";
import type { BuiltInPattern } from "../../../../router/core/guardrail/guardrail-rule.ts";
import { railSearch } from "../../../../router/core/guardrail/rail-search.ts";
import type { StreamCheck } from "../../../../router/core/guardrail/stream-check.ts";
import { StreamCollector } from "../../../../router/core/guardrail/stream-collector.ts";
import { StreamGuard } from "../../../../router/core/guardrail/stream-guard.ts";
import type { Api } from "../../../../router/core/inference/api.ts";

const TOKEN = `ghp_${"a1B2".repeat(9)}`;

function check(
  action: "block" | "mask",
  builtIn: readonly BuiltInPattern[],
  patterns: readonly string[] = [],
): StreamCheck {
  const search = railSearch({ kind: "patterns", builtIn, patterns }, action);
  assert.ok(search.ok, JSON.stringify(search));
  return { guardrail: "rail", search: search.value, action };
}
const secrets = ["github_token", "email", "credit_card", "private_key"] as const;

const sse = (data: unknown, event?: string): string =>
  `${event === undefined ? "" : `event: ${event}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
/** A Buffer, whose `slice` copies nothing. */
const octets = (frame: string): Uint8Array => Buffer.from(frame);

interface Streamed {
  readonly frames: readonly string[];
  readonly blocked: string | undefined;
  /** By frame that came: how many waited after it. */
  readonly held: readonly number[];
}

function streamed(
  api: Api,
  checks: readonly StreamCheck[],
  frames: readonly string[],
  options: { window?: number; maximumHeld?: number } = {},
): Streamed {
  const guard = new StreamGuard({ api, checks, ...options });
  const out: string[] = [];
  const held: number[] = [];
  for (const frame of [...frames, undefined]) {
    const bytes = frame === undefined ? undefined : octets(frame);
    const step = bytes === undefined ? guard.end() : guard.frame(bytes);
    if (step.kind === "blocked") return { frames: out, blocked: step.name, held };
    out.push(...step.frames.map((emitted) => new TextDecoder().decode(emitted)));
    // Whoever gave the octets uses them again.
    bytes?.fill(0x78);
    if (frame !== undefined) held.push(guard.held);
  }
  return { frames: out, blocked: undefined, held };
}

const chat = (content: string, index = 0): string =>
  sse({ id: "c", choices: [{ index, delta: { content }, finish_reason: null }] });
const block = (text: string, index = 0): string =>
  sse({ type: "content_block_delta", index, delta: { type: "text_delta", text } }, "content_block_delta");
const output = (delta: string): string =>
  sse(
    { type: "response.output_text.delta", item_id: "i", output_index: 0, content_index: 0, delta },
    "response.output_text.delta",
  );
const gemini = (text: string): string =>
  sse({ candidates: [{ index: 0, content: { role: "model", parts: [{ text }] } }] });
const ollama = (content: string): string =>
  `${JSON.stringify({ message: { role: "assistant", content }, done: false })}\n`;

/** How each API says a piece of text. */
const apis: readonly (readonly [api: Api, piece: (text: string) => string])[] = [
  ["chat", chat],
  [
    "chat",
    (text) => sse({ choices: [{ index: 1, delta: { tool_calls: [{ index: 0, function: { arguments: text } }] } }] }),
  ],
  ["chat", (text) => sse({ choices: [{ index: 0, delta: { reasoning_content: text } }] })],
  ["completions", (text) => sse({ choices: [{ index: 0, text }] })],
  ["messages", block],
  [
    "messages",
    (text) =>
      sse({ type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: text } }, "x"),
  ],
  [
    "messages",
    (text) => sse({ type: "content_block_delta", index: 2, delta: { type: "thinking_delta", thinking: text } }, "x"),
  ],
  ["responses", output],
  [
    "responses",
    (text) => sse({ type: "response.function_call_arguments.delta", item_id: "i", output_index: 1, delta: text }),
  ],
  ["generate_content", gemini],
  ["ollama_chat", ollama],
  ["ollama_generate", (text) => `${JSON.stringify({ response: text, done: false })}\n`],
];

for (const [api, piece] of apis) {
  test(`a match over three frames is blocked before any of it is out: ${api} ${piece("").trim()}`, () => {
    const pieces = ["Here: ", "ghp", TOKEN.slice(3, 20), TOKEN.slice(20), " bye"].map((text) => piece(text));
    const { frames, blocked } = streamed(api, [check("block", secrets)], pieces);
    assert.equal(blocked, "github_token");
    // The lead "gh" tells nothing, but "ghp" has more than it.
    assert.deepEqual(frames, pieces.slice(0, 1));
  });

  test(`a match over three frames is masked in frames of the same form: ${api} ${piece("").trim()}`, () => {
    const pieces = ["Here: ", "gh", TOKEN.slice(2, 20), `${TOKEN.slice(20)}.`, " bye"].map((text) => piece(text));
    const { frames, blocked } = streamed(api, [check("mask", secrets)], pieces);
    assert.equal(blocked, undefined);
    const expected = ["Here: ", "[github_token]", "", ".", " bye"].map((text) => piece(text));
    assert.deepEqual(frames, expected);
  });
}

test("plain prose flows: no frame waits where an action is block, e-mail addresses included", () => {
  const words =
    "The quick brown fox jumps over a lazy dog, and so it goes. Sk gh AI hf: as ever!".match(/\S+\s?|\s/g) ?? [];
  const frames = words.map((word) => chat(word));
  const { frames: out, held } = streamed(
    "chat",
    [check("block", ["github_token", "email", "credit_card", "api_key", "jwt", "private_key", "phone", "us_ssn"])],
    frames,
  );
  assert.deepEqual(out, frames);
  assert.deepEqual(new Set(held), new Set([0]));
});

test("what waits lets nothing pass it: order is kept, also of frames without text and of other choices", () => {
  const frames = [
    chat("mail john"),
    chat("@ex"),
    ": ping\n\n",
    chat("other", 1),
    chat("ample"),
    chat(" no"),
    "data: [DONE]\n\n",
  ];
  const { frames: out, held } = streamed("chat", [check("mask", secrets)], frames);
  assert.deepEqual(out, frames);
  assert.deepEqual(held, [1, 2, 3, 4, 5, 3, 0]);
});

test("a frame without a change goes out as the octets that came, whatever their form", () => {
  const frames = [
    'event:x\r\nid: 7\r\ndata:{"choices" : [ {"delta":{"content":"hi "}} ], "big":12345678901234567890}\r\n\r\n',
    ": c\n\n",
    "\n",
    "retry: 5\n\n",
  ];
  assert.deepEqual(streamed("chat", [check("mask", secrets)], frames).frames, frames);
});

test("texts do not run into each other: choices, blocks, calls and thoughts are apart", () => {
  const rows: readonly (readonly [Api, readonly string[]])[] = [
    ["chat", [chat(TOKEN.slice(0, 10), 0), chat(TOKEN.slice(10), 1)]],
    ["messages", [block(TOKEN.slice(0, 10), 0), block(TOKEN.slice(10), 1)]],
    [
      "generate_content",
      [
        sse({
          candidates: [
            { content: { parts: [{ text: TOKEN.slice(0, 10), thought: true }, { text: TOKEN.slice(10) }] } },
          ],
        }),
      ],
    ],
  ];
  for (const [api, frames] of rows)
    assert.deepEqual(streamed(api, [check("block", secrets)], frames).blocked, undefined, api);
});

test("the end of a text lets it go: a finished choice, a stopped block, a done item, a last line", () => {
  const mail = "a@b";
  const rows: readonly (readonly [Api, readonly string[]])[] = [
    ["chat", [chat(mail), sse({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })]],
    ["messages", [block(mail), sse({ type: "content_block_stop", index: 0 })]],
    [
      "responses",
      [
        output(mail),
        sse({ type: "response.output_text.done", item_id: "i", output_index: 0, content_index: 0, text: mail }),
      ],
    ],
    ["generate_content", [gemini(mail), sse({ candidates: [{ index: 0, finishReason: "STOP" }] })]],
    ["ollama_chat", [ollama(mail), `${JSON.stringify({ done: true })}\n`]],
  ];
  for (const [api, frames] of rows) {
    const { frames: out, held } = streamed(api, [check("mask", secrets)], frames);
    assert.deepEqual(out, frames, api);
    assert.deepEqual(held, [1, 0], api);
  }
});

test("a text that goes on after its end is blocked all the same", () => {
  const frames = [
    chat(TOKEN.slice(0, 10)),
    sse({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
    chat(TOKEN.slice(10)),
    chat("."),
  ];
  assert.equal(streamed("chat", [check("block", secrets)], frames).blocked, "github_token");
  const { frames: out } = streamed("chat", [check("mask", secrets)], frames);
  assert.ok(!out.join("").includes(TOKEN.slice(10)));
});

test("what says a text once more is masked as well", () => {
  const frames = [
    output("to a@b.co"),
    output(" now"),
    sse({ type: "response.output_text.done", item_id: "i", output_index: 0, content_index: 0, text: "to a@b.co now" }),
    sse({
      type: "response.completed",
      response: { id: "r", output: [{ type: "message", content: [{ type: "output_text", text: "to a@b.co now" }] }] },
    }),
  ];
  const { frames: out, blocked } = streamed("responses", [check("mask", secrets)], frames);
  assert.equal(blocked, undefined);
  assert.deepEqual(
    out,
    frames.map((frame) => frame.replace("a@b.co", "[email]")),
  );
  assert.equal(streamed("responses", [check("block", secrets)], frames.slice(3)).blocked, "email");
});

test("log probabilities go with a frame that is masked", () => {
  const frame = (content: string): string =>
    sse({ choices: [{ index: 0, delta: { content }, logprobs: { content: [{ token: content, bytes: [97] }] } }] });
  const { frames } = streamed("chat", [check("mask", secrets)], [frame("a@b.co"), frame("! ")]);
  assert.equal(frames[0], sse({ choices: [{ index: 0, delta: { content: "[email]" }, logprobs: null }] }));
  assert.equal(frames[1], frame("! "));
});

test("what is hidden from the eye blocks", () => {
  const frames = [chat("car"), chat("d ４１１１ 1111 "), chat("1111 1\u200b111"), chat(" .")];
  const { blocked, frames: out } = streamed("chat", [check("block", ["credit_card"])], frames);
  assert.equal(blocked, "credit_card");
  assert.deepEqual(out, frames.slice(0, 1));
});

test("a masked member may be called __proto__", () => {
  const { frames } = streamed(
    "chat",
    [check("mask", secrets)],
    ['data: {"choices":[{"delta":{"__proto__":"a@b.co "}}]}\n\n'],
  );
  assert.deepEqual(frames, ['data: {"choices":[{"delta":{"__proto__":"[email] "}}]}\n\n']);
});

const unreadable = [
  "data: {",
  "data: hello",
  "data: []",
  "data: 1",
  `data: {"choices":[{"delta":${"[".repeat(99)}${"]".repeat(99)}}]}`,
];
for (const frame of unreadable) {
  test(`a frame that cannot be read blocks, for good: ${frame.slice(0, 40)}`, () => {
    const guard = new StreamGuard({ api: "chat", checks: [check("block", secrets)] });
    const blocked = { kind: "blocked", guardrail: "rail", name: "unreadable" };
    assert.deepEqual(guard.frame(octets(`${frame}\n\n`)), blocked);
    assert.deepEqual(guard.frame(octets(chat("fine "))), blocked);
    assert.deepEqual(guard.end(), blocked);
  });
}

test("a stream of an API that has no reader blocks", () => {
  assert.equal(streamed("converse", [check("block", secrets)], [chat("x")]).blocked, "unreadable");
});

test("texts without number and frames without end are not held", () => {
  const many = Array.from({ length: 1_100 }, (_, index) => chat("x ", index));
  assert.equal(streamed("chat", [check("block", secrets)], many).blocked, "too_many_texts");
  const waiting = [chat("a@b"), ...Array.from({ length: 50 }, () => `: ${"x".repeat(100)}\n\n`)];
  assert.equal(streamed("chat", [check("mask", secrets)], waiting, { maximumHeld: 2_000 }).blocked, "held_too_much");
});

test("frames of three octets are not held without number", () => {
  const empty = Array.from({ length: 16_400 }, () => ":\n\n");
  const waiting = streamed("chat", [check("mask", secrets)], [chat("a@b"), ...empty]);
  assert.deepEqual([waiting.blocked, waiting.held.length], ["held_too_much", 16_385]);
  const collector = new StreamCollector("chat");
  let taken = 0;
  while (taken < 70_000 && collector.frame(octets(":\n\n"))) taken += 1;
  assert.equal(taken, 65_536);
});

test("a match longer than the window is masked to its end, and without a second mask", () => {
  const body = "MIIEpAIBAAKCAQEA1234\n".repeat(80);
  const text = `Key:\n-----BEGIN RSA PRIVATE KEY-----\n${body}-----END RSA PRIVATE KEY-----`;
  const frames = (text.match(/[^]{1,7}/g) ?? []).map((piece) => chat(piece));
  const { frames: out, blocked, held } = streamed("chat", [check("mask", ["private_key"])], [...frames, chat("(end)")]);
  assert.equal(blocked, undefined);
  const shown = out
    .map(
      (frame) => (JSON.parse(frame.slice(6)) as { choices: [{ delta: { content: string } }] }).choices[0].delta.content,
    )
    .join("");
  assert.equal(shown, "Key:\n[private_key](end)");
  assert.ok(Math.max(...held) <= 2 * Math.ceil(512 / 7));
});

test("a text that may go on for ever is let out behind the window, and a match at its end is still found", () => {
  const frames = Array.from({ length: 400 }, () => chat("abcdefg")).concat(chat("@b.co "));
  const { frames: out, blocked, held } = streamed("chat", [check("mask", ["email"])], frames);
  assert.equal(blocked, undefined);
  assert.ok(Math.max(...held) <= 2 * Math.ceil(512 / 7));
  assert.ok(!out.join("").includes("@b.co"));
  assert.equal(
    streamed("chat", [check("block", [], ["x[a-z]*@"])], [chat(`x${"a".repeat(3_000)}`), chat("aa@")]).blocked,
    "pattern_1",
  );
});

test("checks see what stood before and what comes after, of a text that was let out or is still to come", () => {
  const cards = check("block", ["credit_card"]);
  // What is no longer needed is cut off 256 units at a time: right before the number, here.
  const long = " ".repeat(511);
  const before = (prefix: string): string | undefined =>
    streamed("chat", [cards], [chat(`${long}${prefix}`), chat("4111111111111111"), chat(" .")]).blocked;
  assert.equal(before("n"), "credit_card");
  assert.equal(before("a"), undefined, "hexadecimal text");
  const blob = check("block", ["credit_card"], ["[a-z0-9-]+@"]);
  const after = (suffix: string): string | undefined => {
    const frames = [chat("ghijklm".repeat(72)), chat("-4111111111111111"), chat(suffix), chat(" .")];
    return streamed("chat", [blob], frames).blocked;
  };
  assert.equal(after("-x"), "credit_card");
  assert.equal(after("2222"), undefined, "a longer number");
});

test("a collector keeps a stream, gives its texts, and puts others in their places", () => {
  const frames = [chat("Hel"), chat("lo"), chat("you", 1), sse({ note: "aside", choices: [] }), "data: [DONE]\n\n"];
  const collector = new StreamCollector("chat");
  for (const frame of frames) {
    const bytes = octets(frame);
    assert.ok(collector.frame(bytes));
    bytes.fill(0);
  }
  assert.deepEqual(collector.texts(), ["Hello", "you", "aside"]);
  const shown = (released: readonly Uint8Array[] | undefined): readonly string[] | undefined =>
    released?.map((bytes) => new TextDecoder().decode(bytes));
  assert.deepEqual(collector.release(["Hello", "you"]), undefined, "another count is none");
  assert.deepEqual(shown(collector.release()), frames);
  assert.deepEqual(shown(collector.release(["H*", "you", "-"])), [
    chat("H*"),
    chat(""),
    chat("you", 1),
    sse({ note: "-", choices: [] }),
    "data: [DONE]\n\n",
  ]);
});

test("a collector that cannot read or hold a stream says so, and gives nothing", () => {
  const unread = new StreamCollector("chat");
  assert.ok(unread.frame(octets(chat("x"))));
  assert.ok(!unread.frame(octets("data: {\n\n")));
  assert.ok(!unread.frame(octets(chat("x"))));
  assert.equal(unread.release(), undefined);
  const small = new StreamCollector("chat", 100);
  assert.ok(!small.frame(octets(chat("x".repeat(100)))));
});

const tool = (args: string, index = 0): string =>
  sse({ choices: [{ index: 0, delta: { tool_calls: [{ index, function: { arguments: args } }] } }] });
const partial = (partial_json: string): string =>
  sse({ type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json } });
const argued = (delta: string): string =>
  sse({ type: "response.function_call_arguments.delta", item_id: "i", output_index: 1, delta });
const names = (name: string): string =>
  sse({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { name } }] } }] });
const geminiCall = (functionCall: unknown): string =>
  sse({ candidates: [{ index: 0, content: { parts: [{ functionCall }] } }] });
const begun = (content_block: unknown): string => sse({ type: "content_block_start", index: 0, content_block });

/** What hides in a tool's call blocks, whatever the action: `out`: at most so many frames went out before. */
const hidden: readonly (readonly [name: string, api: Api, frames: readonly string[], blocked: string, out: number])[] =
  [
    ["an escape over two frames", "chat", [tool(`{"a":"joe\\u00`), tool(`40example.com"}`)], "email", 1],
    [
      "an escape over six frames",
      "chat",
      Array.from("\\u0040")
        .map((c) => tool(c))
        .toSpliced(0, 0, tool("joe"))
        .concat(tool("b.co ")),
      "email",
      7,
    ],
    ["an escape in a name", "chat", [tool(`{"joe\\`), tool(`u0040example.com":1}`)], "email", 1],
    ["an escape of Anthropic's", "messages", [partial(`{"a":"joe\\u00`), partial(`40example.com"}`)], "email", 1],
    ["an escape of Responses'", "responses", [argued(`{"a":"joe\\u`), argued(`0040example.com"}`)], "email", 1],
    ["an escape in an answer in JSON", "chat", [chat(`{"a":"joe\\u004`), chat(`0example.com"}`)], "email", 1],
    [
      "an escape in a choice's end",
      "chat",
      [chat("joe\\u00"), sse({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }), chat("40b.co ")],
      "email",
      2,
    ],
    [
      "a word's border in an escape",
      "chat",
      [tool(`{"k":"\\`), tool(`f4111111111111111"}`), tool(" ")],
      "credit_card",
      1,
    ],
    ["a character in two escapes in two frames", "chat", [tool(`{"k":"joe@b.c\\ud835`), tool(`\\udc28"}`)], "email", 1],
    ["a tool's name", "chat", [names("joe@b.co")], "email", 0],
    ["a tool's name in pieces", "chat", [names("joe@"), names("b.co")], "email", 1],
    [
      "a tool's name of Anthropic's",
      "messages",
      [begun({ type: "tool_use", id: "t", name: "joe@b.co", input: {} })],
      "email",
      0,
    ],
    ["a tool's name of Gemini's", "generate_content", [geminiCall({ name: "joe@b.co", args: {} })], "email", 0],
    ["a name in arguments", "generate_content", [geminiCall({ name: "f", args: { "joe@b.co": 1 } })], "email", 0],
    [
      "a number in arguments",
      "generate_content",
      [geminiCall({ name: "f", args: { c: 4111111111111111 } })],
      "credit_card",
      0,
    ],
    [
      "a long number in arguments",
      "generate_content",
      [geminiCall({ name: "f", args: { c: 0 } }).replace(":0}", ":6304000000000000000}")],
      "credit_card",
      0,
    ],
    [
      "a name in Ollama's arguments",
      "ollama_chat",
      [
        `${JSON.stringify({ message: { tool_calls: [{ function: { name: "f", arguments: { o: { "joe@b.co": 1 } } } }] } })}\n`,
      ],
      "email",
      0,
    ],
    [
      "a name in a block's input",
      "messages",
      [begun({ type: "tool_use", id: "t", name: "f", input: { "joe@b.co": 1 } })],
      "email",
      0,
    ],
    ["content twice", "chat", [`data: {"choices":[{"delta":{"content":"a","content":"b"}}]}\n\n`], "unreadable", 0],
    ["choices twice, once escaped", "chat", [`data: {"choices":[],"ch\\u006fices":[]}\n\n`], "unreadable", 0],
    [
      "a name twice deep in arguments",
      "generate_content",
      [`data: {"candidates":[{"content":{"parts":[{"functionCall":{"args":{"o":[{"a":1,"a":{}}]}}}]}}]}\n\n`],
      "unreadable",
      0,
    ],
    ["__proto__ twice", "chat", [`data: {"choices":[],"__proto__":1,"__proto__":1}\n\n`], "unreadable", 0],
  ];
for (const [name, api, frames, blocked, out] of hidden) {
  test(`what hides in a stream blocks: ${name}`, () => {
    const seen = streamed(api, [check("block", secrets)], frames);
    assert.equal(seen.blocked, blocked);
    assert.ok(seen.frames.length <= out);
    assert.deepEqual(seen.frames, frames.slice(0, seen.frames.length));
    const masked = streamed(api, [check("mask", secrets)], frames);
    assert.equal(masked.blocked, blocked);
    assert.ok(frames.join("").startsWith(masked.frames.join("")));
  });
}

test("what a content block's input begins with is the tool's, whatever its members are called", () => {
  const frame = begun({ type: "tool_use", id: "t", name: "f", input: { role: "joe@b.co " } });
  assert.equal(streamed("messages", [check("block", secrets)], [frame]).blocked, "email");
});

test("a document in an answer is looked at, a picture is not", () => {
  const document = (source: unknown): string => begun({ type: "web_fetch_tool_result", content: { source } });
  const text = { type: "text", media_type: "text/plain", data: "joe@b.co " };
  assert.equal(streamed("messages", [check("block", secrets)], [document(text)]).blocked, "email");
  const picture = document({ type: "base64", media_type: "image/png", data: "joe@b.co " });
  assert.deepEqual(streamed("messages", [check("block", secrets)], [picture]).frames, [picture]);
});

test("where an action is mask, escapes and accents do not make it block", () => {
  const frames = ['{"t":"caf\u00e9\\', "n to ", "joe@", "b.co\\", "n, ", "\u00e9 a@b.co", ' or \\"x\\""}'];
  const expected = ['{"t":"caf\u00e9\\', "n to ", "[email]", "\\", "n, ", "\u00e9 [email]", ' or \\"x\\""}'];
  const seen = streamed(
    "chat",
    [check("mask", secrets)],
    frames.map((text) => tool(text)),
  );
  assert.deepEqual(
    seen.frames,
    expected.map((text) => tool(text)),
  );
  assert.equal(seen.blocked, undefined);
});

test("where an action is mask, what is found in another reading only still blocks, also behind a mask and a spilled match", () => {
  const cards = check("mask", ["credit_card", "email"]);
  assert.equal(
    streamed("chat", [cards], [chat("\u00e9 a@b.co "), chat("\uff14111 1111 1111 1111 .")]).blocked,
    "credit_card",
  );
  const own = check("mask", [], ["x[a-z]*@"]);
  assert.equal(streamed("chat", [own], [chat(`x${"a".repeat(3_000)}`), chat("a\uff20 ")]).blocked, "pattern_1");
});

test("plain arguments flow: escapes hold no frame back", () => {
  const frames = [`{"code":"`, "let x = ", `\\"a b\\";`, "\\n", "return (x)", `;"}`].map((text) => tool(text));
  const { frames: out, held } = streamed("chat", [check("block", secrets)], frames);
  assert.deepEqual(out, frames);
  assert.deepEqual(new Set(held), new Set([0]));
});

test("names without end are not kept", () => {
  const long = Array.from({ length: 300 }, () => names("abcdefg "));
  assert.equal(streamed("chat", [check("block", secrets)], long).blocked, "held_too_much");
});

test("a collector gives names and numbers, too, and takes no others for them", () => {
  const frame = geminiCall({ name: "f", args: { a: 1 } });
  const collector = new StreamCollector("generate_content");
  assert.ok(collector.frame(octets(frame)));
  assert.deepEqual(collector.texts(), ["f", "a", "1"]);
  assert.equal(collector.release(["g", "a", "1"]), undefined);
  assert.equal(collector.release(["f", "a", "[x]"]), undefined);
  assert.deepEqual(collector.release(["f", "a", "1"])?.length, 1);
  const split = new StreamCollector("chat");
  assert.ok(split.frame(octets(names("lo"))) && split.frame(octets(names("ok"))));
  assert.deepEqual(split.texts(), ["look"]);
  assert.equal(split.release(["cook"]), undefined);
});
