import type { EgressRequest } from "../policy/egress-request.ts";
import type { Obligations } from "../policy/permit.ts";

/** How a destination was spoken to: an opaque TLS tunnel, requests in clear, any other tunnel, requests within TLS. */
export type SeenKind = (typeof SEEN_KINDS)[number];

export const SEEN_KINDS = ["tls", "http", "tcp", "https-inspected"] as const;

/** Undefined: a tunnel that opens nothing itself, since each request in it is an exchange of its own. */
export function seenKind(request: EgressRequest, { protocol, inspect }: Obligations): SeenKind | undefined {
  if (request.via === "http") return request.secure === true ? "https-inspected" : "http";
  if (protocol === "http" || inspect) return undefined;
  return protocol;
}

/** Whether methods and paths are known of it. */
export function showsRequests(kind: SeenKind): boolean {
  return kind === "http" || kind === "https-inspected";
}
