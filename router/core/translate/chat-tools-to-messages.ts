import { ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { cacheControlOf } from "./cache-control.ts";
import { asObject, isAbsent, isList, isObject, isShallow, type JsonObject, present, textOf } from "./json-object.ts";
import { type Refusal, refuse, within } from "./refusal.ts";

interface Tools {
  readonly tools: readonly JsonObject[] | undefined;
  readonly toolChoice: JsonObject | undefined;
}

/** `tools`, `tool_choice` and `parallel_tool_calls` of a chat request. */
export function chatToolsToMessages(body: JsonObject): Result<Tools, Refusal> {
  const tools = readTools(body["tools"]);
  if (!tools.ok) return within(".tools", tools.problem);
  const choice = readChoice(body["tool_choice"]);
  if (!choice.ok) return within(".tool_choice", choice.problem);
  const parallel = body["parallel_tool_calls"];
  if (!isAbsent(parallel) && typeof parallel !== "boolean") {
    return refuse(".parallel_tool_calls", "The value must be true or false.");
  }
  if (tools.value.length === 0) {
    // Anthropic refuses a choice without tools; to choose none of none, or freely, says nothing.
    const type = choice.value?.["type"];
    return type === "any" || type === "tool"
      ? refuse(".tool_choice", "A tool cannot be required where there are no tools.")
      : ok({ tools: undefined, toolChoice: undefined });
  }
  const single = parallel === false && choice.value?.["type"] !== "none";
  const toolChoice = single ? { ...(choice.value ?? { type: "auto" }), disable_parallel_tool_use: true } : choice.value;
  return ok({ tools: tools.value, toolChoice });
}

function readTools(tools: Json | undefined): Result<readonly JsonObject[], Refusal> {
  if (isAbsent(tools)) return ok([]);
  if (!isList(tools)) return refuse("", "The tools must be a list.");
  const read: JsonObject[] = [];
  for (const [index, tool] of tools.entries()) {
    const one = readTool(tool);
    if (!one.ok) return within(`[${index}]`, one.problem);
    read.push(one.value);
  }
  return ok(read);
}

function readTool(tool: Json): Result<JsonObject, Refusal> {
  if (!isObject(tool)) return refuse("", "A tool must be an object.");
  if (tool["type"] !== "function") return refuse(".type", "Only functions can be carried over as tools.");
  const definition = asObject(tool["function"]);
  const name = textOf(definition?.["name"]);
  if (definition === undefined || name === undefined) {
    return refuse(".function.name", "The name of a function must be a string.");
  }
  const parameters = definition["parameters"];
  if (!isAbsent(parameters) && !(isObject(parameters) && isShallow(parameters))) {
    return refuse(".function.parameters", "The parameters must be a JSON Schema that nests at most 256 deep.");
  }
  return ok(
    present({
      name,
      description: textOf(definition["description"]),
      input_schema: { properties: {}, ...parameters, type: "object" },
      strict: definition["strict"] === true ? true : undefined,
      cache_control: cacheControlOf(tool) ?? cacheControlOf(definition),
    }),
  );
}

function readChoice(choice: Json | undefined): Result<JsonObject | undefined, Refusal> {
  if (isAbsent(choice)) return ok(undefined);
  if (choice === "auto" || choice === "none") return ok({ type: choice });
  if (choice === "required") return ok({ type: "any" });
  const chosen = asObject(choice);
  if (chosen?.["type"] !== "function") {
    return refuse("", "The tool choice must be auto, none, required or a function.");
  }
  const name = textOf(asObject(chosen["function"])?.["name"]);
  return name === undefined
    ? refuse(".function.name", "The name of a function must be a string.")
    : ok({ type: "tool", name });
}
