import { STATUS_CODES } from "node:http";
import { REASONS, type Reason } from "../../core/base/reason.ts";
import type { PolicyIdentity } from "../../core/policy/permit.ts";
import { HOW_TO_REQUEST } from "./how-to-request.ts";

export interface Refusal {
  readonly reason: Reason;
  /** The request id, also in audit and logs. */
  readonly request: string;
  readonly rule: string | undefined;
  readonly policy: PolicyIdentity | undefined;
  /** One sentence of ours that narrows the reason; never text that the agent sent. */
  readonly detail?: string;
  /** Where the reason's own status is too coarse: 414 or 431 instead of 400. */
  readonly status?: number;
  /** What the agent itself can do about it; ASCII. */
  readonly howToRequest?: string;
  /** Milliseconds after which the same may be asked again. */
  readonly retryAfter?: number;
}

/** The whole HTTP/1.1 response of a refusal (contract.md, "Refusals"; RFC 9209 `Proxy-Status`). */
export function refusalResponse(refusal: Refusal, keepAlive: boolean, withBody = true): string {
  const row = REASONS[refusal.reason];
  const status = refusal.status ?? row.status;
  const body = JSON.stringify({
    error: {
      type: "egress_denied",
      code: refusal.reason,
      message: refusal.detail === undefined ? row.sentence : `${row.sentence} ${refusal.detail}`,
      request_id: refusal.request,
      rule: refusal.rule ?? null,
      policy: refusal.policy ?? null,
      how_to_request: refusal.howToRequest ?? HOW_TO_REQUEST[refusal.reason],
    },
  });
  const isLater = refusal.retryAfter !== undefined || status === 429 || status === 503;
  // RFC 9110 section 10.2.3: whole seconds, never fewer than the wait.
  const seconds = Math.max(1, Math.ceil((refusal.retryAfter ?? 0) / 1_000));
  const retry = isLater ? `Retry-After: ${seconds}\r\n` : "";
  return (
    // Of a refused CONNECT most clients show nothing else.
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""} (sluice: ${refusal.reason})\r\n` +
    "Content-Type: application/json\r\n" +
    `Content-Length: ${body.length}\r\n` +
    `Proxy-Status: sluice; error=${row.proxyStatus}; details="${refusal.reason}"\r\n` +
    `Sluice-Reason: ${refusal.reason}\r\n` +
    `Sluice-Request-Id: ${refusal.request}\r\n` +
    retry +
    "Cache-Control: no-store\r\n" +
    `Connection: ${keepAlive ? "keep-alive" : "close"}\r\n` +
    `\r\n${withBody ? body : ""}`
  );
}

const ACCESS_DENIED = 49;
const INTERNAL_ERROR = 80;

/** TLS alert descriptions (RFC 8446 section 6, RFC 6066 section 3) of what is neither policy's word nor may pass. */
const ALERTS: Partial<Record<Reason, number>> = {
  malformed_request: 50,
  sni_missing: 112,
  sni_mismatch: 112,
  ech_not_allowed: ACCESS_DENIED,
};

/**
 * A fatal alert record in the clear, as a server answers a ClientHello it will not serve: `access_denied` is policy's word,
 * `internal_error` says that it may be tried again. Undefined where TLS was not spoken.
 */
export function refusalAlert(reason: Reason): Uint8Array | undefined {
  if (reason === "not_tls") return undefined;
  const description = ALERTS[reason] ?? (REASONS[reason].status === 403 ? ACCESS_DENIED : INTERNAL_ERROR);
  return Uint8Array.of(21, 3, 3, 0, 2, 2, description);
}
