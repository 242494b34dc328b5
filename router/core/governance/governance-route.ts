/** What a request on the agent API is for, beside models. */
export type GovernanceRoute =
  /** `POST /governance/v1/evaluate` */
  | { readonly kind: "evaluate" }
  /** `POST /governance/v1/report`: how an action that was allowed ended. */
  | { readonly kind: "report" }
  /** `POST /egress/v1/requests`, `POST /governance/v1/requests`: access is asked for. */
  | { readonly kind: "ask"; readonly scope: "egress" | "governance" }
  /** `GET` of the same: what was asked for. */
  | { readonly kind: "asked" }
  /** `GET .../requests/<id>`, with `?wait=<seconds>` until it is answered. */
  | { readonly kind: "answer"; readonly id: string }
  /** `DELETE .../requests/<id>` */
  | { readonly kind: "withdraw"; readonly id: string }
  /** `/mcp/<server>` of the Model Context Protocol's streamable HTTP. */
  | { readonly kind: "mcp"; readonly server: string; readonly method: "GET" | "POST" | "DELETE" }
  /** `GET /.well-known/agent-card.json` of A2A: this agent's own card. */
  | { readonly kind: "card" }
  /** A path of ours, with a method that it does not have. */
  | { readonly kind: "method"; readonly allow: string };

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62})$/;

/** Undefined: the path is none of these. Nothing in it is decoded: all names in it are plain. */
export function governanceRoute(method: string, path: string): GovernanceRoute | undefined {
  if (path === "/.well-known/agent-card.json") return only("GET", method, { kind: "card" });
  const [first, version, name, id, ...more] = path.slice(1).split("/");
  if (first === "mcp") {
    if (version === undefined || !NAME.test(version) || name !== undefined) return undefined;
    if (method !== "GET" && method !== "POST" && method !== "DELETE")
      return { kind: "method", allow: "GET, POST, DELETE" };
    return { kind: "mcp", server: version, method };
  }
  if ((first !== "governance" && first !== "egress") || version !== "v1" || more.length > 0) return undefined;
  if (name === "requests" && id !== undefined) return NAME.test(id) ? one(method, id) : undefined;
  if (id !== undefined) return undefined;
  if (name === "requests") {
    if (method === "POST") return { kind: "ask", scope: first };
    return method === "GET" ? { kind: "asked" } : { kind: "method", allow: "GET, POST" };
  }
  if (first !== "governance") return undefined;
  if (name === "evaluate") return only("POST", method, { kind: "evaluate" });
  return name === "report" ? only("POST", method, { kind: "report" }) : undefined;
}

function one(method: string, id: string): GovernanceRoute {
  if (method === "GET") return { kind: "answer", id };
  return method === "DELETE" ? { kind: "withdraw", id } : { kind: "method", allow: "GET, DELETE" };
}

function only(allow: string, method: string, route: GovernanceRoute): GovernanceRoute {
  return method === allow ? route : { kind: "method", allow };
}
