import type { Port } from "../base/quantity.ts";
import { BARE_NETWORK } from "../policy/network.ts";
import type { Host } from "../wire/host.ts";
import type { McpServer } from "./mcp-server.ts";

/**
 * Where the servers of a policy are: what leads there otherwise would lead around the rules on their tools. True for a
 * server's host on its port, and for what `addresses` lists on theirs, also in the spelling of another address that
 * carries it. Other ports of the same host are the egress policy's matter.
 */
export function serverPlaces(servers: readonly McpServer[]): (host: Host, port: Port) => boolean {
  const places = new Set<string>();
  for (const { endpoint, addresses } of servers) {
    places.add(`${endpoint.host.text} ${endpoint.port}`);
    for (const { address, port } of addresses) if (port === endpoint.port) places.add(`${address} ${port}`);
  }
  if (places.size === 0) return nowhere;
  return (host, port) =>
    host.kind === "name"
      ? places.has(`${host.text} ${port}`)
      : BARE_NETWORK.aliases(host.text).some((alias) => places.has(`${alias} ${port}`));
}

const nowhere = (): boolean => false;
