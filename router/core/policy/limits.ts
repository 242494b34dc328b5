import type { Bytes, Millis } from "../base/quantity.ts";

/** What a rule grants at most; `undefined` means the router's own default applies, never "without limit by accident". */
export interface RuleLimits {
  /** Octets from the agent to the origin, per tunnel or exchange; of a request, path, query and fields count with its content. */
  readonly bytesOut: Bytes | undefined;
  /** Octets from the origin to the agent, per tunnel or exchange. */
  readonly bytesIn: Bytes | undefined;
  readonly lifetime: Millis | undefined;
  readonly idle: Millis | undefined;
  /** New connections (tunnels, or plain-HTTP requests) per rolling minute, over the whole rule. */
  readonly connectionsPerMinute: number | undefined;
  /** The same for each host of the rule. */
  readonly hostConnectionsPerMinute: number | undefined;
  /** Open at the same time, over the whole rule. */
  readonly connections: number | undefined;
  /** Open at the same time, for each host of the rule. */
  readonly hostConnections: number | undefined;
}

/** Nothing granted beyond the router's own defaults. */
export const NO_LIMITS: RuleLimits = Object.freeze({
  bytesOut: undefined,
  bytesIn: undefined,
  lifetime: undefined,
  idle: undefined,
  connectionsPerMinute: undefined,
  hostConnectionsPerMinute: undefined,
  connections: undefined,
  hostConnections: undefined,
});
