import type { McpServer } from "../../core/mcp/mcp-server.ts";
import type { RpcId } from "../../core/mcp/rpc-message.ts";
import type { AllowedCall } from "./judged-call.ts";

/** A request of the agent's that has gone to a server, until its answer has come. */
export interface OpenCall {
  readonly server: McpServer;
  readonly request: { readonly id: RpcId; readonly method: string };
  /** Undefined: it was none to be judged. */
  readonly allowed: AllowedCall | undefined;
  /** Octets of its answer at most. */
  readonly most: number;
  /** Octets of what the agent sent: of the message, and of the fields that went with it. */
  readonly sent: number;
  /** Octets that it keeps in memory. */
  readonly held: number;
}

/** It is over: `failed` is also an error that the tool itself reports, and an answer that nobody waited for. */
export function closeCall({ allowed, sent }: OpenCall, result: "succeeded" | "failed"): void {
  allowed?.leave.ended(result, sent, allowed.id);
}

/** It came to nothing before an octet of it was sent. */
export function dropCall({ allowed }: OpenCall): void {
  allowed?.leave.ended("failed", 0, allowed.id);
}

/** A request of a server's that the agent was given, until the agent has answered. */
export interface ServerAsked {
  readonly server: McpServer;
}
