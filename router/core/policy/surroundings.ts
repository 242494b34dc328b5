import type { Port } from "../base/quantity.ts";
import type { Host } from "../wire/host.ts";

/** What a decision depends on besides the policy and the request. */
export interface Surroundings {
  /** Whether only the agent API leads there: the InferencePolicy in force sends calls of models there, or it is an MCP server. */
  isProviderHost(host: Host, port: Port): boolean;
  /** The feed that lists this host; undefined: none. */
  blocklist(host: Host): string | undefined;
}

export const NOTHING_AROUND: Surroundings = Object.freeze({
  isProviderHost: () => false,
  blocklist: () => undefined,
});
