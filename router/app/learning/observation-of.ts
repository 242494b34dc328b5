import type { EpochMillis } from "../../core/base/quantity.ts";
import { shapeOf } from "../../core/learning/path-shape.ts";
import { LASTING, namedMethod, type Observation } from "../../core/learning/seen.ts";
import { seenKind, type SeenKind } from "../../core/learning/seen-kind.ts";
import type { Outcome } from "../../core/outcome/outcome.ts";
import type { EgressRequest } from "../../core/policy/egress-request.ts";
import type { Exchange } from "../exchange.ts";

/**
 * What a settled exchange shows: traffic that went to an origin, or a refusal that stands in learn mode too. Undefined: it
 * shows neither (the name led nowhere, the ClientHello was refused, its inner requests are exchanges of their own).
 */
export function observationOf(
  exchange: Pick<Exchange, "request" | "permit">,
  outcome: Outcome,
  at: EpochMillis,
): Observation | undefined {
  const { request, permit } = exchange;
  if (request === undefined) return undefined;
  const { host, port } = request;
  const asked =
    request.via === "http"
      ? { method: namedMethod(request.method), shape: shapeOf(request.path) }
      : { method: undefined, shape: undefined };
  const { bytesOut, bytesIn, address } = outcome.facts;
  const about = { host, port, ...asked, at, bytesOut, bytesIn };
  if (outcome.kind === "refused") {
    const { reason } = outcome;
    return LASTING.includes(reason)
      ? { ...about, kind: likelyKind(request), outcome: { allowed: false, reason } }
      : undefined;
  }
  const kind = permit === undefined ? undefined : seenKind(request, permit.obligations);
  if (permit === undefined || kind === undefined || address === undefined) return undefined;
  return { ...about, kind, outcome: { allowed: true, rule: permit.rule, unlisted: permit.unlisted } };
}

/** Of what was never permitted, what learn mode would have taken it for. */
function likelyKind(request: EgressRequest): SeenKind {
  if (request.via === "http") return request.secure === true ? "https-inspected" : "http";
  return request.port === 443 ? "tls" : "tcp";
}
