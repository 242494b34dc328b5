import type { Api } from "./api.ts";

/** Members of a body, and for each the members of it whose values count, or all of it. */
type OwnData = ReadonlyMap<string, ReadonlySet<string> | "all">;

const places = (all: readonly string[], list?: string, ...names: readonly string[]): OwnData =>
  new Map<string, ReadonlySet<string> | "all">([
    ...all.map((name) => [name, "all"] as const),
    ...(list === undefined ? [] : [[list, new Set(names)] as const]),
  ]);

const NONE = places([]);
const CHAT = places(["tools", "functions", "response_format"], "messages", "arguments");
const MESSAGES = places(["tools", "output_format", "output_config"], "messages", "input");

const PLACES: Readonly<Record<Api, OwnData>> = {
  chat: CHAT,
  completions: places(["response_format"]),
  // What a file's name is cited with, what was found in it, and schemas of tools that are in an item.
  responses: places(["tools", "text"], "input", "arguments", "annotations", "results", "input_schema", "parameters"),
  embeddings: NONE,
  messages: MESSAGES,
  count_tokens: MESSAGES,
  generate_content: places(
    ["tools", "toolConfig", "tool_config", "generationConfig", "generation_config"],
    "contents",
    "args",
    "response",
  ),
  gemini_count_tokens: NONE,
  gemini_embed: NONE,
  gemini_embed_batch: NONE,
  converse: places(["toolConfig", "outputConfig"], "messages", "input", "json"),
  invoke: places(
    ["tools", "toolConfig", "response_format", "output_format", "output_config"],
    "messages",
    "arguments",
    "input",
    "json",
  ),
  ollama_chat: places(["tools", "format"], "messages", "arguments"),
  ollama_generate: places(["format"]),
  ollama_embed: NONE,
};

/**
 * Where a request has JSON in the agent's own words: schemas, and what its tools take and give. A name in there, be it
 * `file` or `source`, is a parameter's and brings nothing in. Tools that the provider runs are judged by themselves.
 */
export function ownData(api: Api): OwnData {
  return PLACES[api];
}
