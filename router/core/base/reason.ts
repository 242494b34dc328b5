/**
 * Why an exchange was refused or ended: the closed list that decisions, refusals, audit, metrics and
 * documentation share. Each row gives the HTTP status (contract.md, "Refusals"), the RFC 9209 error
 * type for `Proxy-Status`, and one sentence for people.
 */
interface ReasonRow {
  readonly status: number;
  readonly proxyStatus: string;
  readonly sentence: string;
}

const row = (status: number, proxyStatus: string, sentence: string): ReasonRow => ({ status, proxyStatus, sentence });

const rows = {
  malformed_request: row(400, "http_request_error", "The request is not well-formed."),
  host_not_allowed: row(403, "http_request_denied", "No rule of the egress policy allows this host."),
  port_not_allowed: row(403, "http_request_denied", "A rule allows this host, but not on this port."),
  method_not_allowed: row(403, "http_request_denied", "A rule allows this host, but not this method."),
  path_not_allowed: row(403, "http_request_denied", "A rule allows this host, but not this path."),
  denied_by_rule: row(403, "http_request_denied", "A rule of the egress policy refuses this request."),
  blocklisted: row(403, "http_request_denied", "The host is on a blocklist."),
  inference_only: row(
    403,
    "http_request_denied",
    "Model providers and MCP servers are reached through the agent API only.",
  ),
  address_not_allowed: row(403, "destination_ip_prohibited", "The name leads only to addresses that policy refuses."),
  sni_missing: row(421, "tls_protocol_error", "The TLS ClientHello names no server."),
  sni_mismatch: row(421, "tls_protocol_error", "The TLS server name is not the host that was judged."),
  ech_not_allowed: row(421, "tls_protocol_error", "Encrypted ClientHello hides the server name."),
  not_tls: row(403, "tls_protocol_error", "The rule asks for TLS, and this is something else."),
  host_mismatch: row(421, "http_request_error", "The Host field is not the host of the request-target."),
  policy_missing: row(503, "proxy_configuration_error", "No egress policy is loaded."),
  policy_expired: row(503, "proxy_configuration_error", "The egress policy has expired."),
  approval_expired: row(403, "http_request_denied", "The approval for this host has expired."),
  rate_limited: row(429, "http_request_denied", "Too many new connections for this rule."),
  connection_limit: row(429, "connection_limit_reached", "Too many open connections."),
  byte_limit: row(429, "http_request_denied", "The rule's byte limit is used up."),
  lifetime_limit: row(429, "connection_timeout", "The connection reached the longest life its rule allows."),
  idle_timeout: row(429, "connection_timeout", "The connection carried nothing for too long."),
  budget_exhausted: row(429, "http_request_denied", "The budget is used up."),
  request_too_large: row(413, "http_request_error", "The request is too large."),
  model_not_allowed: row(403, "http_request_denied", "No policy allows this model."),
  guardrail_blocked: row(403, "http_request_denied", "A guardrail refused the content."),
  governance_denied: row(403, "http_request_denied", "The governance policy refuses this action."),
  approval_required: row(403, "http_request_denied", "This action needs an approval."),
  dns_failure: row(502, "dns_error", "The name could not be resolved."),
  upstream_unreachable: row(502, "destination_unavailable", "The origin could not be reached."),
  upstream_invalid: row(502, "http_protocol_error", "The origin's answer is not well-formed."),
  overloaded: row(503, "connection_limit_reached", "The proxy is at its limit."),
  draining: row(503, "proxy_internal_response", "The proxy is shutting down."),
  audit_unavailable: row(503, "proxy_internal_error", "The audit log cannot be written, so nothing is forwarded."),
  internal: row(500, "proxy_internal_error", "The proxy failed; nothing was forwarded."),
} as const satisfies Record<string, ReasonRow>;

export type Reason = keyof typeof rows;

export const REASONS: Readonly<Record<Reason, ReasonRow>> = Object.freeze(rows);
