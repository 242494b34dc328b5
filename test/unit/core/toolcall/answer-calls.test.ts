import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../../../../router/core/inference/api.ts";
import { toolCallsOf } from "../../../../router/core/toolcall/answer-calls.ts";

type Calls = readonly (readonly [name: string, args: string | undefined])[];

function callsOf(api: Api, body: string): Calls | string {
  const calls = toolCallsOf(api, new TextEncoder().encode(body));
  return calls.ok ? calls.value.map(({ name, arguments: args }) => [name, args]) : calls.problem.code;
}

const message = (message_: string): string =>
  `{"choices":[{"index":0,"message":${message_},"finish_reason":"tool_calls"}]}`;
const tool = (name: string, args: string): string =>
  `{"id":"c","type":"function","function":{"name":"${name}","arguments":${JSON.stringify(args)}}}`;

const table: readonly (readonly [name: string, api: Api, body: string, expected: Calls | string])[] = [
  [
    "chat: parallel calls of two choices",
    "chat",
    `{"choices":[{"message":{"tool_calls":[${tool("a", '{"x":1}')},${tool("b", "{}")}]}},{"index":1,"message":{"tool_calls":[${tool("c", "{}")}]}}]}`,
    [
      ["a", '{"x":1}'],
      ["b", "{}"],
      ["c", "{}"],
    ],
  ],
  ["chat: the older form", "chat", message(`{"function_call":{"name":"a","arguments":"{}"}}`), [["a", "{}"]]],
  [
    "chat: custom input is a text",
    "chat",
    message(`{"tool_calls":[{"type":"custom","custom":{"name":"a","input":"rm -rf"}}]}`),
    [["a", '"rm -rf"']],
  ],
  ["chat: text only", "chat", message(`{"content":"tool_calls: [...]","tool_calls":null}`), []],
  ["chat: arguments that are no JSON", "chat", message(`{"tool_calls":[${tool("a", "{x:1}")}]}`), [["a", undefined]]],
  [
    "chat: NaN, which some readers take",
    "chat",
    message(`{"tool_calls":[${tool("a", '{"x":NaN}')}]}`),
    [["a", undefined]],
  ],
  [
    "chat: arguments with two members of one name",
    "chat",
    message(`{"tool_calls":[${tool("a", '{"x":1,"x":2}')}]}`),
    [["a", undefined]],
  ],
  [
    "chat: the same, one escaped",
    "chat",
    message(`{"tool_calls":[${tool("a", '{"x":1,"\\u0078":2}')}]}`),
    [["a", undefined]],
  ],
  [
    "chat: the same in another case",
    "chat",
    message(`{"tool_calls":[${tool("a", '{"path":"/ok","Path":"/etc"}')}]}`),
    [["a", undefined]],
  ],
  [
    "chat: arguments too deep",
    "chat",
    message(`{"tool_calls":[${tool("a", `${"[".repeat(300)}${"]".repeat(300)}`)}]}`),
    [["a", undefined]],
  ],
  [
    "chat: no arguments",
    "chat",
    message(`{"tool_calls":[{"type":"function","function":{"name":"a"}}]}`),
    [["a", undefined]],
  ],
  [
    "chat: an object for arguments as it stands",
    "chat",
    message(`{"tool_calls":[{"function":{"name":"a","arguments":{ "x" : 1e2 }}}]}`),
    [["a", '{ "x" : 1e2 }']],
  ],
  [
    "chat: escapes in names",
    "chat",
    message(`{"tool_c\\u0061lls":[{"functi\\u006fn":{"na\\u006de":"r\\u006d","arguments":"{}"}}]}`),
    [["rm", "{}"]],
  ],
  [
    "responses",
    "responses",
    `{"object":"response","tools":[{"type":"function","parameters":{"properties":{"tool_calls":{"type":"array"}}}}],"output":[{"type":"function_call","name":"a","arguments":"{}"},{"type":"custom_tool_call","name":"b","input":"x"},{"type":"mcp_call","name":"c","arguments":"{\\"y\\":1}"},{"type":"web_search_call","action":{"query":"q"}},{"type":"local_shell_call","action":{"command":["ls"]}},{"type":"function_call_output","output":"x"},{"type":"message","content":[]}]}`,
    [
      ["a", "{}"],
      ["b", '"x"'],
      ["c", '{"y":1}'],
      ["local_shell", '{"command":["ls"]}'],
    ],
  ],
  [
    "messages",
    "messages",
    `{"type":"message","content":[{"type":"text","text":"x"},{"type":"tool_use","id":"t","name":"a","input":{"x": 1}},{"type":"mcp_tool_use","name":"b","input":{}},{"type":"server_tool_use","name":"web_search","input":{"q":1}}],"stop_reason":"tool_use","usage":{"server_tool_use":{"web_search_requests":1}}}`,
    [
      ["a", '{"x": 1}'],
      ["b", "{}"],
    ],
  ],
  [
    "converse",
    "converse",
    `{"output":{"message":{"content":[{"text":"x"},{"toolUse":{"toolUseId":"t","name":"a","input":{"x":1}}}]}},"stopReason":"tool_use"}`,
    [["a", '{"x":1}']],
  ],
  [
    "gemini",
    "generate_content",
    `{"candidates":[{"content":{"parts":[{"text":"x"},{"functionCall":{"name":"a","args":{"x":1}}},{"function_call":{"name":"b"}}]},"finishReason":"STOP"}],"usageMetadata":{"toolUsePromptTokenCount":1}}`,
    [
      ["a", '{"x":1}'],
      ["b", "{}"],
    ],
  ],
  [
    "ollama",
    "ollama_chat",
    `{"message":{"role":"assistant","tool_calls":[{"function":{"index":0,"name":"a","arguments":{"x":1}}}]},"done":true}`,
    [["a", '{"x":1}']],
  ],
  ["invoke: Anthropic", "invoke", `{"content":[{"type":"tool_use","name":"a","input":{}}]}`, [["a", "{}"]]],
  ["invoke: Nova", "invoke", `{"output":{"message":{"content":[{"toolUse":{"name":"a","input":{}}}]}}}`, [["a", "{}"]]],
  ["invoke: OpenAI", "invoke", message(`{"tool_calls":[${tool("a", "{}")}]}`), [["a", "{}"]]],
  ["an API without calls", "embeddings", `{"tool_calls":[{"name":"a"}]}`, []],

  ["two members of one name", "chat", message(`{"tool_calls":[],"tool_calls":[${tool("a", "{}")}]}`), "unreadable"],
  [
    "two names",
    "chat",
    message(`{"tool_calls":[{"function":{"name":"ok","n\\u0061me":"rm","arguments":"{}"}}]}`),
    "unreadable",
  ],
  [
    "a name in another case beside it",
    "chat",
    message(`{"tool_calls":[{"function":{"name":"ok","Name":"rm","arguments":"{}"}}]}`),
    "unreadable",
  ],
  ["calls in another case", "chat", message(`{"Tool_Calls":[${tool("rm", "{}")}]}`), "unreadable"],
  [
    "calls in a message in another case",
    "ollama_chat",
    `{"Message":{"tool_calls":[{"function":{"name":"rm","arguments":{}}}]}}`,
    "unreadable",
  ],
  ["calls with a Kelvin sign's like", "chat", message(`{"toolCall\u017f":[${tool("rm", "{}")}]}`), "unreadable"],
  ["calls at another place", "chat", `{"choices":[],"x":{"y":[{"tool_calls":[${tool("rm", "{}")}]}]}}`, "unreadable"],
  [
    "a call of another API",
    "chat",
    `{"choices":[],"content":[{"type":"tool_use","name":"rm","input":{}}]}`,
    "unreadable",
  ],
  ["a call of a vendor's own form", "invoke", `{"tool_calls":[{"name":"rm","parameters":{}}]}`, "unreadable"],
  [
    "a name beside the function",
    "chat",
    message(`{"tool_calls":[{"name":"rm","function":{"name":"ok","arguments":"{}"}}]}`),
    "unreadable",
  ],
  ["calls that are no list", "chat", message(`{"tool_calls":{"0":${tool("rm", "{}")}}}`), "unreadable"],
  ["a call that is no object", "chat", message(`{"tool_calls":["rm"]}`), "unreadable"],
  ["a call without a name", "chat", message(`{"tool_calls":[{"function":{"arguments":"{}"}}]}`), "unreadable"],
  ["a name that is no text", "messages", `{"content":[{"type":"tool_use","name":["rm"],"input":{}}]}`, "unreadable"],
  ["a type in another case", "messages", `{"content":[{"type":"Tool_Use","name":"rm","input":{}}]}`, "unreadable"],
  ["a block without a type", "messages", `{"content":[{"name":"rm","input":{}}]}`, "unreadable"],
  [
    "two spellings of a call",
    "generate_content",
    `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"ok"},"function_call":{"name":"rm"}}]}}]}`,
    "unreadable",
  ],
  [
    "an unknown kind of call with a name",
    "responses",
    `{"output":[{"type":"magic_call","name":"rm","arguments":"{}"}]}`,
    "unreadable",
  ],
  ["an unknown kind of call", "responses", `{"output":[{"type":"magic_call"}]}`, [["magic_call", undefined]]],
  ["an item without a type, but with a name", "responses", `{"output":[{"name":"rm","arguments":"{}"}]}`, "unreadable"],
  ["no object", "chat", `[${message("{}")}]`, "unreadable"],
  ["no JSON", "chat", `{"choices":[`, "unreadable"],
  ["a mark before it", "chat", `\ufeff${message("{}")}`, "unreadable"],
  [
    "too many",
    "chat",
    message(`{"tool_calls":[${Array.from({ length: 1_025 }, () => tool("a", "{}")).join(",")}]}`),
    "too_many_calls",
  ],
  ["too many values", "chat", `{"x":[${"{},".repeat(250_000)}{}]}`, "unreadable"],
];

for (const [name, api, body, expected] of table) {
  test(`calls of an answer: ${name}`, () => assert.deepEqual(callsOf(api, body), expected));
}

test("calls of an answer: probabilities of tokens are passed over", () => {
  const logprobs = `{"content":[${'{"token":"}","bytes":[1,2],"top_logprobs":[{"token":"]\\""}]},'.repeat(40_000)}{}]}`;
  const body = `{"choices":[{"logprobs":${logprobs},"message":{"tool_calls":[${tool("a", "{}")}]}}]}`;
  assert.deepEqual(callsOf("chat", body), [["a", "{}"]]);
});

test("calls of an answer: octets that are no UTF-8 are what clients read", () => {
  const body = Buffer.from(message(`{"tool_calls":[${tool("r?m", "{}")}]}`));
  body[body.indexOf("r?m") + 1] = 0xff;
  const calls = toolCallsOf("chat", body);
  assert.deepEqual(calls.ok && calls.value[0]?.name, "r\ufffdm");
});
