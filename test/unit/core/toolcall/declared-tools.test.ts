import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../../../../router/core/inference/api.ts";
import { splice } from "../../../../router/core/json/splice.ts";
import { declaredTools } from "../../../../router/core/toolcall/declared-tools.ts";
import { withoutTools } from "../../../../router/core/toolcall/without-tools.ts";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Cut in three, the cuts wherever they fall. */
const inChunks = (text: string): readonly Uint8Array[] => {
  const whole = octets(text);
  const [one, two] = [Math.floor(whole.length / 3), Math.floor((whole.length * 2) / 3)];
  return [whole.subarray(0, one), whole.subarray(one, two), whole.subarray(two)];
};

function namesOf(api: Api, body: string): readonly string[] | string {
  const declared = declaredTools(api, inChunks(body));
  return declared.ok ? declared.value.tools.map(({ name }) => name) : declared.problem.code;
}

const fn = (name: string): string => `{"type":"function","function":{"name":"${name}","parameters":{"type":"object"}}}`;

const declarations: readonly (readonly [name: string, api: Api, body: string, expected: readonly string[] | string])[] =
  [
    [
      "chat: functions and custom tools",
      "chat",
      `{"tools":[${fn("a")},{"type":"custom","custom":{"name":"b"}}]}`,
      ["a", "b"],
    ],
    ["chat: the older form", "chat", `{"functions":[{"name":"a"},{"name":"b"}]}`, ["a", "b"]],
    ["chat: what the provider runs is not listed", "chat", `{"tools":[{"type":"web_search"},${fn("a")}]}`, ["a"]],
    [
      "chat: a function under another type is one",
      "chat",
      `{"tools":[{"type":"web_search","function":{"name":"rm"}}]}`,
      ["rm"],
    ],
    ["chat: a function without a type is one", "chat", `{"tools":[{"function":{"name":"rm"}}]}`, ["rm"]],
    [
      "chat: an escape in a member's name",
      "chat",
      `{"tools":[{"type":"function","function":{"na\\u006de":"rm"}}]}`,
      ["rm"],
    ],
    ["chat: an escape in a top-level name", "chat", `{"t\\u006fols":[${fn("rm")}]}`, ["rm"]],
    ["chat: an escape in the name itself", "chat", `{"tools":[${fn("r\\u006d")}]}`, ["rm"]],
    ["chat: none", "chat", `{"messages":[]}`, []],
    ["chat: null", "chat", `{"tools":null}`, []],
    ["responses", "responses", `{"tools":[{"type":"function","name":"a"},{"type":"custom","name":"b"}]}`, ["a", "b"]],
    [
      "responses: namespaces",
      "responses",
      `{"tools":[{"type":"namespace","name":"n","tools":[{"type":"function","name":"a"},{"type":"function","name":"b"}]}]}`,
      ["a", "b"],
    ],
    [
      "responses: a server as far as it names tools",
      "responses",
      `{"tools":[{"type":"mcp","allowed_tools":["a","b"]},{"type":"mcp","allowed_tools":{"tool_names":["c"]}},{"type":"mcp"},{"type":"mcp","allowed_tools":{"read_only":true}}]}`,
      ["a", "b", "c"],
    ],
    [
      "responses: what OpenAI defines and the agent runs",
      "responses",
      `{"tools":[{"type":"local_shell"},{"type":"shell","environment":{"type":"local"}},{"type":"shell","environment":{"type":"container_auto"}},{"type":"apply_patch"},{"type":"computer_use_preview"},{"type":"web_search"}]}`,
      ["local_shell", "shell", "apply_patch", "computer"],
    ],
    ["messages", "messages", `{"tools":[{"name":"a","input_schema":{}},{"type":"custom","name":"b"}]}`, ["a", "b"]],
    [
      "messages: what Anthropic defines",
      "messages",
      `{"tools":[{"type":"bash_20250124","name":"bash"},{"type":"web_search_20250305","name":"web_search"},{"type":"memory_20250818"}]}`,
      ["bash", "memory"],
    ],
    [
      "converse",
      "converse",
      `{"toolConfig":{"tools":[{"toolSpec":{"name":"a"}},{"cachePoint":{}},{"systemTool":{"name":"s"}}]}}`,
      ["a"],
    ],
    [
      "gemini: both spellings",
      "generate_content",
      `{"tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"}]},{"function_declarations":[{"name":"c"}]},{"googleSearch":{}}]}`,
      ["a", "b", "c"],
    ],
    ["ollama", "ollama_chat", `{"tools":[${fn("a")}]}`, ["a"]],
    ["invoke: Anthropic", "invoke", `{"anthropic_version":"x","tools":[{"name":"a"}]}`, ["a"]],
    ["invoke: Nova", "invoke", `{"toolConfig":{"tools":[{"toolSpec":{"name":"a"}}]}}`, ["a"]],
    ["invoke: OpenAI", "invoke", `{"tools":[${fn("a")}]}`, ["a"]],
    ["an API without tools", "completions", `{"tools":[${fn("a")}]}`, []],

    [
      "two members of one name in a tool",
      "chat",
      `{"tools":[{"type":"function","function":{"name":"ok","name":"rm"}}]}`,
      "unreadable",
    ],
    [
      "the same, one escaped",
      "chat",
      `{"tools":[{"type":"function","function":{"name":"ok","n\\u0061me":"rm"}}]}`,
      "unreadable",
    ],
    ["two lists", "chat", `{"tools":[],"tools":[${fn("rm")}]}`, "unreadable"],
    ["a list in another case", "chat", `{"Tools":[${fn("rm")}]}`, "unreadable"],
    ["a list with a long s", "chat", `{"tool\u017f":[${fn("rm")}]}`, "unreadable"],
    [
      "a name in another case",
      "ollama_chat",
      `{"tools":[{"type":"function","function":{"name":"ok","NAME":"rm"}}]}`,
      "unreadable",
    ],
    [
      "a function in another case",
      "ollama_chat",
      `{"tools":[{"type":"function","Function":{"name":"rm"}}]}`,
      "unreadable",
    ],
    [
      "a name that ends at a NUL for others",
      "chat",
      `{"tools":[{"type":"function","function":{"name":"ok","name\\u0000":"rm"}}]}`,
      "unreadable",
    ],
    [
      "two spellings of one list",
      "generate_content",
      `{"tools":[{"functionDeclarations":[],"function_declarations":[{"name":"rm"}]}]}`,
      "unreadable",
    ],
    ["two configurations", "generate_content", `{"toolConfig":{},"tool_config":{}}`, "unreadable"],
    ["a tool that is no object", "chat", `{"tools":["rm"]}`, "unreadable"],
    ["a list that is none", "chat", `{"tools":{"0":${fn("rm")}}}`, "unreadable"],
    ["a function without a name", "chat", `{"tools":[{"type":"function","function":{}}]}`, "unreadable"],
    ["a function that is none", "chat", `{"tools":[{"type":"function"}]}`, "unreadable"],
    ["an empty name", "chat", `{"tools":[${fn("")}]}`, "unreadable"],
    ["a name that is a number", "messages", `{"tools":[{"name":1}]}`, "unreadable"],
    ["a name with half a pair", "chat", `{"tools":[${fn("\\ud800")}]}`, "unreadable"],
    ["a name too long", "chat", `{"tools":[${fn("a".repeat(257))}]}`, "unreadable"],
    [
      "a function and a custom tool in one",
      "chat",
      `{"tools":[{"function":{"name":"a"},"custom":{"name":"b"}}]}`,
      "unreadable",
    ],
    [
      "a name beside the function",
      "chat",
      `{"tools":[{"type":"function","name":"rm","function":{"name":"ok"}}]}`,
      "unreadable",
    ],
    ["two vendors' forms in one tool", "invoke", `{"tools":[{"toolSpec":{"name":"ok"},"name":"rm"}]}`, "unreadable"],
    ["no JSON", "chat", `{"tools":[`, "unreadable"],
    [
      "too many",
      "messages",
      `{"tools":[${Array.from({ length: 1_025 }, () => `{"name":"a"}`).join(",")}]}`,
      "too_many_tools",
    ],
    [
      "a list too long to be read",
      "messages",
      `{"tools":[{"name":"a","description":"${"x".repeat(1_048_577)}"}]}`,
      "unreadable",
    ],
    [
      "responses: tools that items bring",
      "responses",
      `{"tools":[{"type":"function","name":"a","parameters":{"properties":{"tools":{}}}}],"input":[{"type":"tool_search_output","tools":[{"type":"function","name":"rm"}]}]}`,
      "elsewhere",
    ],
    [
      "converse: tools in other fields",
      "converse",
      `{"additionalModelRequestFields":{"tools":[{"name":"rm"}]}}`,
      "elsewhere",
    ],
  ];

