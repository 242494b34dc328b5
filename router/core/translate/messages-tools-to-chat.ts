import { ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import {
  asObject,
  isAbsent,
  isList,
  isObject,
  isShallow,
  type JsonObject,
  present,
  textOf,
  typeOf,
} from "./json-object.ts";
import { type Refusal, refuse, within } from "./refusal.ts";

interface Tools {
  readonly tools: readonly JsonObject[] | undefined;
  readonly toolChoice: Json | undefined;
  readonly parallel: false | undefined;
}

const NO_TOOLS: Tools = Object.freeze({ tools: undefined, toolChoice: undefined, parallel: undefined });

/** `tools` and `tool_choice` of a messages request. */
export function messagesToolsToChat(body: JsonObject): Result<Tools, Refusal> {
  const tools = readTools(body["tools"]);
  if (!tools.ok) return within(".tools", tools.problem);
  const choice = body["tool_choice"];
  const toolChoice = readChoice(choice);
  if (!toolChoice.ok) return within(".tool_choice", toolChoice.problem);
  if (tools.value.length === 0) {
    return isAbsent(toolChoice.value) || toolChoice.value === "auto" || toolChoice.value === "none"
      ? ok(NO_TOOLS)
      : refuse(".tool_choice", "A tool cannot be required where there are no tools.");
  }
  const single = asObject(choice)?.["disable_parallel_tool_use"] === true;
  return ok({ tools: tools.value, toolChoice: toolChoice.value, parallel: single ? false : undefined });
}

function readTools(tools: Json | undefined): Result<readonly JsonObject[], Refusal> {
  if (isAbsent(tools)) return ok([]);
  if (!isList(tools)) return refuse("", "The tools must be a list.");
  const read: JsonObject[] = [];
  for (const [index, tool] of tools.entries()) {
    const one = readTool(tool);
    if (!one.ok) return within(`.${index}`, one.problem);
    read.push(one.value);
  }
  return ok(read);
}

/** Tools that the provider itself runs, or knows by their type, are refused. */
function readTool(tool: Json): Result<JsonObject, Refusal> {
  if (!isObject(tool)) return refuse("", "A tool must be an object.");
  const type = tool["type"];
  if (!isAbsent(type) && type !== "custom") return refuse(".type", "Only the caller's own tools can be carried over.");
  const name = textOf(tool["name"]);
  if (name === undefined) return refuse(".name", "The name of a tool must be a string.");
  const schema = tool["input_schema"];
  if (!isObject(schema) || !isShallow(schema)) {
    return refuse(".input_schema", "There must be a JSON Schema that nests at most 256 deep.");
  }
  return ok({
    type: "function",
    function: present({
      name,
      description: textOf(tool["description"]),
      parameters: schema,
      strict: tool["strict"] === true ? true : undefined,
    }),
  });
}

function readChoice(choice: Json | undefined): Result<Json | undefined, Refusal> {
  if (isAbsent(choice)) return ok(undefined);
  const chosen = asObject(choice);
  switch (typeOf(choice)) {
    case "auto":
      return ok("auto");
    case "none":
      return ok("none");
    case "any":
      return ok("required");
    case "tool": {
      const name = textOf(chosen?.["name"]);
      return name === undefined
        ? refuse(".name", "The name of a tool must be a string.")
        : ok({ type: "function", function: { name } });
    }
    default:
      return refuse(".type", "The type must be auto, any, tool or none.");
  }
}
