import type { Result } from "../../core/base/result.ts";
import type { TokenHttpAnswer, TokenHttpRequest } from "../../core/credential/token-answer.ts";
import type { AddressAndPort } from "../../core/policy/egress-policy.ts";
import type { ProviderEndpoint } from "../../core/models/inference-policy.ts";

/** Where tokens come from: an endpoint that the policy names, or the node's own metadata service. */
export type TokenIssuer =
  | {
      readonly kind: "endpoint";
      readonly endpoint: ProviderEndpoint;
      /** The special-use addresses that it may lead to: those of the provider whose credential it is. */
      readonly addresses: readonly AddressAndPort[];
    }
  /** `http://169.254.169.254:80`, admitted for the one request that `imdsTokenRequest` makes, and for the router alone. */
  | { readonly kind: "imds" };

export const TOKEN_REQUEST_FAILURES = {
  dns_failure: "its name could not be resolved",
  address_not_allowed: "its name leads only to addresses that policy refuses",
  unreachable: "no connection could be made",
  tls_failed: "its certificate or TLS is not as it must be",
  timed_out: "it did not answer in time",
  answer_invalid: "its answer was cut, too large or not HTTP",
} as const;

export type TokenRequestFailure = keyof typeof TOKEN_REQUEST_FAILURES;

/**
 * One request to an issuer, over edge/upstream and through address admission. It follows no redirect, uses no proxy, asks
 * for no content coding, always checks certificates, sets `host` and `content-length`, ends when `signal` is aborted, and
 * gives up on a body of more than `MAXIMUM_TOKEN_ANSWER` octets. `request.path` is whole: the endpoint's own path is in it.
 * Why there is no answer is a word of a closed list, so that nothing of the request can be in it.
 */
export type TokenRequest = (
  issuer: TokenIssuer,
  request: TokenHttpRequest,
  signal: AbortSignal,
) => Promise<Result<TokenHttpAnswer, TokenRequestFailure>>;
