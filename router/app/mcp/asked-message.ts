import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Json } from "../../core/json/json.ts";
import { agentCall, paramsProblem } from "../../core/mcp/agent-call.ts";
import type { McpServer } from "../../core/mcp/mcp-server.ts";
import { mirrorProblem } from "../../core/mcp/mirrored-fields.ts";
import { RPC_ERROR } from "../../core/mcp/rpc-error.ts";
import { MOST_ITEMS_AGENT, readRpcMessage, type RpcId } from "../../core/mcp/rpc-message.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { MessageProblem } from "./agent-message.ts";
import { isStateless } from "./asking.ts";
import { type HeldAction, heldAction } from "./held-action.ts";
import type { McpRefusal } from "./mcp-refusal.ts";

/** What a message of the agent's is, without its values: those are let go of once they are judged. */
export type AskedMessage =
  | { readonly kind: "response"; readonly id: RpcId | undefined }
  | { readonly kind: "notification"; readonly method: string }
  | {
      readonly kind: "request";
      readonly id: RpcId;
      readonly method: string;
      /** Undefined: it is none to be judged. */
      readonly action: HeldAction | undefined;
    };

/** Notifications of the agent's that go on. */
const NOTIFICATIONS: ReadonlySet<string> = new Set([
  "notifications/cancelled",
  "notifications/initialized",
  "notifications/progress",
  "notifications/roots/list_changed",
]);

/** Reads the octets of a message. Synchronous: its values are in memory for this turn only, of one message at a time. */
export function askedMessage(
  server: McpServer,
  request: HttpForwardRequest,
  octets: Uint8Array,
): Result<AskedMessage, MessageProblem> {
  const read = readRpcMessage([octets], MOST_ITEMS_AGENT);
  if (!read.ok) {
    const { kind, sentence, id } = read.problem;
    if (kind === "large") return refused({ reason: "request_too_large", sentence });
    const code = kind === "parse" ? RPC_ERROR.parse : RPC_ERROR.invalidRequest;
    return refused({ reason: "malformed_request", code, sentence }, id);
  }
  const message = read.value;
  const differs = mirrorProblem(request, message);
  if (differs !== undefined) {
    const id = message.kind === "request" ? message.id : undefined;
    return refused({ reason: "malformed_request", code: RPC_ERROR.headerMismatch, sentence: differs }, id);
  }
  switch (message.kind) {
    case "response":
      return ok({ kind: "response", id: message.id });
    case "notification": {
      const misread = paramsProblem(message.params);
      if (misread !== undefined) return refused({ reason: "malformed_request", sentence: misread });
      if (!NOTIFICATIONS.has(message.method))
        return refused({ reason: "malformed_request", sentence: NO_NOTIFICATION });
      return ok({ kind: "notification", method: message.method });
    }
    case "request": {
      const { id, method } = message;
      const asked = agentCall(message);
      if (!asked.ok) {
        const { code, sentence } = asked.problem;
        const status = code === RPC_ERROR.methodNotFound && isStateless(request) ? 404 : 200;
        return refused({ reason: "malformed_request", code, sentence, status }, id);
      }
      const call = asked.value;
      if (call.kind === "pass") return ok({ kind: "request", id, method, action: undefined });
      const action = heldAction(server.id, call.tool, call.arguments, () => argumentsOf(octets));
      return ok({ kind: "request", id, method, action });
    }
    default:
      return message satisfies never;
  }
}

const NO_NOTIFICATION = "The notification is none that is passed on.";

/** Of a message that was read before. */
function argumentsOf(octets: Uint8Array): Json {
  const read = readRpcMessage([octets], MOST_ITEMS_AGENT);
  const asked = read.ok && read.value.kind === "request" ? agentCall(read.value) : undefined;
  if (asked?.ok !== true || asked.value.kind !== "judged") throw new Error("a message reads otherwise the second time");
  return asked.value.arguments;
}

function refused(refusal: McpRefusal, id?: RpcId): Result<never, MessageProblem> {
  return fail({ refusal, id });
}