for (const [name, api, body, expected] of declarations) {
  test(`declared tools: ${name}`, () => assert.deepEqual(namesOf(api, body), expected));
}

/** `?`: one or more without a name. `!`: it cannot be taken out by its name. */
function hostedOf(api: Api, body: string): readonly string[] | string {
  const declared = declaredTools(api, inChunks(body));
  if (!declared.ok) return declared.problem.code;
  return [...declared.value.hosted].map(([name = "?", removable]) => (removable ? name : `${name}!`));
}

const OFF = '"default_config":{"enabled":false}';
const set = (more: string): string =>
  `{"mcp_servers":[{"type":"url","url":"u","name":"s"}],"tools":[{"type":"mcp_toolset","mcp_server_name":"s"${more}}]}`;

const hostings: readonly (readonly [name: string, api: Api, body: string, expected: readonly string[] | string])[] = [
  ["chat: none", "chat", `{"tools":[${fn("a")}]}`, []],
  ["chat: by its type", "chat", `{"tools":[{"type":"web_search"},${fn("a")}]}`, ["web_search!"]],
  [
    "chat: a type of the provider's beside a function",
    "chat",
    `{"tools":[{"type":"web_search","function":{"name":"a"}}]}`,
    ["web_search!"],
  ],
  [
    "chat: a function of the provider's, by its name",
    "chat",
    `{"tools":[{"type":"builtin_function","function":{"name":"$web_search"}}]}`,
    ["$web_search"],
  ],
  ["chat: a server", "chat", `{"tools":[{"type":"mcp","server_url":"u"}]}`, ["?!"]],
  ["chat: a server beside a function", "chat", `{"tools":[{"type":"mcp","function":{"name":"a"}}]}`, ["?!"]],
  [
    "responses: by their types",
    "responses",
    `{"tools":[{"type":"web_search"},{"type":"code_interpreter"},{"type":"shell"},{"type":"tool_search"},{"type":"local_shell"}]}`,
    ["web_search!", "code_interpreter!", "shell!", "tool_search!"],
  ],
  ["responses: a server that names all", "responses", `{"tools":[{"type":"mcp","allowed_tools":["a"]}]}`, ["a"]],
  ["responses: a server that names none", "responses", `{"tools":[{"type":"mcp","server_url":"u"}]}`, ["?!"]],
  ...['["*"]', '{"tool_names":["*"]}', "[]", '{"tool_names":[]}', '["a","*"]', '["get_*"]', '["a b"]', '[" "]'].map(
    (names) =>
      [
        `responses: a server by names that are none or many: ${names}`,
        "responses",
        `{"tools":[{"type":"mcp","allowed_tools":${names}}]}`,
        ["?!"],
      ] as const,
  ),
  ["chat: a server by a name of many", "chat", `{"tools":[{"type":"mcp","allowed_tools":["*"]}]}`, ["?!"]],
  ...["[]", '["*"]', '["a","*"]'].map(
    (names) =>
      [
        `messages: a server by names that are none or many: ${names}`,
        "messages",
        `{"mcp_servers":[{"name":"s","tool_configuration":{"allowed_tools":${names}}}]}`,
        ["?!"],
      ] as const,
  ),
  ["messages: a set with a name of many", "messages", set(`,${OFF},"configs":{"*":{"enabled":true}}`), ["?!"]],
  [
    "responses: a server by other things than names",
    "responses",
    `{"tools":[{"type":"mcp","allowed_tools":{"read_only":true}}]}`,
    ["?!"],
  ],
  [
    "responses: in a namespace",
    "responses",
    `{"tools":[{"type":"namespace","tools":[{"type":"mcp"},{"type":"web_search"}]}]}`,
    ["?!", "web_search!"],
  ],
  [
    "responses: a type, and a server's tool of its name",
    "responses",
    `{"tools":[{"type":"web_search"},{"type":"mcp","allowed_tools":["web_search"]}]}`,
    ["web_search!"],
  ],
  [
    "messages: by their types, without the day",
    "messages",
    `{"tools":[{"type":"web_search_20250305","name":"search"},{"type":"code_execution_20250825"},{"type":"bash_20250124"}]}`,
    ["web_search!", "code_execution!"],
  ],
  ["messages: a set that names its tools", "messages", set(`,${OFF},"configs":{"a":{"enabled":true}}`), ["a!"]],
  ["messages: a set with what it switches off", "messages", set(`,${OFF},"configs":{"a":{"enabled":false}}`), []],
  ["messages: a set with what it may switch off", "messages", set(`,${OFF},"configs":{"a":{}}`), ["a!"]],
  ["messages: a set without a default", "messages", set(`,"configs":{"a":{"enabled":false}}`), ["?!"]],
  ["messages: a set with all", "messages", set(""), ["?!"]],
  ["messages: a set with two spellings", "messages", set(`,${OFF},"Default_Config":{}`), "unreadable"],
  ["messages: a server without a set", "messages", `{"mcp_servers":[{"type":"url","url":"u","name":"s"}]}`, ["?!"]],
  [
    "messages: a server with another's set",
    "messages",
    `{"mcp_servers":[{"name":"t"}],"tools":[{"type":"mcp_toolset","mcp_server_name":"s",${OFF}}]}`,
    ["?!"],
  ],
  [
    "messages: a server and a set without names",
    "messages",
    `{"mcp_servers":[{}],"tools":[{"type":"mcp_toolset",${OFF}}]}`,
    ["?!"],
  ],
  [
    "messages: a server that names its tools",
    "messages",
    `{"mcp_servers":[{"name":"s","tool_configuration":{"enabled":true,"allowed_tools":["a"]}}]}`,
    ["a!"],
  ],
  [
    "messages: a server's tool that the list has too",
    "messages",
    `{"tools":[{"name":"a"}],"mcp_servers":[{"name":"s","tool_configuration":{"allowed_tools":["a"]}}]}`,
    ["a!"],
  ],
  ["messages: a server that allows all", "messages", `{"mcp_servers":[{"name":"s","tool_configuration":{}}]}`, ["?!"]],
  [
    "messages: a server that is off",
    "messages",
    `{"mcp_servers":[{"name":"s","tool_configuration":{"enabled":false}}]}`,
    [],
  ],
  ["messages: servers that are none", "messages", `{"mcp_servers":{"0":{}}}`, "unreadable"],
  [
    "messages: a server's names that are none",
    "messages",
    `{"mcp_servers":[{"tool_configuration":{"allowed_tools":[1]}}]}`,
    "unreadable",
  ],
  [
    "converse: a system tool",
    "converse",
    `{"toolConfig":{"tools":[{"systemTool":{"name":"s"}},{"cachePoint":{}}]}}`,
    ["s!"],
  ],
  ["converse: what nobody knows", "converse", `{"toolConfig":{"tools":[{"toolSpec":{"name":"a"},"new":{}}]}}`, ["?!"]],
  [
    "converse: servers in other fields",
    "converse",
    `{"additionalModelRequestFields":{"mcp_servers":[{}]}}`,
    "elsewhere",
  ],
  [
    "gemini: by their members, in one spelling",
    "generate_content",
    `{"tools":[{"googleSearch":{},"functionDeclarations":[]},{"url_context":{}},{"mcpServers":[]}]}`,
    ["google_search!", "url_context!", "?!"],
  ],
  ["invoke: servers", "invoke", `{"anthropic_version":"x","mcp_servers":[{}]}`, ["?!"]],
];
for (const [name, api, body, expected] of hostings) {
  test(`what the provider runs: ${name}`, () => assert.deepEqual(hostedOf(api, body), expected));
}

