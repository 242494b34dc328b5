import assert from "node:assert/strict";
import { test } from "node:test";
import { builtInPatterns } from "../../../../router/core/guardrail/built-in-patterns.ts";
import { readText, TextReader } from "../../../../router/core/guardrail/folded-text.ts";
import { eachJsonToken } from "../../../../router/core/guardrail/json-strings.ts";
import { judgeBody } from "../../../../router/core/guardrail/judge-body.ts";
import { PatternSearch } from "../../../../router/core/guardrail/pattern-search.ts";
import { bodyTexts } from "../../../../router/core/guardrail/written-texts.ts";

const compiled = PatternSearch.compile(builtInPatterns(["github_token", "credit_card", "email", "us_ssn"]), true);
assert.ok(compiled.ok);
const search = compiled.value;
const token = `ghp_${"a1B2".repeat(9)}`;
const half = [token.slice(0, 15), token.slice(15)] as const;
const user = (content: unknown): unknown => ({ model: "m", messages: [{ role: "user", content }] });
const text = (value: string): unknown => ({ type: "text", text: value });

/** `mask`: the body's value after masking, or why it blocks instead. */
const rows: readonly (readonly [name: string, body: unknown, block: string | undefined, mask: unknown])[] = [
  ["nothing", user("Hello"), undefined, undefined],
  ["in a message", user(`see ${token}.`), "github_token", user("see [github_token].")],
  [
    "in two parts of a message",
    user([text(`x ${half[0]}`), text(`${half[1]} y`)]),
    "github_token",
    user([text("x [github_token]"), text(" y")]),
  ],
  [
    "in two messages",
    {
      messages: [
        { role: "user", content: half[0] },
        { role: "user", content: half[1] },
      ],
    },
    "github_token",
    {
      messages: [
        { role: "user", content: "[github_token]" },
        { role: "user", content: "" },
      ],
    },
  ],
  [
    "in a tool call and its result",
    {
      messages: [
        { tool_calls: [{ id: "c", function: { name: "f", arguments: `{"to":"a@b.co"}` } }] },
        { role: "tool", content: "a@b.co" },
      ],
    },
    "email",
    {
      messages: [
        { tool_calls: [{ id: "c", function: { name: "f", arguments: `{"to":"[email]"}` } }] },
        { role: "tool", content: "[email]" },
      ],
    },
  ],
  [
    "in a tool's input, whatever its members are called",
    { messages: [{ content: [{ type: "tool_use", id: "t", input: { id: "a@b.co", data: ["a@b.co"] } }] }] },
    "email",
    { messages: [{ content: [{ type: "tool_use", id: "t", input: { id: "[email]", data: ["[email]"] } }] }] },
  ],
  [
    "in a tool's input behind an object of its own",
    { messages: [{ content: [{ type: "tool_use", input: { o: { a: 1 }, id: "a@b.co" } }] }] },
    "email",
    { messages: [{ content: [{ type: "tool_use", input: { o: { a: 1 }, id: "[email]" } }] }] },
  ],
  [
    "behind a tool's input, in a member that points",
    { messages: [{ content: [{ type: "tool_use", input: {}, id: "a@b.co" }] }] },
    "email",
    "email",
  ],
  [
    "in a member that points, deeper than a tool's input that has ended",
    {
      messages: [
        {
          content: [
            { type: "tool_use", input: {} },
            { type: "x", source: { id: "a@b.co" } },
          ],
        },
      ],
    },
    "email",
    "email",
  ],
  [
    "in a system prompt",
    { system: [{ type: "text", text: "a@b.co" }] },
    "email",
    { system: [{ type: "text", text: "[email]" }] },
  ],
  [
    "in Gemini's parts",
    { contents: [{ parts: [{ text: "a@b.co" }] }] },
    "email",
    { contents: [{ parts: [{ text: "[email]" }] }] },
  ],
  [
    "in Bedrock's parts",
    { messages: [{ content: [{ text: "a@b.co" }] }] },
    "email",
    { messages: [{ content: [{ text: "[email]" }] }] },
  ],
  ["in an input of embeddings", { input: ["x", "a@b.co"] }, "email", { input: ["x", "[email]"] }],
  ["in a member that nobody knows", { x: { y: [{ z: "a@b.co" }] } }, "email", { x: { y: [{ z: "[email]" }] } }],
  ["in a name", { [token]: 1 }, "github_token", "github_token"],
  ["in a member that points or types", { id: token, messages: [] }, "github_token", "github_token"],
  ["as a number", { messages: [], seed: 4111111111111111 }, "credit_card", "credit_card"],
  ["full-width and with what nobody sees", user("card ４１１１ 1111 1111 1\u200b111"), "credit_card", "credit_card"],
  ["as JSON within a text", user(`{"k":"\\u0067hp_${token.slice(4)}"}`), "github_token", "github_token"],
  ["token numbers", { prompt: [15_339, 1_917] }, "token_ids", "token_ids"],
  ["lists of token numbers", { input: [[15_339], [1_917]] }, "token_ids", "token_ids"],
];

