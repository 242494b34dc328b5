import { STATUS_CODES } from "node:http";
import { REASONS, type Reason } from "../../core/base/reason.ts";
import type { ToolAction } from "../../core/governance/action.ts";
import { RPC_ERROR, rpcError } from "../../core/mcp/rpc-error.ts";
import type { RpcId } from "../../core/mcp/rpc-message.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { errorBody, type GovernanceRefusal, retryField } from "../governance/governance-answer.ts";
import type { DeniedCall } from "./judged-call.ts";

/** What the agent is told instead of an answer of the server's: HTTP's words, and a JSON-RPC error. */
export interface McpRefusal extends GovernanceRefusal {
  /** Of the JSON-RPC error; the reason's own where there is none. */
  readonly code?: number;
  /** Where it is finer than the reason's own sentence; repeats nothing of the agent's and of the server's. */
  readonly sentence?: string | undefined;
}

/** A refusal of a call: the JSON-RPC error is the answer, and the answer is whole (200). */
export function refusalOf({ action, denial }: DeniedCall, asking: boolean): McpRefusal & { readonly data: unknown } {
  const how = denial.askable && asking ? { how_to_request: howToRequest(action) } : {};
  return { ...denial, status: 200, data: how };
}

/** The JSON-RPC error of a refusal; its data are those of contract.md, "Refusals". */
export function refusalText(id: RpcId | undefined, request: string, refusal: McpRefusal, more: unknown = {}): string {
  const { reason, code, message, sentence } = refusal;
  const row = REASONS[reason];
  const told = sentence ?? (message === undefined ? row.sentence : `${row.sentence} ${message}`);
  const about = errorBody(request, refusal);
  const data = Object.assign({}, about, more);
  return rpcError(id, code ?? CODES[reason] ?? RPC_ERROR.refused, told, data);
}

const CODES: Partial<Record<Reason, number>> = {
  malformed_request: RPC_ERROR.invalidRequest,
  path_not_allowed: RPC_ERROR.methodNotFound,
  request_too_large: RPC_ERROR.invalidRequest,
  dns_failure: RPC_ERROR.upstream,
  upstream_unreachable: RPC_ERROR.upstream,
  upstream_invalid: RPC_ERROR.upstream,
  idle_timeout: RPC_ERROR.upstream,
  lifetime_limit: RPC_ERROR.upstream,
  internal: RPC_ERROR.internal,
};

/** Writes the whole answer. */
export function writeMcpRefusal(
  agent: AgentSocket,
  id: RpcId | undefined,
  request: string,
  refusal: McpRefusal,
  keepAlive: boolean,
  more: unknown = {},
): void {
  const { reason, retryAfter } = refusal;
  const row = REASONS[reason];
  const status = refusal.status ?? row.status;
  const body = Buffer.from(refusalText(id, request, refusal, more));
  const fields: (readonly [string, string])[] = [
    ["Content-Type", "application/json"],
    ["Content-Length", String(body.length)],
    ["Proxy-Status", `sluice; error=${row.proxyStatus}; details="${reason}"`],
    ["Sluice-Reason", reason],
    ["Sluice-Request-Id", request],
    ...(retryAfter === undefined ? [] : [retryField(retryAfter)]),
    ...(refusal.fields ?? []),
    ["Cache-Control", "no-store"],
    ["Connection", keepAlive ? "keep-alive" : "close"],
  ];
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const whole = Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${head}\r\n`, "latin1"),
    body,
  ]);
  if (keepAlive) agent.write(whole);
  else agent.finish(whole);
}

/** The action as the API takes it, but for the arguments, which the agent has. */
function howToRequest({ kind, server, tool }: ToolAction): unknown {
  return {
    method: "POST",
    path: "/governance/v1/requests",
    body: { action: { kind, server, tool, arguments: "the arguments as they were sent" }, reason: "why it is needed" },
  };
}
