import type { EgressRequest } from "../policy/egress-request.ts";
import type { NamePermit } from "../policy/permit.ts";

/** How a destination was spoken to: TLS that nothing within was judged of, requests in clear, any other tunnel, requests within TLS. */
export type SeenKind = (typeof SEEN_KINDS)[number];

export const SEEN_KINDS = ["tls", "http", "tcp", "https-inspected"] as const;

/** Undefined: a tunnel that opens nothing itself, since each request in it is an exchange of its own. */
export function seenKind(
  request: EgressRequest,
  { obligations: { protocol, inspect }, unlisted }: Pick<NamePermit, "obligations" | "unlisted">,
): SeenKind | undefined {
  if (request.via === "http") return requestKind(request.secure === true, inspect, unlisted !== undefined);
  if (protocol === "http" || inspect) return undefined;
  return protocol;
}

/** A rule that lets tunnels through unread judges no request: it allows one sent in full by its host and port alone. */
export function requestKind(secure: boolean, inspect: boolean, isUnlisted: boolean): SeenKind {
  if (!secure) return "http";
  return inspect || isUnlisted ? "https-inspected" : "tls";
}

/** Whether methods and paths are known of it. */
export function showsRequests(kind: SeenKind): boolean {
  return kind === "http" || kind === "https-inspected";
}
