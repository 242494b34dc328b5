import type { Json } from "../json/json.ts";
import type { ScannedObject } from "../json/scanned-object.ts";
import { ADDITIONAL_FIELDS } from "./additional-fields.ts";
import type { Api } from "./api.ts";
import { isJsonObject, memberOf } from "./meter-member.ts";

/** Where an API's request has tools that the provider itself runs. */
interface Hosting {
  /** Members that turn on a search or a connection at the provider. */
  readonly switches: readonly string[];
  /** Members that hold tools: a list, or an object with the list as its `tools`. */
  readonly holders: readonly string[];
  /** Whether the agent itself runs a tool. */
  readonly isOwn: (tool: Json) => boolean;
}

/**
 * OpenAI's, and what compatible origins have in addition: xAI `search_parameters`, Groq `search_settings` and
 * `compound_custom`, Azure `data_sources`, Qwen `enable_search`, Hunyuan `enable_enhancement`, Perplexity `search_mode` and
 * `search_domain_filter`, Cohere `connectors`.
 */
const CHAT_SWITCHES = [
  "web_search_options",
  "search_parameters",
  "search_settings",
  "compound_custom",
  "data_sources",
  "enable_search",
  "enable_enhancement",
  "search_mode",
  "search_domain_filter",
  "connectors",
];
/** Each stands for one tool, which is judged by the member's name; behind every other switch may be any tool. */
const ONE_TOOL: ReadonlySet<string> = new Set([
  "web_search_options",
  "search_parameters",
  "search_settings",
  "data_sources",
  "enable_search",
  "enable_enhancement",
  "search_mode",
  "search_domain_filter",
]);

const TOOLS = "tools";
const TOOL_CONFIG = "toolConfig";

const HOSTING: Partial<Record<Api, Hosting>> = {
  chat: { switches: CHAT_SWITCHES, holders: [TOOLS], isOwn: isOwnOfChat },
  // A stored prompt may have tools of its own.
  responses: { switches: ["prompt"], holders: [TOOLS], isOwn: isOwnOfResponses },
  messages: { switches: ["mcp_servers"], holders: [TOOLS], isOwn: isOwnOfMessages },
  // So may a cached content.
  generate_content: { switches: ["cachedContent", "cached_content"], holders: [TOOLS], isOwn: isOwnOfGemini },
  converse: { switches: [], holders: [TOOL_CONFIG], isOwn: isOwnOfConverse },
  invoke: { switches: ["mcp_servers"], holders: [TOOLS, TOOL_CONFIG], isOwn: isOwnOfInvoke },
};

const NONE: readonly string[] = [];

/** Members whose value matters only as far as it is there. */
export function hostedSwitches(api: Api): readonly string[] {
  return HOSTING[api]?.switches ?? NONE;
}

/** Members whose tools are read one by one. */
export function toolHolders(api: Api): readonly string[] {
  return HOSTING[api]?.holders ?? NONE;
}

/**
 * Whether a call may have the provider run tools: then the input goes in more than once, it costs what no usage shows,
 * and it reaches hosts that no egress policy has seen. Each tool that is not known to be the agent's own is the provider's.
 */
export function isHosted(api: Api, body: ScannedObject): boolean {
  const hosting = HOSTING[api];
  if (hosting === undefined) return false;
  const { switches, holders, isOwn } = hosting;
  if (switches.some((name) => body.long.has(name) || isOn(body.members.get(name)?.value))) return true;
  for (const name of holders) {
    if (body.long.has(name)) return true;
    const value = body.members.get(name)?.value;
    if (!areOwn(name === TOOL_CONFIG ? toolsOf(value) : value, isOwn)) return true;
  }
  if (api === "converse") return isHostedField(body.members.get(ADDITIONAL_FIELDS)?.value);
  return api === "responses" && bringsTools(body);
}

/**
 * The tools behind the switches that a body has on, by their names; undefined: any tool may be behind one. Not of
 * `mcp_servers`, whose own words are to be read.
 */
