import type { Api } from "../inference/api.ts";
import { fail, ok, type Result } from "../base/result.ts";
import {
  hostedNames,
  isNull,
  isPlainlySpelled,
  isToolName,
  type KnownNames,
  knownNames,
  memberIn,
  textIn,
} from "./source-member.ts";
import type { SourceNode, SourceObject } from "./source-tree.ts";
import { toolsetTools } from "./server-tools.ts";
import { type ToolProblem, toolProblem } from "./tool-problem.ts";

/** An item of a list of tools. */
export interface ToolEntry {
  readonly at: number;
  readonly end: number;
  /** Undefined: it is a group, or no tool that the caller runs. */
  readonly name: string | undefined;
  /** The tools of a group. */
  readonly inner: readonly ToolEntry[] | undefined;
  /**
   * `goes`: without any of its tools it is nothing. `stays`: it holds something else, too. `nothing`: it is no tool by
   * itself, and is left out with the last one (a cache point).
   */
  readonly emptied: "goes" | "stays" | "nothing";
  /** Tools that the provider runs for it, by their names; undefined: one or more whose names it does not say. */
  readonly hosted?: readonly (string | undefined)[];
  /** The server in `mcp_servers` whose tools it chooses; undefined also where it says none. */
  readonly toolset?: string | undefined;
}

type Read = Result<ToolEntry, ToolProblem>;
export type EntryReader = (item: SourceObject) => Read;

const UNREADABLE = toolProblem(
  "unreadable",
  "tools",
  "A tool is not of its API's form, or one that readers take in different ways.",
);

/** All items of a list; each must be an object. */
export function toolEntries(list: SourceNode, read: EntryReader): Result<readonly ToolEntry[], ToolProblem> {
  if (isNull(list)) return ok([]);
  if (list.kind !== "list") return UNREADABLE;
  const entries: ToolEntry[] = [];
  for (const item of list.items) {
    if (item.kind !== "object") return UNREADABLE;
    const entry = read(item);
    if (!entry.ok) return entry;
    entries.push(entry.value);
  }
  return ok(entries);
}

/** How the items of an API's lists are read. `list`: the top-level member. */
export function entryReader(api: Api, list: string): EntryReader {
  if (list === "functions") return readFunction;
  if (list === "toolConfig") return readConverse;
  return READERS[api] ?? readChat;
}

function leaf({ at, end }: SourceNode, name: string | undefined): Read {
  if (name !== undefined && !isToolName(name)) return UNREADABLE;
  return ok({ at, end, name, inner: undefined, emptied: "goes" });
}

/** What the provider runs, beside what else the entry is. */
function withHosted(read: Read, hosted: readonly (string | undefined)[]): Read {
  if (!read.ok || hosted.length === 0) return read;
  if (hosted.some((name) => name !== undefined && !isToolName(name))) return UNREADABLE;
  return ok({ ...read.value, hosted: [...(read.value.hosted ?? []), ...hosted] });
}

/** Nothing that the caller runs. */
function hostedAlone(item: SourceNode, ...hosted: readonly (string | undefined)[]): Read {
  return withHosted(leaf(item, undefined), hosted);
}

function group({ at, end }: SourceNode, inner: readonly ToolEntry[], emptied: ToolEntry["emptied"] = "goes"): Read {
  return ok({ at, end, name: undefined, inner, emptied });
}

const NAME = knownNames("name");

/** The tool that an object names, as it must. */
function named(item: SourceNode, holder: SourceNode | undefined, known: KnownNames = NAME): Read {
  if (holder?.kind !== "object" || !isPlainlySpelled(holder, known)) return UNREADABLE;
  const name = textIn(holder, "name");
  return name === undefined ? UNREADABLE : leaf(item, name);
}

const readFunction: EntryReader = (item) => named(item, item);

const CHAT = knownNames("type", "function", "custom", "name", "allowed_tools");

/**
 * `{type, function: {name}}` or `{type, custom: {name}}`, whatever the type says. All else is run by the provider, and so
 * may be what says another type: then its type is the name of what runs there (Moonshot's: the name itself).
 */
const readChat: EntryReader = (item) => {
  if (!isPlainlySpelled(item, CHAT)) return UNREADABLE;
  const isFunction = memberIn(item, "function");
  const custom = memberIn(item, "custom");
  const type = textIn(item, "type");
  if (isFunction !== undefined && custom !== undefined) return UNREADABLE;
  if (isFunction === undefined && custom === undefined) {
    if (type === undefined || type === "function" || type === "custom") return UNREADABLE;
    return type === "mcp" ? readMcp(item) : hostedAlone(item, type);
  }
  // In the form of `responses` the name stands here.
  const read = memberIn(item, "name") === undefined ? named(item, isFunction ?? custom) : UNREADABLE;
  if (!read.ok || type === undefined || type === "function" || type === "custom") return read;
  return withHosted(read, [type === "builtin_function" ? read.value.name : type === "mcp" ? undefined : type]);
};

const RESPONSES = knownNames("type", "name", "tools", "allowed_tools", "environment", "execution");
const MCP = knownNames("tool_names");

/** Tools that OpenAI defines and the agent runs: called by what they are. */
const BUILT_IN: Readonly<Record<string, string>> = {
  local_shell: "local_shell",
  shell: "shell",
  apply_patch: "apply_patch",
  computer: "computer",
  computer_use_preview: "computer",
  tool_search: "tool_search",
};

/** By a type, the name under which such a tool is declared and judged. */
export function builtInName(type: string): string | undefined {
  return Object.hasOwn(BUILT_IN, type) ? BUILT_IN[type] : undefined;
}

