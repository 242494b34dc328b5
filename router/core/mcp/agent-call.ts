import { fail, ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { hasLookAlike, hasOneReading, spellings } from "./one-reading.ts";
import { isJsonObject, type JsonObject, type ObjectMember, type RpcRequest } from "./rpc-message.ts";

/** What a request of either side means to the rules. */
export type McpCall =
  /** It reaches nothing: what comes back of a list is filtered. */
  | { readonly kind: "pass" }
  /** A tool; or whatever else a server can be asked, under its method's name. */
  | { readonly kind: "judged"; readonly tool: string; readonly arguments: Json };

export interface McpCallProblem {
  /** JSON-RPC: -32601 method not found, -32602 invalid params. */
  readonly code: -32601 | -32602;
  /** Repeats nothing of the request. */
  readonly sentence: string;
}

/** The handshake, what keeps a session going, and lists, whose items are judged one by one. */
const PASSED: ReadonlySet<string> = new Set([
  "initialize",
  "ping",
  "server/discover",
  "logging/setLevel",
  "tools/list",
  "resources/list",
  "resources/templates/list",
  "prompts/list",
]);

/** All that the protocol has. What is in none of them is no method, and no tool that can be called bears such a name. */
const AREAS =
  /^(?:completion|elicitation|logging|notifications|prompts|resources|roots|sampling|server|subscriptions|tasks|tools)\//;

/** UTF-16 units of a tool's name. */
const MOST_NAME = 256;

/** Members of params that somebody decides by: another spelling of one would be another call to readers that ignore case. */
const DECISIVE = spellings([
  "_meta",
  "arguments",
  "inputResponses",
  "name",
  "notifications",
  "requestState",
  "task",
  "taskId",
  "uri",
]);

/** What a request of the agent is to be judged as. The problem is for its answer. */
export function agentCall({ method, params }: RpcRequest): Result<McpCall, McpCallProblem> {
  const given = params?.value ?? {};
  const misread = paramsProblem(params);
  if (misread !== undefined) return fail({ code: -32602, sentence: misread });
  if (method === "tools/call") return toolCall(given);
  if (PASSED.has(method)) return ok(PASS);
  if (method === "subscriptions/listen" && !listensToResources(given)) return ok(PASS);
  if (!AREAS.test(method) || method.startsWith("notifications/")) {
    return fail({ code: -32601, sentence: "The method is none that is passed on." });
  }
  return ok(underItsMethod(method, given));
}

/** The same for a request that a server sends to the agent: but for `ping` each is judged. */
export function serverCall(method: string, params: JsonObject): McpCall {
  return method === "ping" ? PASS : underItsMethod(method, params);
}

/** A sentence where readers of JSON take params for different ones; undefined where all take them alike. */
export function paramsProblem(params: ObjectMember | undefined): string | undefined {
  if (params === undefined) return undefined;
  return hasLookAlike(params.value, DECISIVE) || !hasOneReading(params.value)
    ? "Params hold a name, a number or a text that readers take for different ones."
    : undefined;
}

/** A tool with such a name is the name of a method to the rules, and so is never listed nor called. */
export function isCallable(name: Json | undefined): name is string {
  return (
    typeof name === "string" && name !== "" && name.length <= MOST_NAME && name.isWellFormed() && !AREAS.test(name)
  );
}

const PASS: McpCall = Object.freeze({ kind: "pass" });
const NOTHING: JsonObject = Object.freeze({});

/** Members of a call's params that any revision has. */
const CALL: ReadonlySet<string> = new Set(["name", "arguments", "_meta", "task", "inputResponses", "requestState"]);

function toolCall(params: JsonObject): Result<McpCall, McpCallProblem> {
  const { name, arguments: given } = params;
  if (!isCallable(name)) return fail({ code: -32602, sentence: "The call names no tool that can be called." });
  if (given !== undefined && !isJsonObject(given)) {
    return fail({ code: -32602, sentence: "The arguments of a call are an object." });
  }
  if (!Object.keys(params).every((member) => CALL.has(member))) {
    return fail({ code: -32602, sentence: "The params of a call hold something that no rule can judge." });
  }
  return ok({ kind: "judged", tool: name, arguments: given ?? NOTHING });
}

/** What belongs to the exchange, and not to what is asked, is no argument. */
function underItsMethod(method: string, { _meta, ...given }: JsonObject): McpCall {
  return { kind: "judged", tool: method, arguments: given };
}

/** `subscriptions/listen` of 2026-07-28: changes of lists say nothing of what is in them. */
function listensToResources({ notifications }: JsonObject): boolean {
  if (notifications === undefined) return false;
  return !isJsonObject(notifications) || notifications["resourceSubscriptions"] !== undefined;
}