export function switchedTools(api: Api, { long, members }: ScannedObject): readonly (string | undefined)[] {
  return hostedSwitches(api)
    .filter((name) => name !== "mcp_servers" && (long.has(name) || isOn(members.get(name)?.value)))
    .map((name) => (ONE_TOOL.has(name) ? name : undefined));
}

/** Items of the input of `responses` can bring tools with them: any `tools` that is not within the list of them. */
function bringsTools({ members, counts }: ScannedObject): boolean {
  const count = counts.get(TOOLS) ?? 0;
  const list = members.get(TOOLS);
  return list === undefined ? count > 0 : count > 1 && count > 1 + countOfTools(list.value);
}

function isOn(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === false) return false;
  return !Array.isArray(value) || value.length > 0;
}

/** What is no object is judged as if it were the list. */
function toolsOf(config: Json | undefined): Json | undefined {
  return isJsonObject(config) ? memberOf(config, TOOLS) : config;
}

function areOwn(tools: Json | undefined, isOwn: (tool: Json) => boolean): boolean {
  return tools === undefined || tools === null || (Array.isArray(tools) && tools.every(isOwn));
}

/** Of `converse`: Anthropic's tools, in the fields that go to the model as they stand. */
function isHostedField(fields: Json | undefined): boolean {
  return isOn(memberOf(fields, "mcp_servers")) || !areOwn(memberOf(fields, TOOLS), isOwnOfMessages);
}

/** Members of that name, at any depth. */
function countOfTools(value: Json | undefined): number {
  if (typeof value !== "object" || value === null) return 0;
  const own = isJsonObject(value) && Object.hasOwn(value, TOOLS) ? 1 : 0;
  return Object.values<Json>(value).reduce<number>((sum, inner) => sum + countOfTools(inner), own);
}

function isOwnOfChat(tool: Json): boolean {
  const type = memberOf(tool, "type");
  return type === "function" || type === "custom";
}

const RESPONSES_OWN: ReadonlySet<Json> = new Set<Json>([
  "function",
  "custom",
  "local_shell",
  "apply_patch",
  "computer",
  "computer_use_preview",
]);

/** The agent runs shells and computers of its own; OpenAI those that the agent does not say are local. */
function isOwnOfResponses(tool: Json): boolean {
  const type = memberOf(tool, "type");
  if (type === "shell") return memberOf(memberOf(tool, "environment"), "type") === "local";
  if (type === "tool_search") return memberOf(tool, "execution") === "client";
  if (type === "namespace") return areOwn(memberOf(tool, TOOLS), isOwnOfResponses);
  return type !== undefined && RESPONSES_OWN.has(type);
}

/** Of those that Anthropic defines, the ones that the caller runs ("Tool reference"), with the day of their version. */
const MESSAGES_OWN = /^(?:bash|text_editor|memory|computer|computer_toolset|browser_toolset)_[0-9]{8}$/;

function isOwnOfMessages(tool: Json): boolean {
  if (!isJsonObject(tool)) return false;
  const type = memberOf(tool, "type");
  if (type === undefined || type === null || type === "custom") return true;
  return typeof type === "string" && MESSAGES_OWN.test(type);
}

const GEMINI_OWN: ReadonlySet<string> = new Set(["functionDeclarations", "function_declarations"]);

function isOwnOfGemini(tool: Json): boolean {
  return isJsonObject(tool) && Object.keys(tool).every((name) => GEMINI_OWN.has(name));
}

const CONVERSE_OWN: ReadonlySet<string> = new Set(["toolSpec", "cachePoint"]);

function isOwnOfConverse(tool: Json): boolean {
  return isJsonObject(tool) && Object.keys(tool).every((name) => CONVERSE_OWN.has(name));
}

/** The vendors' own forms: Nova's is that of `converse`. */
function isOwnOfInvoke(tool: Json): boolean {
  const isNova = isJsonObject(tool) && ("toolSpec" in tool || "systemTool" in tool);
  return isNova ? isOwnOfConverse(tool) : isOwnOfMessages(tool) || isOwnOfChat(tool);
}
