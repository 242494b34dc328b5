import type { Reason } from "../../core/base/reason.ts";

const RULE = "Ask the owner of the policy for a rule that names";
const CHANGE = "Change the request: no rule would allow it as it is.";
const LIMIT = "Ask again later, or ask the owner of the policy for a higher limit.";
const OPERATOR = "Ask again later; where that does not help, tell who runs this router.";
const ORIGIN = "Ask again later; where that does not help, see whether the host is the right one and is up.";

/** What an agent can do about a refusal, where nothing finer is known. ASCII. */
export const HOW_TO_REQUEST: Readonly<Record<Reason, string>> = {
  malformed_request: CHANGE,
  host_not_allowed: `${RULE} this host and port.`,
  port_not_allowed: `${RULE} this host and port.`,
  method_not_allowed: `${RULE} this host and method.`,
  path_not_allowed: `${RULE} this host and path.`,
  denied_by_rule: "Ask the owner of the policy about the rule that is named here.",
  blocklisted: "Ask the owner of the policy to take this host out of the blocklists.",
  inference_only: "Use the agent API of this router.",
  address_not_allowed: `${RULE} this address and port.`,
  sni_missing: CHANGE,
  sni_mismatch: CHANGE,
  ech_not_allowed: CHANGE,
  not_tls: "Use TLS, or ask the owner of the policy for a rule of another protocol.",
  host_mismatch: CHANGE,
  policy_missing: OPERATOR,
  policy_expired: "Ask the owner of the policy for a newer one.",
  approval_expired: "Ask for another approval.",
  rate_limited: LIMIT,
  connection_limit: LIMIT,
  byte_limit: LIMIT,
  lifetime_limit: LIMIT,
  idle_timeout: LIMIT,
  budget_exhausted: LIMIT,
  request_too_large: "Send less, or ask the owner of the policy for a higher limit.",
  model_not_allowed: "Ask the owner of the policy for a rule that names this model.",
  guardrail_blocked: "Ask the owner of the policy about the guardrail.",
  governance_denied: "Ask the owner of the governance policy.",
  approval_required: "Ask for an approval.",
  dns_failure: ORIGIN,
  upstream_unreachable: ORIGIN,
  upstream_invalid: ORIGIN,
  overloaded: OPERATOR,
  draining: OPERATOR,
  audit_unavailable: OPERATOR,
  internal: OPERATOR,
};
