import type { EpochMillis } from "../../core/base/quantity.ts";
import { shapeOf } from "../../core/learning/path-shape.ts";
import { LASTING, namedMethod, type Observation } from "../../core/learning/seen.ts";
import { seenKind, type SeenKind, showsRequests } from "../../core/learning/seen-kind.ts";
import type { Outcome } from "../../core/outcome/outcome.ts";
import type { EgressRequest } from "../../core/policy/egress-request.ts";
import type { Exchange } from "../exchange.ts";

/**
 * What a settled exchange shows: traffic that went to an origin, or a refusal that stands in learn mode too. Undefined: it
 * shows neither (the name led nowhere, the ClientHello was refused, its inner requests are exchanges of their own).
 */
export function observationOf(
  exchange: Pick<Exchange, "request" | "permit" | "admitted">,
  outcome: Outcome,
  at: EpochMillis,
): Observation | undefined {
  const { request, permit, admitted } = exchange;
  if (request === undefined) return undefined;
  const { host, port } = request;
  const asked =
    request.via === "http"
      ? { method: namedMethod(request.method), shape: shapeOf(request.path) }
      : { method: undefined, shape: undefined };
  const { bytesOut, bytesIn } = outcome.facts;
  const about = { host, port, ...asked, at, bytesOut, bytesIn };
  const reason = outcome.kind === "completed" ? undefined : outcome.reason;
  // Also what was open when it came to be denied.
  if (reason !== undefined && LASTING.includes(reason)) {
    return { ...about, kind: likelyKind(request), outcome: { allowed: false, reason } };
  }
  const kind = permit === undefined ? undefined : seenKind(request, permit);
  if (outcome.kind === "refused" || permit === undefined || kind === undefined || !admitted) return undefined;
  const known = showsRequests(kind) ? about : { ...about, method: undefined, shape: undefined };
  return { ...known, kind, outcome: { allowed: true, rule: permit.rule, unlisted: permit.unlisted } };
}

/** Of what is denied, what learn mode would have taken it for. */
function likelyKind(request: EgressRequest): SeenKind {
  if (request.via === "http") return request.secure === true ? "https-inspected" : "http";
  return request.port === 443 ? "tls" : "tcp";
}
