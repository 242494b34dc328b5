import type { Field } from "../../core/wire/message-head.ts";
import type { McpRefusal } from "./mcp-refusal.ts";

/** How one request to a server ended. */
export type McpEnd =
  /** The agent has its answer, or what there was of it with an error at its end. */
  | { readonly kind: "answered" }
  /** Nothing was written. */
  | { readonly kind: "refused"; readonly refusal: McpRefusal }
  /** The server's own refusal, in its words: JSON-RPC. */
  | { readonly kind: "passed"; readonly status: number; readonly fields: readonly Field[]; readonly body: Uint8Array }
  /** The agent has left. */
  | { readonly kind: "left" };
