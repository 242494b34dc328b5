import type { Reason } from "../base/reason.ts";

interface ErrorTypeRow {
  /** `error.type` of OpenAI. */
  readonly openai: string;
  /** `error.code` of OpenAI and Azure, `error.details.error_code` of Anthropic. */
  readonly code: string;
  /** `error.type` of Anthropic: a closed list that its SDK knows. */
  readonly anthropic: string;
  /** google.rpc.Code */
  readonly google: string;
  /** Exception of Amazon Bedrock Runtime. */
  readonly aws: string;
}

const row = (openai: string, code: string, anthropic: string, google: string, aws: string): ErrorTypeRow => ({
  openai,
  code,
  anthropic,
  google,
  aws,
});

const invalid = (code: string): ErrorTypeRow =>
  row("invalid_request_error", code, "invalid_request_error", "INVALID_ARGUMENT", "ValidationException");
const forbidden = (code: string): ErrorTypeRow =>
  row("invalid_request_error", code, "permission_error", "PERMISSION_DENIED", "AccessDeniedException");
const upstream = (code: string): ErrorTypeRow =>
  row("server_error", code, "api_error", "UNAVAILABLE", "ServiceUnavailableException");
const busy = (code: string): ErrorTypeRow =>
  row("server_error", code, "overloaded_error", "UNAVAILABLE", "ServiceUnavailableException");
const limited = (openai: string, code: string): ErrorTypeRow =>
  row(openai, code, "rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException");

/**
 * The native error type of each reason: the closed list that bodies, metrics and documentation share. Sources: the
 * error references of OpenAI, Anthropic, google.rpc.Code and Bedrock Runtime (ai-gateways.md section 4.2).
 */
export const ERROR_TYPES: Readonly<Record<Reason, ErrorTypeRow>> = Object.freeze({
  malformed_request: invalid("malformed_request"),
  host_not_allowed: forbidden("host_not_allowed"),
  port_not_allowed: forbidden("port_not_allowed"),
  method_not_allowed: forbidden("method_not_allowed"),
  path_not_allowed: row(
    "invalid_request_error",
    "path_not_allowed",
    "not_found_error",
    "NOT_FOUND",
    "ResourceNotFoundException",
  ),
  denied_by_rule: forbidden("denied_by_rule"),
  blocklisted: forbidden("blocklisted"),
  inference_only: forbidden("inference_only"),
  address_not_allowed: forbidden("address_not_allowed"),
  sni_missing: invalid("sni_missing"),
  sni_mismatch: invalid("sni_mismatch"),
  ech_not_allowed: invalid("ech_not_allowed"),
  not_tls: invalid("not_tls"),
  host_mismatch: invalid("host_mismatch"),
  policy_missing: busy("policy_missing"),
  policy_expired: busy("policy_expired"),
  approval_expired: forbidden("approval_expired"),
  rate_limited: limited("requests", "rate_limit_exceeded"),
  connection_limit: limited("requests", "concurrency_limit_exceeded"),
  byte_limit: limited("tokens", "byte_limit"),
  lifetime_limit: row("server_error", "lifetime_limit", "timeout_error", "DEADLINE_EXCEEDED", "ModelTimeoutException"),
  idle_timeout: row("server_error", "idle_timeout", "timeout_error", "DEADLINE_EXCEEDED", "ModelTimeoutException"),
  budget_exhausted: limited("insufficient_quota", "budget_exhausted"),
  request_too_large: row(
    "invalid_request_error",
    "request_too_large",
    "request_too_large",
    "INVALID_ARGUMENT",
    "ValidationException",
  ),
  model_not_allowed: forbidden("model_not_allowed"),
  guardrail_blocked: row(
    "invalid_request_error",
    "content_filter",
    "invalid_request_error",
    "INVALID_ARGUMENT",
    "ValidationException",
  ),
  governance_denied: forbidden("governance_denied"),
  approval_required: forbidden("approval_required"),
  dns_failure: upstream("dns_failure"),
  upstream_unreachable: upstream("upstream_unreachable"),
  upstream_invalid: upstream("upstream_invalid"),
  overloaded: busy("server_is_overloaded"),
  draining: busy("draining"),
  audit_unavailable: busy("audit_unavailable"),
  internal: row("server_error", "internal", "api_error", "INTERNAL", "InternalServerException"),
});
