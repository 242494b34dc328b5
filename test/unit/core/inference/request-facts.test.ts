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

check("caps", [
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
