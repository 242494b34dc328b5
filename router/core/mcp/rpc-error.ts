import type { RpcId } from "./rpc-message.ts";

/** JSON-RPC 2.0 section 5.1, and those of the Model Context Protocol. */
export const RPC_ERROR = {
  parse: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  /** 2026-07-28: a header and the body say different things. */
  headerMismatch: -32_020,
  /** Ours, out of what is left to implementations (-32000 to -32019). */
  refused: -32_010,
  upstream: -32_011,
} as const;

/** An error as the answer to a request; `null`: to what could not be read (section 5). */
export function rpcError(id: RpcId | undefined, code: number, message: string, data?: unknown): string {
  const error = data === undefined ? { code, message } : { code, message, data };
  return JSON.stringify({ jsonrpc: "2.0", id: id ?? null, error });
}