test("declared tools: a tool's own schema may speak of tools", () => {
  const body = `{"tools":[{"type":"function","name":"a","parameters":{"properties":{"tools":{"tools":1}}}}]}`;
  assert.deepEqual(namesOf("responses", body), ["a"]);
});

function left(api: Api, body: string, removed: readonly string[]): string {
  const chunks = inChunks(body);
  const declared = declaredTools(api, chunks);
  assert.ok(declared.ok, JSON.stringify(declared));
  const edits = withoutTools(declared.value, new Set(removed));
  if (!edits.ok) return edits.problem.code;
  return Buffer.concat(splice(chunks, edits.value).chunks).toString();
}

const spec = (name: string): string => `{"toolSpec":{"name":"${name}"}}`;

const removals: readonly (readonly [
  name: string,
  api: Api,
  body: string,
  removed: readonly string[],
  expected: string,
])[] = [
  [
    "the first",
    "chat",
    `{"é":"ü","tools":[ ${fn("a")} , ${fn("b")} ],"x":1}`,
    ["a"],
    `{"é":"ü","tools":[ ${fn("b")} ],"x":1}`,
  ],
  ["the last", "chat", `{"tools":[${fn("a")}, ${fn("b")} ]}`, ["b"], `{"tools":[${fn("a")} ]}`],
  [
    "one in the middle",
    "chat",
    `{"tools":[${fn("a")},${fn("b")},${fn("c")}]}`,
    ["b"],
    `{"tools":[${fn("a")},${fn("c")}]}`,
  ],
  ["two apart", "chat", `{"tools":[${fn("a")},${fn("b")},${fn("c")}]}`, ["a", "c"], `{"tools":[${fn("b")}]}`],
  ["one that stands twice", "chat", `{"tools":[${fn("a")},${fn("b")},${fn("a")}]}`, ["a"], `{"tools":[${fn("b")}]}`],
  ["none that is there", "chat", `{"tools":[${fn("a")}]}`, ["b"], `{"tools":[${fn("a")}]}`],
  [
    "chat: the only one, with what needs one",
    "chat",
    `{"model":"m","tools":[${fn("a")}],"tool_choice":"auto","parallel_tool_calls":false,"n":1}`,
    ["a"],
    `{"model":"m","n":1}`,
  ],
  ["chat: the only member", "chat", `{"tools":[${fn("a")}]}`, ["a"], `{}`],
  ["chat: the older form", "chat", `{"functions":[{"name":"a"}],"function_call":"auto","n":1}`, ["a"], `{"n":1}`],
  [
    "chat: of two forms one goes",
    "chat",
    `{"functions":[{"name":"a"}],"tools":[${fn("b")}],"tool_choice":"auto"}`,
    ["a"],
    `{"tools":[${fn("b")}],"tool_choice":"auto"}`,
  ],
  [
    "chat: a hosted one stays, with the choice",
    "chat",
    `{"tools":[{"type":"web_search"},${fn("a")}],"tool_choice":"required"}`,
    ["a"],
    `{"tools":[{"type":"web_search"}],"tool_choice":"required"}`,
  ],
  [
    "responses: within a namespace",
    "responses",
    `{"tools":[{"type":"namespace","tools":[{"type":"function","name":"a"},{"type":"function","name":"b"}]}]}`,
    ["a"],
    `{"tools":[{"type":"namespace","tools":[{"type":"function","name":"b"}]}]}`,
  ],
  [
    "responses: a namespace and a server go with their last tool",
    "responses",
    `{"tools":[{"type":"namespace","tools":[{"type":"function","name":"a"}]},{"type":"mcp","allowed_tools":["a"]},{"type":"custom","name":"b"}]}`,
    ["a"],
    `{"tools":[{"type":"custom","name":"b"}]}`,
  ],
  [
    "responses: of a server's tools",
    "responses",
    `{"tools":[{"type":"mcp","allowed_tools":["a","b"]}]}`,
    ["b"],
    `{"tools":[{"type":"mcp","allowed_tools":["a"]}]}`,
  ],
  [
    "messages: the only one",
    "messages",
    `{"tools":[{"name":"a"}],"tool_choice":{"type":"auto"},"x":1}`,
    ["a"],
    `{"x":1}`,
  ],
  [
    "converse: one",
    "converse",
    `{"toolConfig":{"tools":[${spec("a")},${spec("b")}],"toolChoice":{"auto":{}}}}`,
    ["a"],
    `{"toolConfig":{"tools":[${spec("b")}],"toolChoice":{"auto":{}}}}`,
  ],
  [
    "converse: the only one, and its cache point",
    "converse",
    `{"messages":[],"toolConfig":{"tools":[${spec("a")},{"cachePoint":{"type":"default"}}]}}`,
    ["a"],
    `{"messages":[]}`,
  ],
  [
    "gemini: one of many",
    "generate_content",
    `{"tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"}]}]}`,
    ["b"],
    `{"tools":[{"functionDeclarations":[{"name":"a"}]}]}`,
  ],
  [
    "gemini: the only one",
    "generate_content",
    `{"tools":[{"functionDeclarations":[{"name":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"AUTO"}},"contents":[]}`,
    ["a"],
    `{"contents":[]}`,
  ],
  [
    "gemini: what Google runs stays",
    "generate_content",
    `{"tools":[{"googleSearch":{},"functionDeclarations":[{"name":"a"}]}]}`,
    ["a"],
    `{"tools":[{"googleSearch":{},"functionDeclarations":[]}]}`,
  ],
  ["ollama: the only one", "ollama_chat", `{"tools":[${fn("a")}],"stream":false}`, ["a"], `{"stream":false}`],

  [
    "chat: one that is chosen",
    "chat",
    `{"tools":[${fn("a")},${fn("b")}],"tool_choice":{"type":"function","function":{"name":"a"}}}`,
    ["a"],
    "chosen_tool_denied",
  ],
  [
    "chat: one in a list of what may be called",
    "chat",
    `{"tools":[${fn("a")},${fn("b")}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}]}}}`,
    ["a"],
    "chosen_tool_denied",
  ],
  [
    "chat: another is chosen",
    "chat",
    `{"tools":[${fn("a")},${fn("b")}],"tool_choice":{"type":"function","function":{"name":"b"}}}`,
    ["a"],
    `{"tools":[${fn("b")}],"tool_choice":{"type":"function","function":{"name":"b"}}}`,
  ],
  ["chat: a call is demanded", "chat", `{"tools":[${fn("a")}],"tool_choice":"required"}`, ["a"], "chosen_tool_denied"],
  [
    "chat: the older choice",
    "chat",
    `{"functions":[{"name":"a"},{"name":"b"}],"function_call":{"name":"a"}}`,
    ["a"],
    "chosen_tool_denied",
  ],
  [
    "responses: chosen by its type",
    "responses",
    `{"tools":[{"type":"local_shell"},{"type":"function","name":"b"}],"tool_choice":{"type":"local_shell"}}`,
    ["local_shell"],
    "chosen_tool_denied",
  ],
  [
    "messages: chosen",
    "messages",
    `{"tools":[{"name":"a"},{"name":"b"}],"tool_choice":{"type":"tool","name":"a"}}`,
    ["a"],
    "chosen_tool_denied",
  ],
  [
    "messages: demanded",
    "messages",
    `{"tools":[{"name":"a"}],"tool_choice":{"type":"any"}}`,
    ["a"],
    "chosen_tool_denied",
  ],
  [
    "converse: chosen",
    "converse",
    `{"toolConfig":{"tools":[${spec("a")},${spec("b")}],"toolChoice":{"tool":{"name":"a"}}}}`,
    ["a"],
    "chosen_tool_denied",
  ],
  [
    "converse: demanded",
    "converse",
    `{"toolConfig":{"tools":[${spec("a")}],"toolChoice":{"any":{}}}}`,
    ["a"],
    "chosen_tool_denied",
  ],
  [
    "gemini: chosen",
    "generate_content",
    `{"tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"}]}],"tool_config":{"function_calling_config":{"allowed_function_names":["a"]}}}`,
    ["a"],
    "chosen_tool_denied",
  ],
  [
    "gemini: demanded",
    "generate_content",
    `{"tools":[{"googleSearch":{},"functionDeclarations":[{"name":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}`,
    ["a"],
    "chosen_tool_denied",
  ],
  [
    "messages: the conversation needs one",
    "messages",
    `{"tools":[{"name":"a"}],"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}]}`,
    ["a"],
    "tools_needed",
  ],
  [
    "converse: the conversation needs one",
    "converse",
    `{"toolConfig":{"tools":[${spec("a")}]},"messages":[{"content":[{"toolUse":{"name":"a"}}]}]}`,
    ["a"],
    "tools_needed",
  ],
];

for (const [name, api, body, removed, expected] of removals) {
  test(`without tools: ${name}`, () => assert.equal(left(api, body, removed), expected));
}