for (const [name, body, block, mask] of rows) {
  test(`a match is found ${name}`, () => {
    const verdict = judgeBody(search, "block", JSON.stringify(body), "input");
    assert.deepEqual(verdict, block === undefined ? { kind: "pass" } : { kind: "block", name: block });
    const masked = judgeBody(search, "mask", JSON.stringify(body), "input");
    if (typeof mask === "string") assert.deepEqual(masked, { kind: "block", name: mask });
    else if (mask === undefined) assert.deepEqual(masked, { kind: "pass" });
    else {
      assert.ok(masked.kind === "mask");
      assert.deepEqual(JSON.parse(masked.body), mask);
      assert.deepEqual(masked.names, [block]);
    }
  });
}

test("a body of more strings than anybody would say blocks, and is not kept in memory", () => {
  const began = performance.now();
  const body = `{"a":[${'"b",'.repeat(300_000)}"c"]}`;
  assert.deepEqual(judgeBody(search, "block", body, "input"), { kind: "block", name: "unreadable" });
  assert.ok(performance.now() - began < 1_000);
});

test("a mask is not masked again", () => {
  const letters = PatternSearch.compile([{ name: "x", pattern: "[a-z]{2,}" }], false);
  assert.ok(letters.ok);
  const verdict = judgeBody(
    letters.value,
    "mask",
    '{"messages":[{"content":"ab"},{"content":"A c"},{"content":"d"}]}',
    "input",
  );
  // "content" and "messages" match, too, and names cannot be masked.
  assert.deepEqual(verdict, { kind: "block", name: "x" });
  const answered = judgeBody(
    letters.value,
    "mask",
    '{"messages":[{"content":"ab"},{"content":"A c"},{"content":"d"}]}',
    "output",
  );
  assert.ok(answered.kind === "mask");
  assert.equal(answered.body, '{"messages":[{"content":"[x]"},{"content":"A [x]"},{"content":""}]}');
  const words = PatternSearch.compile([{ name: "word", pattern: "[a-z]+" }], false);
  assert.ok(words.ok);
  const masked = judgeBody(words.value, "mask", '{"a":["ab","cd"]}', "output");
  assert.ok(masked.kind === "mask");
  assert.equal(masked.body, '{"a":["[word]","[word]"]}');
});

test("what stands twice is looked at twice", () => {
  assert.equal(judgeBody(search, "block", '{"a":"a@b.co","a":"x"}', "input").kind, "block");
  assert.deepEqual(judgeBody(search, "mask", '{"a":"a@b.co","a":"x"}', "input"), {
    kind: "mask",
    body: '{"a":"[email]","a":"x"}',
    names: ["email"],
  });
});

test("masking leaves all other octets as they were", () => {
  const body = '{ "n": 12345678901234567890.10, "u": "\\u00e9\\/", "m" :"a@b.co" ,"z":1e400}';
  const verdict = judgeBody(search, "mask", body, "input");
  assert.ok(verdict.kind === "mask");
  assert.equal(verdict.body, body.replace("a@b.co", "[email]"));
});

for (const body of [
  "",
  "x",
  "{",
  '{"a":"b}',
  '{"a":"\\x"}',
  "[1,2",
  '{"a":1}}',
  "{'a':1}",
  "{a:1}",
  '{"a":01}',
  '{"a":nan}',
  `${"[".repeat(600)}${"]".repeat(600)}`,
]) {
  test(`what is not JSON blocks: ${body.slice(0, 20)}`, () => {
    assert.deepEqual(judgeBody(search, "block", body, "output"), { kind: "block", name: "unreadable" });
    assert.deepEqual(judgeBody(search, "mask", body, "input"), { kind: "block", name: "unreadable" });
  });
}

test("of an answer, what the provider says for itself is not looked at, and log probabilities do not spell what is masked", () => {
  const answer = {
    id: "a@b.co",
    created: 4111111111111111,
    choices: [
      {
        message: { role: "assistant", content: "to a@b.co" },
        logprobs: { content: [{ token: "to ", bytes: [116] }, { token: "a@b", top_logprobs: [] }, { token: ".co" }] },
      },
    ],
  };
  const verdict = judgeBody(search, "mask", JSON.stringify(answer), "output");
  assert.ok(verdict.kind === "mask");
  assert.deepEqual(JSON.parse(verdict.body), {
    ...answer,
    choices: [{ message: { role: "assistant", content: "to [email]" }, logprobs: null }],
  });
  assert.equal(judgeBody(search, "block", '{"created":4111111111111111,"id":"a@b.co"}', "output").kind, "pass");
});

