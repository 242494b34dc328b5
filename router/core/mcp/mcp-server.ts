import type { AddressAndPort } from "../policy/egress-policy.ts";
import type { Authority } from "../wire/authority.ts";

/** A Model Context Protocol server that the router speaks to for the agent, at `/mcp/<id>` of the agent API. */
export interface McpServer {
  /** What rules call `server`. */
  readonly id: string;
  readonly endpoint: Authority & { readonly scheme: "http" | "https"; readonly path: string };
  /** Special-use addresses that its name may lead to; http leads there and nowhere else. */
  readonly addresses: readonly AddressAndPort[];
  /** A name within the router's secrets directory: sent as `authorization: Bearer`, or as the field `header`. */
  readonly credential: { readonly file: string; readonly header: string | undefined } | undefined;
  /** Certificates (PEM) in a file of the secrets directory that count instead of the platform's. */
  readonly caFile: string | undefined;
  /** Octets of one message from the server. */
  readonly resultBytes: number;
  /** Milliseconds from a request to the beginning of its answer. */
  readonly timeout: number;
}
