import assert from "node:assert/strict";
import { test } from "node:test";
import { APIS, type Api } from "../../../../router/core/inference/api.ts";
import { bodyPlan, type RequestFacts, requestFacts } from "../../../../router/core/inference/request-facts.ts";
import { scanChunks } from "../json/scan-text.ts";

type Read = Partial<RequestFacts> | { readonly param: string } | { readonly code: string };

/** What is read of a body: the facts, the member at fault, or why it is no such object. */
function read(api: Api, text: string): RequestFacts | { readonly param: string } | { readonly code: string } {
  const scanned = scanChunks(bodyPlan(api), [Buffer.from(text)]);
  if (!scanned.ok) return { code: scanned.problem.code };
  const facts = requestFacts(api, scanned.value);
  if (facts.ok) return facts.value;
  assert.match(facts.problem.sentence, /^[A-Z][^"]+\.$/);
  return { param: facts.problem.param };
}

/** Only the members that the expected value names are compared. */
function check(name: string, rows: readonly (readonly [api: Api, body: string, expected: Read])[]): void {
  for (const [api, body, expected] of rows) {
    test(`${name}: ${api}: ${body.slice(0, 120)}`, () => {
      const found = read(api, body);
      const names = "param" in found || "code" in found ? Object.keys(found) : Object.keys(expected);
      assert.deepEqual(
        Object.fromEntries(Object.entries(found).filter(([member]) => names.includes(member))),
        expected,
      );
    });
  }
}

const NOTHING: RequestFacts = {
  model: undefined,
  stream: false,
  wantsUsage: false,
  maxOutput: undefined,
  capUnknown: false,
  choices: 1,
  least: 1,
  unbounded: false,
  background: false,
  tools: false,
  hosted: false,
  otherPrice: undefined,
};

for (const api of Object.keys(APIS) as Api[]) {
  test(`of an empty body nothing is known: ${api}`, () => {
    const stream = api === "ollama_chat" || api === "ollama_generate";
    assert.deepEqual(read(api, "{}"), { ...NOTHING, stream, capUnknown: api === "invoke" });
  });
}

check("what is said plainly", [
  ["chat", '{"model":"m","stream":true,"max_tokens":5}', { model: "m", stream: true, maxOutput: 5, choices: 1 }],
  ["chat", '{"model":7}', { param: "model" }],
  ["chat", '{"stream":"true"}', { param: "stream" }],
  ["chat", '{"stream":null}', { stream: false }],
  ["ollama_chat", '{"stream":null}', { stream: false }],
  ["ollama_chat", '{"stream":false}', { stream: false }],
  ["responses", '{"background":true}', { background: true }],
  ["responses", '{"background":1}', { param: "background" }],
  ["chat", '{"stream_options":{"include_usage":true}}', { wantsUsage: true }],
  ["chat", '{"stream_options":{"include_usage":null}}', { wantsUsage: false }],
  ["chat", '{"stream_options":null}', { wantsUsage: false }],
  ["chat", '{"stream_options":[]}', { param: "stream_options" }],
  ["chat", '{"stream_options":{"include_usage":1}}', { param: "stream_options.include_usage" }],
  ["chat", '{"service_tier":"priority"}', { otherPrice: "service_tier" }],
  ["chat", '{"service_tier":"flex"}', { otherPrice: undefined }],
  ["chat", '{"audio":{"voice":"a"}}', { otherPrice: "audio" }],
  ["messages", '{"speed":"fast"}', { otherPrice: "speed" }],
  ["messages", '{"inference_geo":"us"}', { otherPrice: "inference_geo" }],
  ["chat", '{"messages":[{"content":[{"image_url":{}}]}]}', { unbounded: true }],
  ["responses", '{"prompt":{"id":"p"}}', { unbounded: true, hosted: true }],
  [
    "responses",
    `{"prompt":{"id":"p","variables":{"a":"${"x".repeat(600)}"}}}`,
    {
      unbounded: true,
      hosted: true,
    },
  ],
  ["messages", '{"thread":{"id":"t"}}', { unbounded: true }],
  ["messages", '{"thread":7}', { unbounded: true }],
  ["messages", '{"thread":null}', { unbounded: false }],
  ["chat", '{"tools":[]}', { tools: true, hosted: false }],
  ["messages", '{"thinking":{"type":"enabled","budget_tokens":1024}}', { least: 1025 }],
  ["messages", '{"thinking":{"type":"adaptive"}}', { least: 1 }],
  ["messages", '{"thinking":{"budget_tokens":null}}', { least: 1 }],
  ["messages", '{"thinking":{"budget_tokens":-1}}', { param: "thinking.budget_tokens" }],
]);

/** `"name":"x"` as a tool's parameter, and as what it was given. */
const PARAMETER = '{"type":"object","properties":{"file":{"type":"string"},"source":{},"image":{}}}';
const GIVEN = '{"file":"a","source":{"document":[1]},"conversation":7}';

check("what the agent's own tools take and give is no media", [
  ["chat", `{"tools":[{"type":"function","function":{"parameters":${PARAMETER}}}]}`, { unbounded: false, tools: true }],
  ["chat", `{"functions":[{"parameters":${PARAMETER}}]}`, { unbounded: false }],
  ["chat", `{"response_format":{"json_schema":{"schema":${PARAMETER}}}}`, { unbounded: false }],
  ["chat", `{"messages":[{"tool_calls":[{"function":{"arguments":${GIVEN}}}]}]}`, { unbounded: false }],
  ["chat", `{"messages":[{"tool_calls":[{"function":{"arguments":"{}"}}],"image_url":{}}]}`, { unbounded: true }],
  ["chat", `{"tools":[{"a":{"file":1}}],"messages":[{"content":[{"file":{}}]}]}`, { unbounded: true }],
  ["chat", `{"messages":[{"content":[{"file":{}}]}],"tools":[]}`, { unbounded: true }],
  ["chat", `{"metadata":{"tools":[{"file":"a"}]}}`, { unbounded: true }],
  ["responses", `{"tools":[{"type":"function","parameters":${PARAMETER}}]}`, { unbounded: false }],
  ["responses", `{"text":{"format":{"schema":${PARAMETER}}}}`, { unbounded: false }],
  [
    "responses",
    '{"input":[{"type":"message","content":[{"type":"input_image","image_url":"u"}]}]}',
    { unbounded: true },
  ],
  ["responses", '{"tools":[{"type":"code_interpreter","container":"c"}]}', { hosted: true }],
  ["messages", `{"tools":[{"name":"a","input_schema":${PARAMETER}}]}`, { unbounded: false }],
  ["messages", `{"messages":[{"content":[{"type":"tool_use","input":${GIVEN}}]}]}`, { unbounded: false }],
  ["messages", `{"messages":[{"content":[{"\\u0069nput":${GIVEN}}]}]}`, { unbounded: false }],
  ["messages", `{"messages":[{"content":[{"input":${GIVEN},"source":{}}]}]}`, { unbounded: true }],
  ["messages", `{"messages":[{"content":[{"input":1,"source":{}}]}]}`, { unbounded: true }],
  ["messages", `{"messages":[{"content":[{"input":"input"},{"source":{}}]}]}`, { unbounded: true }],
  ["messages", `{"messages":[{"content":[{"Input":{"source":{}}}]}]}`, { unbounded: true }],
  ["messages", `{"input":{"source":{}}}`, { unbounded: true }],
  ["messages", `{"system":[{"input":{"source":{}}}]}`, { unbounded: true }],
  ["messages", '{"messages":[{"content":[{"type":"tool_result","content":[{"source":{}}]}]}]}', { unbounded: true }],
  ["count_tokens", `{"tools":[{"name":"a","input_schema":${PARAMETER}}]}`, { unbounded: false }],
  ["converse", `{"toolConfig":{"tools":[{"toolSpec":{"inputSchema":{"json":${PARAMETER}}}}]}}`, { unbounded: false }],
  ["converse", `{"messages":[{"content":[{"toolUse":{"input":${GIVEN}}}]}]}`, { unbounded: false }],
  ["converse", `{"messages":[{"content":[{"toolResult":{"content":[{"json":${GIVEN}}]}}]}]}`, { unbounded: false }],
  ["converse", `{"messages":[{"content":[{"toolResult":{"content":[{"image":{}}]}}]}]}`, { unbounded: true }],
  ["generate_content", `{"tools":[{"functionDeclarations":[{"parameters":${PARAMETER}}]}]}`, { unbounded: false }],
  ["generate_content", `{"generationConfig":{"responseSchema":${PARAMETER}}}`, { unbounded: false }],
  ["generate_content", `{"contents":[{"parts":[{"functionCall":{"args":${GIVEN}}}]}]}`, { unbounded: false }],
  ["generate_content", `{"contents":[{"parts":[{"functionResponse":{"response":${GIVEN}}}]}]}`, { unbounded: false }],
  [
    "generate_content",
    '{"contents":[{"parts":[{"functionResponse":{"response":{},"parts":[{"inlineData":{}}]}}]}]}',
    { unbounded: true },
  ],
  ["ollama_chat", `{"tools":[{"function":{"parameters":${PARAMETER}}}],"format":${PARAMETER}}`, { unbounded: false }],
  ["ollama_chat", `{"messages":[{"tool_calls":[{"function":{"arguments":${GIVEN}}}]}]}`, { unbounded: false }],
  ["ollama_chat", '{"messages":[{"images":["a"]}]}', { unbounded: true }],
  // Go's reader ignores case.
  ["ollama_chat", '{"messages":[{"Images":["a"]}]}', { unbounded: true }],
  ["ollama_chat", '{"messages":[{"image\u017f":["a"]}]}', { unbounded: true }],
  ["chat", '{"messages":[{"content":[{"IMAGE_URL":{}}]}]}', { unbounded: true }],
  ["invoke", `{"messages":[{"content":[{"type":"tool_use","input":${GIVEN}}]}]}`, { unbounded: false }],
]);

check("a name without a value brings nothing in", [
  ["responses", '{"previous_response_id":null,"conversation":null,"input":"hi"}', { unbounded: false }],
  ["responses", '{"previous_response_id":"resp_1"}', { unbounded: true }],
  ["responses", '{"previous_response_id":""}', { unbounded: true }],
  ["chat", '{"messages":[{"role":"assistant","content":"a","audio":null}]}', { unbounded: false }],
  ["chat", '{"messages":[{"role":"assistant","audio":{"id":"audio_1"}}]}', { unbounded: true }],
  ["chat", '{"audio":{"voice":"a"}}', { unbounded: false, otherPrice: "audio" }],
  ["chat", '{"audio":{"voice":"a"},"messages":[{"audio":{"id":"audio_1"}}]}', { unbounded: true }],
  ["chat", '{"audio":null,"messages":[{"audio":{"id":"audio_1"}}]}', { unbounded: true }],
  ["chat", '{"audio":true,"messages":[{"audio":{"id":"audio_1"}}]}', { unbounded: true }],
  ["chat", '{"audio":false,"messages":[{"audio":{"id":"audio_1"}}]}', { unbounded: true }],
  ["chat", '{"messages":[{"content":[{"file":null,"file":{}}]}]}', { unbounded: true }],
  ["chat", '{"messages":[{"content":[{"type":"document_url","document_url":"u"}]}]}', { unbounded: true }],
  ["ollama_generate", '{"template":"{{.Prompt}}{{.Prompt}}"}', { unbounded: true }],
  ["ollama_generate", `{"template":"${"{{.Prompt}}".repeat(99)}"}`, { unbounded: true }],
  ["ollama_generate", '{"template":null}', { unbounded: false }],
  ["ollama_generate", '{"Template":"{{.Prompt}}"}', { code: "ambiguous_member" }],
  ["ollama_chat", '{"template":"x"}', { unbounded: false }],
]);

const OWN = { unbounded: false };
const STORED = { unbounded: true };
const input = (item: string): string => `{"input":[{"role":"user","content":"hi"},${item}]}`;

check("what the provider has stored is of any length", [
  ["responses", input('{"type":"item_reference","id":"msg_1"}'), { unbounded: true }],
  ["responses", input('{"id":"msg_1"}'), { unbounded: true }],
  ["responses", input('{"type":null,"id":"msg_1"}'), { unbounded: true }],
  ["responses", input('{"id":"msg_1","content":"hi"}'), { unbounded: true }],
  ["responses", input('{"type":"item_reference"}'), { unbounded: true }],
  ["responses", input('{"type":"item\\u005freference","id":"msg_1"}'), { unbounded: true }],
  ["responses", input('{"t\\u0079pe":"item_reference","\\u0069d":"msg_1"}'), { unbounded: true }],
  ["responses", input('{"type":"message","type":"item_reference","id":"msg_1","content":"a"}'), { unbounded: true }],
  ["responses", input('{"type":"item_reference","type":"message","id":"msg_1","content":"a"}'), { unbounded: true }],
  ["responses", input('{"type":"message","id":"msg_1"}'), { unbounded: true }],
  ["responses", input('{"type":"message","id":"msg_1","role":"assistant","content":[ ]}'), { unbounded: true }],
  ["responses", input('{"type":"message","id":"msg_1","role":"assistant","content": ""}'), { unbounded: true }],
  ["responses", input('{"type":"message","id":"msg_1","content":"a","content":null}'), { unbounded: true }],
  ["responses", input(`{"type":${" ".repeat(200)}"message","id":"msg_1","content":"a"}`), { unbounded: true }],
  ["responses", input('{"type":"reasoning","id":"rs_1","summary":[]}'), { unbounded: true }],
  ["responses", input('{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":null}'), { unbounded: true }],
  ["responses", input('{"type":"reasoning","id":"rs_1","encrypted_content":""}'), { unbounded: true }],
  ["responses", input('{"type":"image_generation_call","id":"ig_1"}'), { unbounded: true }],
  ["responses", input('{"type":"file_search_call","id":"fs_1","queries":["a"],"results":null}'), { unbounded: true }],
  ["responses", input('{"type":"what_comes_next","id":"x_1","content":"a"}'), { unbounded: true }],
  ["responses", '{"input":{"type":"item_reference","id":"msg_1"}}', { unbounded: true }],
  ["responses", '{"input":[[{"type":"item_reference","id":"msg_1"}]]}', { unbounded: true }],
  ["responses", '{"Input":[{"type":"item_reference","id":"msg_1"}]}', { code: "ambiguous_member" }],
  ["responses", '{"input":"hi"}', { unbounded: false }],
  ["responses", '{"input":["hi"]}', { unbounded: false }],
  ["responses", '{"input":[]}', { unbounded: false }],
  ["responses", input('{"id":null,"role":"user","content":"a"}'), { unbounded: false }],
  [
    "responses",
    input('{"type":"message","role":"user","content":[{"type":"input_text","text":"a"}]}'),
    { unbounded: false },
  ],
  [
    "responses",
    input('{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]}'),
    { unbounded: false },
  ],
  ["responses", input('{"id":"msg_1","role":"assistant","content":"a"}'), { unbounded: false }],
  ["responses", input('{"id":"rs_1","type":"reasoning","encrypted_content":"gAAA"}'), { unbounded: false }],
  ["responses", input('{"id":"fc_1","type":"function_call","arguments":"{}","call_id":"c"}'), { unbounded: false }],
  ["responses", input('{"type":"function_call_output","call_id":"c","output":""}'), { unbounded: false }],
  ["responses", input('{"type":"reasoning","summary":[]}'), { unbounded: false }],
  ["responses", '{"metadata":{"id":"a"},"input":"hi"}', { unbounded: false }],
  ["responses", input(String.raw`{"type":"message","id":"msg_1","content":"He said \"hi\""}`), { unbounded: false }],
  ["responses", input(String.raw`{"type":"custom_tool_call","id":"c_1","input":"echo \"hi\""}`), { unbounded: false }],
  ["responses", input(String.raw`{"type":"message","id":"msg_1","content":"\""}`), { unbounded: false }],
  ["responses", input(String.raw`{"type":"message","id":"msg_1","content":"\\"}`), { unbounded: false }],
  ["responses", input(String.raw`{"type":"message","id":"msg_1","content":"\\\""}`), { unbounded: false }],
  ["responses", '{"input":"hi","x":[{"type":"item_reference","id":"a"}]}', { unbounded: false }],
]);

const CITED = '{"type":"output_text","text":"a","annotations":[{"type":"file_citation","file_id":"f","filename":"n"}]}';
const LISTED = '[{"name":"read","input_schema":{"type":"object","properties":{"file":{"type":"string"}}}}]';

check("an answer's items that are sent back bring in what they say", [
  ["responses", input('{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":""}'), OWN],
  ["responses", input('{"type":"function_call","id":"fc_1","call_id":"c","name":"f"}'), STORED],
  ["responses", input('{"type":"function_call","id":"fc_1","arguments":"{}","arguments":null}'), STORED],
  ["responses", input('{"type":"function_call_output","id":"fco_1","call_id":"c","output":""}'), OWN],
  ["responses", input('{"type":"function_call_output","id":"fco_1","call_id":"c","output":[]}'), OWN],
  ["responses", input('{"type":"function_call_output","id":"fco_1","call_id":"c"}'), STORED],
  ["responses", input('{"type":"custom_tool_call","id":"ctc_1","call_id":"c","name":"sh","input":""}'), OWN],
  ["responses", input('{"type":"custom_tool_call_output","id":"o_1","call_id":"c","output":""}'), OWN],
  ["responses", input('{"type":"web_search_call","id":"ws_1","action":{"type":"search","query":"x"}}'), OWN],
  ["responses", input('{"type":"web_search_call","id":"ws_1","status":"completed"}'), STORED],
  ["responses", input('{"type":"file_search_call","id":"fs_1","queries":[],"results":[]}'), OWN],
  ["responses", input('{"type":"file_search_call","id":"fs_1","results":[{"file_id":"f","text":"t"}]}'), OWN],
  ["responses", input('{"type":"code_interpreter_call","id":"ci_1","code":"1","outputs":[],"container_id":"c"}'), OWN],
  ["responses", input('{"type":"code_interpreter_call","id":"ci_1","code":"1","outputs":null}'), STORED],
  ["responses", input('{"type":"computer_call","id":"cu_1","call_id":"c","action":{"type":"screenshot"}}'), OWN],
  ["responses", input('{"type":"computer_call","id":"cu_1","call_id":"c","actions":[{"type":"screenshot"}]}'), OWN],
  ["responses", input('{"type":"computer_call_output","id":"cu_1","output":{"image_url":"data:"}}'), STORED],
  ["responses", input('{"type":"local_shell_call","id":"ls_1","action":{"type":"exec"}}'), OWN],
  ["responses", input('{"type":"local_shell_call_output","id":"ls_1","output":""}'), OWN],
  ["responses", input('{"type":"shell_call","id":"sh_1","action":{"commands":[]}}'), OWN],
  ["responses", input('{"type":"shell_call_output","id":"sh_1","call_id":"c","output":[]}'), OWN],
  ["responses", input('{"type":"apply_patch_call","id":"ap_1","operation":{"type":"delete_file"}}'), OWN],
  ["responses", input('{"type":"apply_patch_call_output","id":"ap_1","call_id":"c","status":"completed"}'), OWN],
  ["responses", input('{"type":"mcp_list_tools","id":"mcpl_1","server_label":"s","tools":[]}'), OWN],
  ["responses", input(`{"type":"mcp_list_tools","id":"mcpl_1","server_label":"s","tools":${LISTED}}`), OWN],
  ["responses", input('{"type":"mcp_list_tools","id":"mcpl_1","server_label":"s"}'), STORED],
  ["responses", input('{"type":"mcp_call","id":"mcp_1","name":"f","arguments":"{}","output":"","error":null}'), OWN],
  ["responses", input('{"type":"mcp_call","id":"mcp_1","name":"f","arguments":"{}","output":null,"error":"e"}'), OWN],
  ["responses", input('{"type":"mcp_call","id":"mcp_1","name":"f","arguments":"{}","output":null}'), STORED],
  ["responses", input('{"type":"mcp_approval_request","id":"mcpr_1","name":"f","arguments":"{}"}'), OWN],
  [
    "responses",
    input('{"type":"mcp_approval_response","id":"r_1","approval_request_id":"mcpr_1","approve":true}'),
    OWN,
  ],
  ["responses", input('{"type":"compaction","id":"cmp_1","encrypted_content":"gAAA"}'), OWN],
  ["responses", input('{"type":"compaction","id":"cmp_1","encrypted_content":""}'), STORED],
  ["responses", input('{"type":"image_generation_call","id":"ig_1","result":"AA=="}'), STORED],
  ["responses", input(`{"type":"message","id":"msg_1","role":"assistant","content":[${CITED}]}`), OWN],
  ["responses", input('{"role":"user","content":[{"type":"input_file","file_id":"f"}]}'), STORED],
]);

check("a batch of embeddings", [
  [
    "gemini_embed_batch",
    '{"requests":[{"model":"models/a","content":{"parts":[{"text":"a"}]}}]}',
    { unbounded: false },
  ],
  ["gemini_embed_batch", '{"requests":[{"content":{"parts":[{"inlineData":{}}]}}]}', { unbounded: true }],
  ["gemini_embed_batch", '{"requests":[7]}', { param: "requests" }],
  ["gemini_embed_batch", '{"requests":{"model":"a"}}', { param: "requests" }],
  ["gemini_embed_batch", '{"Requests":[{"model":"a"}]}', { code: "ambiguous_member" }],
  ["gemini_embed_batch", '{"requests":[{"model":"a","model":"b"}]}', { code: "duplicate_member" }],
  ["gemini_embed_batch", `{"requests":[{"content":"${"x".repeat(1_048_576)}"}]}`, { code: "value_too_long" }],
]);

check("caps", [
  ["chat", '{"max_tokens":5,"n_predict":9}', { maxOutput: 9 }],
  ["chat", '{"n_predict":-1}', { maxOutput: undefined }],
  ["completions", '{"n_predict":-2,"max_tokens":9}', { maxOutput: undefined }],
  ["chat", '{"max_completion_tokens":5,"n_predict":-1}', { maxOutput: undefined }],
  ["chat", '{"n_predict":-3}', { param: "n_predict" }],
  ["chat", '{"n_predict":0}', { param: "n_predict" }],
  ["completions", '{"n_predict":9}', { maxOutput: 9 }],
  ["chat", '{"max_tokens":5,"max_completion_tokens":9}', { maxOutput: 9 }],
  ["chat", '{"max_tokens":9,"max_completion_tokens":null}', { maxOutput: 9 }],
  ["chat", '{"max_tokens":1e2}', { maxOutput: 100 }],
  ["chat", '{"max_tokens":0}', { param: "max_tokens" }],
  ["chat", '{"max_tokens":-1}', { param: "max_tokens" }],
  ["chat", '{"max_tokens":1.5}', { param: "max_tokens" }],
  ["chat", '{"max_tokens":"5"}', { param: "max_tokens" }],
  ["chat", '{"max_tokens":1e999}', { param: "max_tokens" }],
  ["chat", '{"max_tokens":100000001}', { param: "max_tokens" }],
  ["chat", '{"Max_Tokens":5}', { code: "ambiguous_member" }],
  ["completions", '{"max_tokens":5}', { maxOutput: 5 }],
  ["responses", '{"max_output_tokens":5,"max_tokens":9}', { maxOutput: 5 }],
  ["messages", '{"max_tokens":5}', { maxOutput: 5 }],
  ["ollama_chat", '{"options":{"num_predict":5}}', { maxOutput: 5 }],
  ["ollama_chat", '{"options":{"num_predict":-1}}', { maxOutput: undefined }],
  ["ollama_generate", '{"options":{"num_predict":-2}}', { maxOutput: undefined }],
  ["ollama_generate", '{"options":{"num_predict":-3}}', { param: "options.num_predict" }],
  ["ollama_generate", '{"options":null}', { maxOutput: undefined }],
  ["ollama_generate", '{"options":[5]}', { param: "options" }],
  ["converse", '{"inferenceConfig":{"maxTokens":5}}', { maxOutput: 5, capUnknown: false }],
  ["converse", '{"inferenceConfig":"5"}', { param: "inferenceConfig" }],
]);

check("H1: each prompt of a list has its own answers", [
  ["completions", '{"prompt":"a"}', { choices: 1 }],
  ["completions", '{"prompt":["a"]}', { choices: 1 }],
  ["completions", '{"prompt":["a","b","c"]}', { choices: 3 }],
  ["completions", '{"prompt":["a","b","c"],"n":4}', { choices: 12 }],
  ["completions", '{"best_of":5,"n":4,"prompt":["a","b"]}', { choices: 10 }],
  ["completions", '{"prompt":[1,2,3,4]}', { choices: 1 }],
  ["completions", '{"prompt":[1,2,3,4],"n":3}', { choices: 3 }],
  ["completions", '{"prompt":[[1,2],[3,4]]}', { choices: 2 }],
  ["completions", '{"prompt":[1,"a","b"]}', { choices: 3 }],
  ["completions", '{"prompt":[]}', { choices: 1 }],
  ["completions", '{"prompt":["a"],"prompt_embeds":["AA==","AA=="]}', { choices: 3, unbounded: true }],
  ["completions", `{"prompt":[${'"a",'.repeat(2047)}"a"]}`, { choices: 2048 }],
  ["completions", `{"prompt":[${'"a",'.repeat(2048)}"a"]}`, { param: "prompt" }],
  ["completions", `{"n":128,"prompt":[${'"a",'.repeat(16)}"a"]}`, { param: "prompt" }],
  ["completions", `{"prompt":[${"7,".repeat(9000)}7]}`, { choices: 1 }],
  ["completions", '{"Prompt":["a","b"]}', { code: "ambiguous_member" }],
  ["completions", '{"prompt":"a","prompt":["a","b"]}', { code: "duplicate_member" }],
  ["chat", '{"prompt":["a","b"],"n":2}', { choices: 2 }],
  ["chat", '{"n":128}', { choices: 128 }],
  ["chat", '{"n_cmpl":50}', { choices: 50 }],
  ["chat", '{"n_cmpl":129}', { param: "n_cmpl" }],
  ["chat", '{"n":129}', { param: "n" }],
  ["chat", '{"n":0}', { param: "n" }],
  ["chat", '{"n":null,"best_of":2}', { choices: 2 }],
  ["chat", '{"best_of":"2"}', { param: "best_of" }],
  ["embeddings", '{"input":["a","b"]}', { choices: 1 }],
]);

check("H4: the vendors' forms of invoke", [
  ["invoke", '{"anthropic_version":"bedrock-2023-05-31","max_tokens":5}', { maxOutput: 5, capUnknown: false }],
  ["invoke", '{"anthropic_version":"bedrock-2023-05-31"}', { maxOutput: undefined, capUnknown: false }],
  ["invoke", '{"anthropic_version":null}', { capUnknown: true }],
  ["invoke", '{"prompt":"p","max_tokens_to_sample":5}', { maxOutput: 5, capUnknown: false }],
  ["invoke", '{"prompt":"p","max_gen_len":5}', { maxOutput: 5, capUnknown: false }],
  ["invoke", '{"inferenceConfig":{"maxTokens":5,"max_new_tokens":9}}', { maxOutput: 9, capUnknown: false }],
  ["invoke", '{"inferenceConfig":{"max_new_tokens":9}}', { maxOutput: 9, capUnknown: false }],
  ["invoke", '{"inferenceConfig":{"max_tokens":9}}', { param: "inferenceConfig.maxTokens" }],
  ["invoke", '{"inferenceConfig":{"temperature":1}}', { maxOutput: undefined, capUnknown: true }],
  ["invoke", '{"inputText":"i","textGenerationConfig":{"maxTokenCount":8192}}', { maxOutput: 8192, capUnknown: false }],
  ["invoke", '{"textGenerationConfig":{"maxtokencount":8192}}', { param: "textGenerationConfig.maxTokenCount" }],
  ["invoke", '{"textGenerationConfig":{"maxTokenCount":"8192"}}', { param: "textGenerationConfig.maxTokenCount" }],
  ["invoke", '{"textGenerationConfig":7}', { param: "textGenerationConfig" }],
  ["invoke", '{"max_completion_tokens":5}', { maxOutput: 5 }],
  ["invoke", '{"max_new_tokens":5}', { maxOutput: 5 }],
  ["invoke", '{"maxOutputTokens":5}', { maxOutput: 5 }],
  ["invoke", '{"max_tokens":1,"textGenerationConfig":{"maxTokenCount":99}}', { maxOutput: 99 }],
  ["invoke", '{"max_tokens":null}', { maxOutput: undefined, capUnknown: true }],
  ["invoke", '{"max_gen_len":0}', { param: "max_gen_len" }],
  ["invoke", '{"maxTokens":5,"numResults":3}', { maxOutput: 5, choices: 3 }],
  ["invoke", '{"max_tokens":5,"num_generations":4}', { choices: 4 }],
  ["invoke", '{"num_generations":129}', { param: "num_generations" }],
  ["invoke", '{"numResults":1.5}', { param: "numResults" }],
  ["invoke", '{"prompt":["a","b"],"n":2}', { choices: 4 }],
  ["invoke", '{"MAX_GEN_LEN":5}', { code: "ambiguous_member" }],
]);

const FIELDS = "additionalModelRequestFields";

check("H4: converse, fields that go to the model as they stand", [
  ["converse", `{"${FIELDS}":null}`, { hosted: false }],
  ["converse", `{"${FIELDS}":{"top_k":5}}`, { hosted: false }],
  ["converse", `{"${FIELDS}":"max_tokens"}`, { param: FIELDS }],
  ["converse", `{"${FIELDS}":{"max_tokens":5}}`, { param: FIELDS }],
  ["converse", `{"${FIELDS}":{"Max-Tokens":5}}`, { param: FIELDS }],
  ["converse", `{"${FIELDS}":{"maxTokenCount":5}}`, { param: FIELDS }],
  ["converse", `{"${FIELDS}":{"max_gen_len":5}}`, { param: FIELDS }],
  ["converse", `{"${FIELDS}":{"maxOutput":5}}`, { param: FIELDS }],
  ["converse", `{"${FIELDS}":{"\\u006dax_tokens":5}}`, { param: FIELDS }],
  ["converse", `{"${FIELDS}":{"max_to\\u212aens":5}}`, { param: FIELDS }],
  ["converse", `{"${FIELDS}":{"a":[{"inferenceConfig":{"max_new_tokens":5}}]}}`, { param: FIELDS }],
  ["converse", `{"${FIELDS}":{"output_max":5,"max":5,"length":5}}`, { hosted: false }],
  ["converse", `{"${FIELDS}":{"num_generations":5}}`, { param: FIELDS }],
  ["converse", `{"${FIELDS}":{"n":5}}`, { param: FIELDS }],
  ["converse", `{"${FIELDS}":{"tools":[{"name":"t","input_schema":{"maxLength":5}}]}}`, { hosted: false }],
  ["converse", `{"${FIELDS}":{"${"max".repeat(80_000)}":5}}`, { hosted: false }],
  ["converse", `{"${FIELDS}":{"thinking":{"budget_tokens":99}}}`, { least: 100 }],
  ["converse", `{"${FIELDS}":{"reasoning_config":{"budget_tokens":99}}}`, { least: 100 }],
  ["converse", `{"${FIELDS}":{"thinking":{"budget_tokens":"9"}}}`, { param: `${FIELDS}.thinking.budget_tokens` }],
]);

check("H5: one spelling", [
  ["generate_content", '{"generationConfig":{"maxOutputTokens":5}}', { maxOutput: 5 }],
  ["generate_content", '{"generationConfig":{"max_output_tokens":5}}', { maxOutput: 5 }],
  ["generate_content", '{"generation_config":{"maxOutputTokens":5,"candidateCount":3}}', { maxOutput: 5, choices: 3 }],
  [
    "generate_content",
    '{"generation_config":{"max_output_tokens":5,"candidate_count":3}}',
    { maxOutput: 5, choices: 3 },
  ],
  ["generate_content", '{"generationConfig":{},"generation_config":{}}', { param: "generation_config" }],
  [
    "generate_content",
    '{"generationConfig":null,"generation_config":{"maxOutputTokens":5}}',
    { param: "generation_config" },
  ],
  [
    "generate_content",
    '{"generationConfig":{"maxOutputTokens":5,"max_output_tokens":9}}',
    { param: "generationConfig.maxOutputTokens" },
  ],
  [
    "generate_content",
    '{"generation_config":{"candidate_count":null,"candidateCount":9}}',
    { param: "generation_config.candidateCount" },
  ],
  ["generate_content", '{"generationConfig":{"MaxOutputTokens":5}}', { param: "generationConfig.maxOutputTokens" }],
  ["generate_content", '{"generationConfig":{"max_outputTokens":5}}', { param: "generationConfig.maxOutputTokens" }],
  ["generate_content", '{"generationConfig":{"candidatecount":5}}', { param: "generationConfig.candidateCount" }],
  ["generate_content", '{"generationConfig":{"candidateCount":0}}', { param: "generationConfig.candidateCount" }],
  ["generate_content", '{"generationConfig":{"maxOutputTokens":5,"maxOutputTokens":9}}', { code: "duplicate_member" }],
  ["generate_content", '{"GenerationConfig":{}}', { code: "ambiguous_member" }],
  ["generate_content", '{"generationConfig":[]}', { param: "generationConfig" }],
  ["ollama_chat", '{"options":{"Num_Predict":5}}', { param: "options.num_predict" }],
  ["ollama_chat", '{"options":{"num_predict\\u0000":5}}', { param: "options.num_predict" }],
  ["converse", '{"inferenceConfig":{"max_tokens":5}}', { param: "inferenceConfig.maxTokens" }],
  ["chat", '{"stream_options":{"Include_Usage":true}}', { param: "stream_options.include_usage" }],
  ["messages", '{"thinking":{"Budget_Tokens":5}}', { param: "thinking.budget_tokens" }],
]);

const LONG_TOOLS = `{"tools":[{"type":"function","function":{"description":"${"d".repeat(1_048_576)}"}}]}`;

check("M5: tools that the provider runs", [
  ["chat", '{"tools":null}', { hosted: false }],
  ["chat", '{"tools":[{"type":"function","function":{}},{"type":"custom"}]}', { hosted: false }],
  ["chat", '{"tools":[{"type":"function"},{"type":"web_search"}]}', { hosted: true }],
  ["chat", '{"tools":[{"function":{}}]}', { hosted: true }],
  ["chat", '{"tools":{"type":"function"}}', { hosted: true }],
  ["chat", '{"tools":["function"]}', { hosted: true }],
  ["chat", LONG_TOOLS, { hosted: true, tools: true }],
  ["chat", '{"tools":[{"type":"function","type":"web_search"}]}', { code: "duplicate_member" }],
  ["chat", '{"Tools":[{"type":"web_search"}]}', { code: "ambiguous_member" }],
  ["chat", '{"web_search_options":{}}', { hosted: true }],
  ["chat", '{"web_search_options":null,"enable_search":false,"data_sources":[]}', { hosted: false }],
  ["chat", `{"web_search_options":{"a":"${"x".repeat(600)}"}}`, { hosted: true }],
  ["chat", '{"search_parameters":{"mode":"on"}}', { hosted: true }],
  ["chat", '{"data_sources":[{"type":"azure_search"}]}', { hosted: true }],
  ["chat", '{"enable_search":true}', { hosted: true }],
  ["chat", '{"search_domain_filter":["a.example"]}', { hosted: true }],
  ["chat", '{"enable_enhancement":true}', { hosted: true }],
  ["chat", '{"compound_custom":{"tools":{"enabled_tools":["web_search"]}}}', { hosted: true }],
  ["chat", '{"connectors":[{"id":"web-search"}]}', { hosted: true }],
  ["chat", '{"Compound_Custom":{}}', { code: "ambiguous_member" }],
  ["responses", '{"tools":[{"type":"function"},{"type":"custom"},{"type":"local_shell"}]}', { hosted: false }],
  ["responses", '{"tools":[{"type":"apply_patch"},{"type":"computer_use_preview"}]}', { hosted: false }],
  ["responses", '{"tools":[{"type":"web_search"}]}', { hosted: true }],
  ["responses", '{"tools":[{"type":"file_search"}]}', { hosted: true }],
  ["responses", '{"tools":[{"type":"mcp","server_url":"u"}]}', { hosted: true }],
  ["responses", '{"tools":[{"type":"code_interpreter"}]}', { hosted: true }],
  ["responses", '{"tools":[{"type":"image_generation"}]}', { hosted: true }],
  ["responses", '{"tools":[{"type":"shell"}]}', { hosted: true }],
  ["responses", '{"tools":[{"type":"shell","environment":{"type":"container_auto"}}]}', { hosted: true }],
  ["responses", '{"tools":[{"type":"shell","environment":{"type":"local"}}]}', { hosted: false }],
  ["responses", '{"tools":[{"type":"tool_search"}]}', { hosted: true }],
  ["responses", '{"tools":[{"type":"tool_search","execution":"client"}]}', { hosted: false }],
  ["responses", '{"tools":[{"type":"namespace","tools":[{"type":"function"}]}]}', { hosted: false }],
  ["responses", '{"tools":[{"type":"namespace","tools":[{"type":"mcp"}]}]}', { hosted: true }],
  ["responses", '{"tools":[{}]}', { hosted: true }],
  ["responses", '{"tools":[{"type":"function","parameters":{"properties":{"tools":{}}}}]}', { hosted: false }],
  ["responses", '{"input":[{"type":"additional_tools","tools":[{"type":"mcp"}]}]}', { hosted: true }],
  ["responses", '{"tools":[],"input":[{"type":"additional_tools","tools":[{"type":"mcp"}]}]}', { hosted: true }],
  ["messages", '{"tools":[{"name":"a"},{"type":null,"name":"b"},{"type":"custom","name":"c"}]}', { hosted: false }],
  ["messages", '{"tools":[{"type":"bash_20250124"},{"type":"text_editor_20250728"}]}', { hosted: false }],
  ["messages", '{"tools":[{"type":"computer_20251124"},{"type":"memory_20250818"}]}', { hosted: false }],
  ["messages", '{"tools":[{"type":"web_search_20250305"}]}', { hosted: true }],
  ["messages", '{"tools":[{"type":"web_fetch_20250910"}]}', { hosted: true }],
  ["messages", '{"tools":[{"type":"code_execution_20250825"}]}', { hosted: true }],
  ["messages", '{"tools":[{"type":"advisor_20260301"}]}', { hosted: true }],
  ["messages", '{"tools":[{"type":"bash_code_execution_20250825"}]}', { hosted: true }],
  ["messages", '{"tools":[{"type":7}]}', { hosted: true }],
  ["messages", '{"tools":[{"type":"remote_bash_20250124"}]}', { hosted: true }],
  ["messages", '{"tools":[{"type":"bash_20250124_hosted"}]}', { hosted: true }],
  ["messages", '{"tools":[null]}', { hosted: true }],
  ["messages", '{"mcp_servers":[{"url":"u"}]}', { hosted: true }],
  ["messages", '{"mcp_servers":[]}', { hosted: false }],
  ["generate_content", '{"tools":[{"functionDeclarations":[]},{"function_declarations":[]}]}', { hosted: false }],
  ["generate_content", '{"tools":[{"googleSearch":{}}]}', { hosted: true }],
  ["generate_content", '{"tools":[{"functionDeclarations":[],"url_context":{}}]}', { hosted: true }],
  ["generate_content", '{"tools":{"codeExecution":{}}}', { hosted: true }],
  ["generate_content", '{"cachedContent":"cachedContents/x"}', { hosted: true, unbounded: true }],
  ["converse", '{"toolConfig":{"tools":[{"toolSpec":{}},{"cachePoint":{}}]}}', { hosted: false }],
  ["converse", '{"toolConfig":{"tools":[{"systemTool":{"name":"nova_grounding"}}]}}', { hosted: true }],
  ["converse", '{"toolConfig":{}}', { hosted: false }],
  ["converse", '{"toolConfig":"x"}', { hosted: true }],
  ["converse", `{"${FIELDS}":{"tools":[{"type":"computer_20250124"}]}}`, { hosted: false }],
  ["converse", `{"${FIELDS}":{"tools":[{"type":"web_search_20250305"}]}}`, { hosted: true }],
  ["converse", `{"${FIELDS}":{"mcp_servers":[{}]}}`, { hosted: true }],
  ["invoke", '{"tools":[{"name":"a"},{"type":"function"}]}', { hosted: false }],
  ["invoke", '{"tools":[{"type":"web_search_20250305"}]}', { hosted: true }],
  ["invoke", '{"toolConfig":{"tools":[{"toolSpec":{}}]}}', { hosted: false }],
  ["invoke", '{"toolConfig":{"tools":[{"systemTool":{}}]}}', { hosted: true }],
  ["embeddings", '{"tools":[{"type":"web_search"}]}', { hosted: false }],
]);

check("M6: the policy alone chooses the model", [
  ["chat", '{"models":["a","b"]}', { param: "models" }],
  ["chat", '{"models":null,"route":null,"provider":null}', { choices: 1 }],
  ["chat", '{"models":[]}', { param: "models" }],
  ["chat", '{"route":"fallback"}', { param: "route" }],
  ["chat", '{"provider":{"order":["x"]}}', { param: "provider" }],
  ["chat", '{"providers":["x"]}', { param: "providers" }],
  ["chat", '{"preset":"p"}', { param: "preset" }],
  ["chat", '{"plugins":[{"id":"web"}]}', { param: "plugins" }],
  ["chat", '{"api_base":"u"}', { param: "api_base" }],
  ["chat", '{"providerOptions":{"gateway":{"models":["x"]}}}', { param: "providerOptions" }],
  ["chat", `{"fallbacks":[${'"a",'.repeat(500)}"a"]}`, { param: "fallbacks" }],
  ["chat", '{"fallbacks":false}', { param: "fallbacks" }],
  ["chat", '{"Fallbacks":["a"]}', { code: "ambiguous_member" }],
  ["completions", '{"models":["a"]}', { param: "models" }],
  ["responses", '{"models":["a"]}', { param: "models" }],
  ["embeddings", '{"provider":{}}', { param: "provider" }],
  ["messages", '{"fallbacks":[{"model":"a"}]}', { param: "fallbacks" }],
  ["messages", '{"messages":[{"models":1,"provider":2}],"metadata":{"provider":3}}', { choices: 1 }],
  ["generate_content", '{"models":["a"]}', { choices: 1 }],
]);
