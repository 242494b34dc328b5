import { ADDITIONAL_FIELDS } from "../inference/additional-fields.ts";
import type { Api } from "../inference/api.ts";
import { type ScanPlan, scanPlan } from "../json/scan-plan.ts";

/** Octets of a list of tools, and of what chooses among them. A longer one refuses the body. */
const TOOLS = 1_048_576;
const CHOICE = 65_536;
const FIELDS = 262_144;
const DEPTH = 200;

/** Where an API's request has tools, and what is of no use, or not valid, without any. */
export interface ToolPlaces {
  /** Top-level members, each with those that go when its last tool does. */
  readonly lists: readonly { readonly name: string; readonly with: readonly string[] }[];
  /** Members that say which tools may or must be called. */
  readonly choices: readonly string[];
  /** The member that names MCP servers which the provider calls. */
  readonly servers?: string;
}

const CHAT: ToolPlaces = {
  lists: [
    { name: "tools", with: ["tool_choice", "parallel_tool_calls"] },
    // The older form.
    { name: "functions", with: ["function_call"] },
  ],
  choices: ["tool_choice", "function_call"],
};
const RESPONSES: ToolPlaces = {
  lists: [{ name: "tools", with: ["tool_choice", "parallel_tool_calls"] }],
  choices: ["tool_choice"],
};
const SERVERS = "mcp_servers";
const MESSAGES: ToolPlaces = {
  lists: [{ name: "tools", with: ["tool_choice"] }],
  choices: ["tool_choice"],
  servers: SERVERS,
};
/** The choice is within. */
const CONVERSE: ToolPlaces = { lists: [{ name: "toolConfig", with: [] }], choices: ["toolConfig"] };
const GEMINI: ToolPlaces = {
  lists: [{ name: "tools", with: ["toolConfig", "tool_config"] }],
  choices: ["toolConfig", "tool_config"],
};
const OLLAMA: ToolPlaces = { lists: [{ name: "tools", with: [] }], choices: [] };
/** The forms of several vendors: Anthropic's, OpenAI's, and Nova's, which is that of `converse`. */
const INVOKE: ToolPlaces = {
  lists: [
    { name: "tools", with: ["tool_choice", "parallel_tool_calls"] },
    { name: "toolConfig", with: [] },
  ],
  choices: ["tool_choice", "toolConfig"],
  servers: SERVERS,
};

const PLACES: Partial<Record<Api, ToolPlaces>> = {
  chat: CHAT,
  responses: RESPONSES,
  messages: MESSAGES,
  count_tokens: MESSAGES,
  converse: CONVERSE,
  generate_content: GEMINI,
  ollama_chat: OLLAMA,
  invoke: INVOKE,
};

/** Undefined: the API has no tools. */
export function toolPlaces(api: Api): ToolPlaces | undefined {
  return PLACES[api];
}

/** Members that only a conversation has in which tools were called, of the APIs that then refuse a request without tools. */
export const CALL_SIGNS: Partial<Record<Api, readonly string[]>> = {
  messages: ["tool_use_id"],
  converse: ["toolUse", "toolResult"],
  invoke: ["tool_use_id", "toolUse", "toolResult"],
};

const plans = new Map<Api, ScanPlan>();

/** What to look for in a body. Throws on an API without tools. */
export function toolPlan(api: Api): ScanPlan {
  const known = plans.get(api);
  if (known !== undefined) return known;
  const places = PLACES[api];
  if (places === undefined) throw new Error("a plan for an API without tools");
  const capture = new Map<string, number>();
  for (const { name, with: others } of places.lists) {
    for (const other of others) capture.set(other, CHOICE);
    capture.set(name, TOOLS);
  }
  if (places.servers !== undefined) capture.set(places.servers, TOOLS);
  if (api === "converse") capture.set(ADDITIONAL_FIELDS, FIELDS);
  const plan = scanPlan({ capture, count: new Set(["tools", ...(CALL_SIGNS[api] ?? [])]), depth: DEPTH });
  plans.set(api, plan);
  return plan;
}
