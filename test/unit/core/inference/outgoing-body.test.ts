import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../../../../router/core/inference/api.ts";
import { type OutgoingWishes, outgoingEdits } from "../../../../router/core/inference/outgoing-body.ts";
import { bodyPlan, requestFacts } from "../../../../router/core/inference/request-facts.ts";
import { editMembers } from "../../../../router/core/json/member-edit.ts";
import { splice } from "../../../../router/core/json/splice.ts";
import { scanChunks } from "../json/scan-text.ts";

/** The body as it goes out. */
function outgoing(api: Api, text: string, wishes: Partial<OutgoingWishes>): string {
  const octets = Buffer.from(text);
  const scanned = scanChunks(bodyPlan(api), [octets]);
  assert.ok(scanned.ok);
  const facts = requestFacts(api, scanned.value);
  assert.ok(facts.ok);
  const all = { api, model: "m", cap: undefined, streamUsage: false, newCapName: false, ...wishes };
  const edits = editMembers(scanned.value, outgoingEdits(scanned.value, facts.value, all));
  return Buffer.concat([...splice([octets], edits).chunks]).toString();
}

const rows: readonly (readonly [
  name: string,
  api: Api,
  body: string,
  wishes: Partial<OutgoingWishes>,
  expected: string,
])[] = [
  ["nothing to do", "chat", '{ "model": "m" }', {}, '{ "model": "m" }'],
  ["the provider's own name", "chat", '{"model":"a","x":1}', {}, '{"model":"m","x":1}'],
  ["a model that the path names", "completions", '{"x":1}', {}, '{"model":"m","x":1}'],
  ["no model in the body", "generate_content", '{"x":1}', {}, '{"x":1}'],
  ["a model that need not be there", "converse", '{"model":"a"}', {}, '{"model":"m"}'],
  ["Gemini's resource name", "gemini_embed", '{"model":"a"}', {}, '{"model":"models/m"}'],
  [
    "the model of each request",
    "gemini_embed_batch",
    '{"requests":[{"model":"models/dear","content":{"parts":[]}},{}]}',
    {},
    '{"requests":[{"model":"models/m","content":{"parts":[]}},{"model":"models/m"}]}',
  ],
  [
    "llama.cpp's cap",
    "chat",
    '{"model":"m","max_tokens":5,"n_predict":90}',
    { cap: 9 },
    '{"model":"m","max_tokens":5,"n_predict":9}',
  ],
  [
    "llama.cpp's word for no cap, which it takes before the others",
    "chat",
    '{"model":"m","max_tokens":5,"n_predict":-1}',
    { cap: 9 },
    '{"model":"m","max_tokens":5,"n_predict":9}',
  ],

  ["no stream", "chat", '{"model":"m"}', { streamUsage: true }, '{"model":"m"}'],
  [
    "usage of a stream",
    "chat",
    '{"model":"m","stream":true}',
    { streamUsage: true },
    '{"stream_options":{"include_usage":true},"model":"m","stream":true}',
  ],
  [
    "usage of a stream, beside another option",
    "completions",
    '{"model":"m","stream":true,"stream_options":{"a":1,"include_usage":false}}',
    { streamUsage: true },
    '{"model":"m","stream":true,"stream_options":{"a":1,"include_usage":true}}',
  ],
  [
    "usage that is asked for already",
    "chat",
    '{"model":"m","stream":true,"stream_options":{"include_usage":true }}',
    { streamUsage: true },
    '{"model":"m","stream":true,"stream_options":{"include_usage":true }}',
  ],
  [
    "usage that comes unasked",
    "responses",
    '{"model":"m","stream":true}',
    { streamUsage: true },
    '{"model":"m","stream":true}',
  ],

  ["a cap under the older name", "chat", '{"model":"m"}', { cap: 7 }, '{"max_tokens":7,"model":"m"}'],
  [
    "a cap under the newer name",
    "chat",
    '{"model":"m"}',
    { cap: 7, newCapName: true },
    '{"max_completion_tokens":7,"model":"m"}',
  ],
  ["a cap that is low enough", "chat", '{"model":"m","max_tokens":7}', { cap: 7 }, '{"model":"m","max_tokens":7}'],
  ["a cap that is too high", "chat", '{"model":"m","max_tokens":8}', { cap: 7 }, '{"model":"m","max_tokens":7}'],
  [
    "one of two caps",
    "chat",
    '{"model":"m","max_tokens":8,"max_completion_tokens":5}',
    { cap: 7 },
    '{"model":"m","max_tokens":7,"max_completion_tokens":5}',
  ],
  [
    "both of two caps",
    "chat",
    '{"model":"m","max_tokens":8,"max_completion_tokens":9}',
    { cap: 7 },
    '{"model":"m","max_tokens":7,"max_completion_tokens":7}',
  ],
  ["a cap of null", "messages", '{"model":"m","max_tokens":null}', { cap: 7 }, '{"model":"m","max_tokens":7}'],
  ["responses", "responses", '{"model":"m"}', { cap: 7 }, '{"max_output_tokens":7,"model":"m"}'],
  ["no cap for embeddings", "embeddings", '{"model":"m"}', { cap: 7 }, '{"model":"m"}'],
  ["no cap asked for", "messages", '{"model":"m","max_tokens":9}', {}, '{"model":"m","max_tokens":9}'],

  ["converse", "converse", '{"x":1}', { cap: 7 }, '{"inferenceConfig":{"maxTokens":7},"x":1}'],
  [
    "converse, beside another setting",
    "converse",
    '{"inferenceConfig":{"topP":1,"maxTokens":9}}',
    { cap: 7 },
    '{"inferenceConfig":{"topP":1,"maxTokens":7}}',
  ],
  ["Ollama", "ollama_chat", '{"model":"m"}', { cap: 7 }, '{"options":{"num_predict":7},"model":"m"}'],
  [
    "Ollama without end",
    "ollama_generate",
    '{"model":"m","options":{"num_predict":-1,"a":2}}',
    { cap: 7 },
    '{"model":"m","options":{"num_predict":7,"a":2}}',
  ],

  ["Gemini", "generate_content", '{"x":1}', { cap: 7 }, '{"generationConfig":{"maxOutputTokens":7},"x":1}'],
  [
    "H5: Gemini, into the holder that is there",
    "generate_content",
    '{"generation_config":{"a":1}}',
    { cap: 7 },
    '{"generation_config":{"a":1,"maxOutputTokens":7}}',
  ],
  [
    "H5: Gemini, into a holder of null",
    "generate_content",
    '{"generation_config":null}',
    { cap: 7 },
    '{"generation_config":{"maxOutputTokens":7}}',
  ],
  [
    "H5: Gemini, the other inner spelling",
    "generate_content",
    '{"generationConfig":{"max_output_tokens":9}}',
    { cap: 7 },
    '{"generationConfig":{"max_output_tokens":7}}',
  ],
  [
    "H5: Gemini, both other spellings",
    "generate_content",
    '{"generation_config":{"max_output_tokens":9}}',
    { cap: 7 },
    '{"generation_config":{"max_output_tokens":7}}',
  ],

  [
    "H4: Anthropic's form",
    "invoke",
    '{"anthropic_version":"bedrock-2023-05-31"}',
    { cap: 7 },
    '{"max_tokens":7,"anthropic_version":"bedrock-2023-05-31"}',
  ],
  ["H4: no form", "invoke", '{"prompt":"p"}', { cap: 7 }, '{"prompt":"p"}'],
  ["H4: Meta", "invoke", '{"max_gen_len":9}', { cap: 7 }, '{"max_gen_len":7}'],
  [
    "H4: Nova, both caps",
    "invoke",
    '{"inferenceConfig":{"maxTokens":8,"max_new_tokens":9,"topP":1}}',
    { cap: 7 },
    '{"inferenceConfig":{"maxTokens":7,"max_new_tokens":7,"topP":1}}',
  ],
  [
    "H4: Titan",
    "invoke",
    '{"textGenerationConfig":{"maxTokenCount":8192}}',
    { cap: 7 },
    '{"textGenerationConfig":{"maxTokenCount":7}}',
  ],
  [
    "H4: several forms at once",
    "invoke",
    '{"max_tokens":1,"maxTokens":8,"max_tokens_to_sample":9,"textGenerationConfig":{"maxTokenCount":10}}',
    { cap: 7 },
    '{"max_tokens":1,"maxTokens":7,"max_tokens_to_sample":7,"textGenerationConfig":{"maxTokenCount":7}}',
  ],
];

for (const [name, api, body, wishes, expected] of rows) {
  test(`outgoing: ${name}`, () => {
    assert.equal(outgoing(api, body, wishes), expected);
  });
}

const applies = ["chat", "completions", "responses", "messages", "generate_content", "converse"] as const;
for (const api of [...applies, "ollama_chat", "ollama_generate"] as const) {
  test(`what goes out is read as capped: ${api}`, () => {
    const sent = outgoing(api, "{}", { cap: 7 });
    const scanned = scanChunks(bodyPlan(api), [Buffer.from(sent)]);
    const facts = scanned.ok ? requestFacts(api, scanned.value) : undefined;
    assert.equal(facts?.ok === true ? facts.value.maxOutput : undefined, 7);
  });
}