const readResponses: EntryReader = (item) => {
  if (!isPlainlySpelled(item, RESPONSES)) return UNREADABLE;
  const type = textIn(item, "type");
  switch (type) {
    case undefined:
      return UNREADABLE;
    case "function":
    case "custom":
      return named(item, item, RESPONSES);
    case "namespace": {
      const tools = memberIn(item, "tools");
      const inner = tools === undefined ? UNREADABLE : toolEntries(tools, readResponses);
      return inner.ok ? group(item, inner.value) : inner;
    }
    case "mcp":
      return readMcp(item);
    // These two are the agent's own only where they say so.
    case "shell":
      return textIn(memberIn(item, "environment"), "type") === "local" ? leaf(item, type) : hostedAlone(item, type);
    case "tool_search":
      return textIn(item, "execution") === "client" ? leaf(item, type) : hostedAlone(item, type);
    default: {
      const own = builtInName(type);
      return own === undefined ? hostedAlone(item, type) : leaf(item, own);
    }
  }
};

/** A server that the provider calls: as far as it says which of its tools may be called. */
function readMcp(item: SourceObject): Read {
  const allowed = memberIn(item, "allowed_tools");
  if (allowed === undefined) return hostedAlone(item, undefined);
  if (allowed.kind === "object" && !isPlainlySpelled(allowed, MCP)) return UNREADABLE;
  const names = allowed.kind === "object" ? memberIn(allowed, "tool_names") : allowed;
  // A filter by other things than names.
  if (names === undefined) return hostedAlone(item, undefined);
  if (names.kind !== "list") return UNREADABLE;
  const inner: ToolEntry[] = [];
  for (const name of names.items) {
    const entry = name.kind === "text" ? withHosted(leaf(name, name.value), [name.value]) : UNREADABLE;
    if (!entry.ok) return entry;
    inner.push(entry.value);
  }
  if (hostedNames(inner.map(({ name }) => name ?? "")).includes(undefined)) return hostedAlone(item, undefined);
  return group(item, inner);
}

const MESSAGES = knownNames("type", "name");
/** Of those that Anthropic defines, the ones that the caller runs, with the day of their version. */
const MESSAGES_OWN = /^((?:bash|text_editor|memory|computer|computer_toolset|browser_toolset))_[0-9]{8}$/;

const readMessages: EntryReader = (item) => {
  if (!isPlainlySpelled(item, MESSAGES)) return UNREADABLE;
  const type = memberIn(item, "type");
  if (type === undefined) return named(item, item, MESSAGES);
  if (type.kind !== "text") return UNREADABLE;
  if (type.value === "custom") return named(item, item, MESSAGES);
  if (type.value === "mcp_toolset") {
    const set = toolsetTools(item);
    const read = set.ok ? hostedAlone(item, ...set.value.hosted) : set;
    return read.ok && set.ok ? ok({ ...read.value, toolset: set.value.server }) : read;
  }
  const own = MESSAGES_OWN.exec(type.value)?.[1];
  if (own === undefined) return hostedAlone(item, type.value.replace(/_[0-9]{8}$/, ""));
  return memberIn(item, "name") === undefined ? leaf(item, own) : named(item, item, MESSAGES);
};

const CONVERSE = knownNames("toolSpec", "cachePoint", "systemTool");

const readConverse: EntryReader = (item) => {
  if (!isPlainlySpelled(item, CONVERSE)) return UNREADABLE;
  const tool = memberIn(item, "toolSpec");
  const own = new Set(["toolSpec", "cachePoint"]);
  const foreign = [...item.members.keys()].filter((name) => !own.has(name));
  const hosted = foreign.map((name) => (name === "systemTool" ? textIn(item.members.get(name), "name") : undefined));
  const entry = tool === undefined ? leaf(item, undefined) : named(item, tool);
  if (tool === undefined && entry.ok && item.members.has("cachePoint")) {
    return withHosted(ok({ ...entry.value, emptied: "nothing" }), hosted);
  }
  return withHosted(entry, hosted);
};

const GEMINI = knownNames("functionDeclarations", "function_declarations");
const GEMINI_OWN: ReadonlySet<string> = new Set(["functionDeclarations", "function_declarations"]);

/** An item may hold many functions, and beside them what the provider runs. */
const readGemini: EntryReader = (item) => {
  if (!isPlainlySpelled(item, GEMINI)) return UNREADABLE;
  const list = memberIn(item, "functionDeclarations") ?? memberIn(item, "function_declarations");
  const others = [...item.members.keys()].filter((name) => !GEMINI_OWN.has(name));
  // Google reads `googleSearch` and `google_search`; a server's tools have no names here.
  const hosted = others
    .map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
    .map((name) => (name === "mcp_servers" ? undefined : name));
  if (list === undefined) return hostedAlone(item, ...hosted);
  const inner = toolEntries(list, readFunction);
  if (!inner.ok) return fail(inner.problem);
  return withHosted(group(item, inner.value, item.members.size === 1 ? "goes" : "stays"), hosted);
};

const readInvoke: EntryReader = (item) => {
  const ways = ["toolSpec", "function", "custom", "name"].filter((name) => memberIn(item, name) !== undefined);
  if (ways.length > 1) return UNREADABLE;
  if (item.members.has("toolSpec")) return readConverse(item);
  return item.members.has("function") || item.members.has("custom") ? readChat(item) : readMessages(item);
};

/** Of all others that have tools the form is chat's. */
const READERS: Partial<Record<Api, EntryReader>> = {
  responses: readResponses,
  messages: readMessages,
  count_tokens: readMessages,
  generate_content: readGemini,
  invoke: readInvoke,
};
