import { quoted } from "../document/quoted.ts";
import { httpOrigin } from "../wire/http-url.ts";
import { classifyAddress } from "../policy/special-use.ts";
import type { GovernancePolicyDocument, GovernanceRule } from "./governance-policy.ts";
import type { Warn } from "./lint-warning.ts";
import { mayConcern } from "./text-scope.ts";
import { SELF } from "./peer-shape.ts";

type Document = Pick<GovernancePolicyDocument, "rules" | "mcp" | "trust">;

/** MCP servers that nobody may use, or whose credential can be read on the way. */
export function lintServers({ rules, mcp }: Document, warn: Warn): void {
  const ofTools = rules.filter((rule) => mayAllow(rule) && rule.actions.includes("tool"));
  const places = new Map<string, string>();
  for (const { id, endpoint, addresses, credential } of mcp) {
    if (!ofTools.some((rule) => mayConcern(rule, "server", id))) {
      warn(0, "unused_server", `No rule can allow a tool of the MCP server ${quoted(id)}.`);
    }
    const leaves = addresses.some(({ address }) => classifyAddress(address).name !== "loopback");
    if (endpoint.scheme === "http" && credential !== undefined && leaves) {
      warn(0, "credential_in_clear", `The credential of the MCP server ${quoted(id)} is sent in clear, by http.`);
    }
    const place = `${httpOrigin(endpoint)}${endpoint.path}`;
    const other = places.get(place);
    if (other === undefined) places.set(place, id);
    else {
      const message = `The MCP servers ${quoted(other)} and ${quoted(id)} are one: a rule about the one is none about the other.`;
      warn(0, "same_server", message);
    }
  }
}

/** Peers and rules that the graph, or the want of a rule, leaves without effect. */
export function lintPeers({ rules, trust }: Document, warn: Warn): void {
  const { peers, graph } = trust;
  const named = new Set(graph.flatMap(({ from, to }) => [from, to]));
  const reached = new Set(graph.filter(({ from }) => from === SELF).map(({ to }) => to));
  const ofMesh = rules.filter((rule) => mayAllow(rule) && rule.actions.includes("mesh.send"));
  for (const { id } of peers) {
    if (!named.has(id)) {
      warn(0, "unconnected_peer", `No edge of the graph names the peer ${quoted(id)}: it is spoken to by nobody.`);
    } else if (reached.has(id) && !ofMesh.some((rule) => mayConcern(rule, "peer", id))) {
      warn(0, "unused_peer", `The graph leads to the peer ${quoted(id)}, and no rule can allow mesh.send to it.`);
    }
  }
  for (const { id, line, when } of ofMesh) {
    for (const condition of when) {
      if (condition.kind !== "text" || condition.fact !== "peer") continue;
      const missed = condition.test.in.find((peer) => !reached.has(peer));
      if (missed === undefined) continue;
      const message = `The rule ${quoted(id)} names ${quoted(missed)}, and no edge of the graph leads there from self.`;
      warn(line, "peer_not_connected", message);
    }
  }
}

function mayAllow({ effect }: GovernanceRule): boolean {
  return effect !== "deny";
}