test("written texts are what a person or a model wrote, in order", () => {
  const body = {
    model: "m",
    system: "be kind",
    messages: [{ role: "user", content: [text("hi"), { type: "image_url", image_url: { url: "https://x" } }] }],
  };
  assert.deepEqual(
    bodyTexts(JSON.stringify(body), "input")?.written.map(({ value }) => value),
    ["be kind", "hi", "https://x"],
  );
});

test("tokens come with the member that they are the value of", () => {
  const seen: string[] = [];
  assert.ok(
    eachJsonToken('{"a":{"b":["x",["y"],{"c":"z"}],"d":1},"e":"w"}', ({ kind, value, member }) =>
      seen.push(`${kind}:${member}=${value}`),
    ),
  );
  assert.deepEqual(seen, [
    "name:a=a",
    "name:b=b",
    "string:b=x",
    "string:b=y",
    "name:c=c",
    "string:c=z",
    "name:d=d",
    "number:d=1",
    "name:e=e",
    "string:e=w",
  ]);
});

const folds: readonly (readonly [text: string, folded: string | undefined])[] = [
  ["plain\n\t~", undefined],
  ["ｓｋ－ＡＢＣ", "sk-ABC"],
  ["s\u200bk\u00ad-\ufe0f\u2060\u{e0041}x", "sk-x"],
  ["٤١١١ ४१११ ①", "4111 4111 1"],
  ["a\u2011b\u2013c\u00a0d\u3000e", "a-b-c d e"],
  ["ś\u0301k", "sk"],
  ["𝐬𝐤", "sk"],
  ["\\u0073k-\\u002d", "sk--"],
  ["今天", undefined],
];
/** `data` in what holds it, and whether somebody may read it. */
const holders: readonly (readonly [name: string, holder: object, isWritten: boolean])[] = [
  ["a text document", { source: { type: "text", media_type: "text/plain", data: "DATA" } }, true],
  ["what nobody says anything of", { x: { data: "DATA" } }, true],
  ["a media type that nobody knows", { inlineData: { mimeType: "application/x-thing", data: "DATA" } }, true],
  ["drawings in text", { inlineData: { mimeType: "image/svg+xml", data: "DATA" } }, true],
  ["base64 that says it is text", { source: { type: "base64", media_type: "text/plain", data: "DATA" } }, true],
  ["a text that says it is a film", { source: { data: "DATA", media_type: "video/mp4", type: "text" } }, true],
  ["base64 that says it is a page", { source: { type: "base64", data: "DATA", media_type: "text/html" } }, true],
  ["a list", { source: { type: "base64", data: ["DATA"] } }, true],
  ["what is beside base64", { a: { source: { type: "base64", data: "x" }, data: "DATA" } }, true],
  ["what is in base64's object", { source: { type: "base64", o: { data: "DATA" } } }, true],
  ["a tool's input", { input: { type: "base64", data: "DATA" } }, true],
  ["base64", { source: { type: "base64", media_type: "image/png", data: "DATA" } }, false],
  ["base64, said behind it", { source: { data: "DATA", o: { type: "text" }, type: "base64" } }, false],
  ["a picture", { inlineData: { data: "DATA", mimeType: "Image/PNG; q=1" } }, false],
  ["a PDF", { inline_data: { mime_type: "application/pdf", data: "DATA" } }, false],
  ["sound", { type: "input_audio", input_audio: { format: "wav", data: "DATA" } }, false],
  ["encrypted thoughts", { type: "redacted_thinking", data: "DATA" }, false],
];
for (const [name, holder, isWritten] of holders) {
  test(`data is ${isWritten ? "a text" : "no text"}: ${name}`, () => {
    for (const phase of ["input", "output"] as const) {
      const texts = bodyTexts(JSON.stringify({ messages: [{ content: [holder, { text: "end" }] }] }), phase);
      const isThere = (tokens: readonly { value: string }[] = []): boolean =>
        tokens.some(({ value }) => value === "DATA");
      assert.deepEqual(
        [isThere(texts?.written), isThere(texts?.said), isThere(texts?.all)],
        [isWritten, isWritten, isWritten || phase === "input"],
      );
      assert.equal(texts?.written.at(-1)?.value, "end");
    }
  });
}

