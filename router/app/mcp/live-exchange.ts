import type { Reason } from "../../core/base/reason.ts";
import type { McpServer } from "../../core/mcp/mcp-server.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";
import type { OpenCall } from "./open-call.ts";

/** An exchange that has not ended, as whoever may end it sees it. */
export interface LiveExchange {
  readonly server: McpServer;
  /** Where the request went: undefined until it has a connection. */
  readonly address: IpAddress | undefined;
  /** The request that is not answered yet. */
  readonly call: OpenCall | undefined;
  /** What the server was asked, as a tool's name. */
  readonly method: string;
  /** What may not go on ends, and the agent is told why. */
  cut(reason: Reason): void;
}
