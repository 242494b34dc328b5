import type { McpServer } from "../../core/mcp/mcp-server.ts";
import type { RpcRequest } from "../../core/mcp/rpc-message.ts";
import type { AllowedCall } from "./judged-call.ts";

/** A request of the agent's that has gone to a server, until its answer has come. */
export interface OpenCall {
  readonly server: McpServer;
  readonly request: RpcRequest;
  /** Undefined: it was none to be judged. */
  readonly allowed: AllowedCall | undefined;
  /** Octets of its answer at most. */
  readonly most: number;
}

/** It is over: `failed` is also an error that the tool itself reports; `unknown`: nobody will hear. */
export function closeCall({ allowed }: OpenCall, result: "succeeded" | "failed" | "unknown", bytes: number): void {
  allowed?.leave.ended(result, bytes, allowed.id);
}

/** A request of a server's that the agent was given, until the agent has answered. */
export interface ServerAsked {
  readonly server: McpServer;
  readonly allowed: AllowedCall | undefined;
}