test("said is what a model sees: also tools' names, and names and numbers in what tools take and give", () => {
  const body = {
    tools: [{ function: { name: "look" } }],
    messages: [{ content: [{ type: "tool_use", id: "t", name: "f", input: { a: 1, o: { b: [2.5] } } }] }],
    temperature: 7,
  };
  assert.deepEqual(
    bodyTexts(JSON.stringify(body), "input")?.said.map(({ value }) => value),
    ["look", "f", "a", "1", "o", "b", "2.5"],
  );
});

const call = (input: unknown, name = "f"): string =>
  JSON.stringify({ content: [{ type: "tool_use", id: "t", name, input }] });
const called = (rest: string): string => `{"choices":[{"message":{"tool_calls":[{"function":{${rest}}}]}}]}`;
/** Answers, and why they block; a mask is no way out. */
const answers: readonly (readonly [name: string, body: string, block: string | undefined])[] = [
  ["a number in a tool's input", call({ card: 4111111111111111 }), "credit_card"],
  ["a number with an exponent", call({ card: 0 }).replace(":0", ":4.111111111111111e15"), "credit_card"],
  ["a long number as it is written", call({ card: 0 }).replace(":0", ":6304000000000000000"), "credit_card"],
  ["a name in a tool's input", call({ "a@b.co": 1 }), "email"],
  ["a name deep in a tool's input", call({ o: [{ "a@b.co": 1 }] }), "email"],
  ["a tool's name", call({}, "a@b.co"), "email"],
  ["a function's name", called(`"name":"a@b.co","arguments":"{}"`), "email"],
  [
    "escapes of JSON that hide a word's border",
    called(`"name":"f","arguments":"{\\"k\\":\\"x\\\\f4111111111111111\\"}"`),
    "credit_card",
  ],
  ["an accent behind escapes", called(`"arguments":"{\\"k\\":\\"4111\\\\u00201111 1111 1111é\\"}"`), "credit_card"],
  [
    "what is unseen behind escapes",
    called(`"arguments":"{\\"k\\":\\"\\\\f4111\u200b1111 1111 1111\\"}"`),
    "credit_card",
  ],
  ["a member twice", `{"choices":[{"message":{"content":"x","content":"y"}}]}`, "unreadable"],
  ["a member twice, once escaped", `{"choices":[{"message":{"content":"x","cont\\u0065nt":"y"}}]}`, "unreadable"],
  [
    "a member twice among many",
    JSON.stringify(Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`m${at}`, 1]))).replace("m39", "m3"),
    "unreadable",
  ],
  ["a member in two objects of a list", `{"choices":[{"a":1},{"a":1}],"o":{"a":1},"a":1}`, undefined],
];
for (const [name, body, block] of answers) {
  test(`an answer with ${name} ${block === undefined ? "passes" : "blocks"}`, () => {
    const expected = block === undefined ? { kind: "pass" } : { kind: "block", name: block };
    assert.deepEqual(judgeBody(search, "block", body, "output"), expected);
    assert.deepEqual(judgeBody(search, "mask", body, "output"), expected);
  });
}

const escaped: readonly (readonly [text: string, read: string | undefined])[] = [
  [String.raw`a\/b\n\"\\`, 'a/b\n"\\'],
  [String.raw`\\u0041 \\n`, String.raw`A \n`],
  [String.raw`\ud835\udc2c\ud835\udc24`, "sk"],
  [String.raw`\x \u00`, undefined],
];
for (const [given, read] of escaped) {
  test(`${given} reads ${JSON.stringify(read)} without escapes, also in pieces`, () => {
    assert.equal(readText(given, "both"), read);
    for (let cut = 0; cut <= given.length; cut += 1) {
      const reader = new TextReader("both");
      const pieces = [given.slice(0, cut), given.slice(cut)].map((piece) => reader.read(piece));
      assert.equal([...pieces, reader.rest()].join(""), read ?? given, `cut at ${cut}`);
    }
  });
}

for (const [given, folded] of folds) {
  test(`${JSON.stringify(given)} folds to ${JSON.stringify(folded)}`, () =>
    assert.equal(readText(given, "folded"), folded));
}

test("a long text is folded in parts, and none of them tears what belongs together", () => {
  for (const piece of ["\\u0041", "𝐬", "x\\u0041", "yy𝐬", "\\"]) {
    const count = 3_000;
    assert.equal(
      readText(piece.repeat(count), "folded") ?? piece.repeat(count),
      (readText(piece, "folded") ?? piece).repeat(count),
      piece,
    );
  }
});

test("folding takes linear time over combining marks, for which normalisation takes quadratic", () => {
  const began = performance.now();
  assert.equal(readText("\u0301\u0316".repeat(200_000), "folded"), "");
  assert.ok(performance.now() - began < 1_500);
});
