import type { EpochMillis } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { FORM_HEADERS, formBody } from "./form-body.ts";
import {
  type IssuedToken,
  isBearerToken,
  lifeUntil,
  readJsonAnswer,
  readTokenAnswer,
  type TokenHttpAnswer,
  type TokenHttpRequest,
} from "./token-answer.ts";

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";

/**
 * Google Security Token Service, `v1.token` (RFC 8693 section 2.1). `audience` is the identity pool provider's name;
 * `assertion` is the pod's projected token.
 */
export function gcpExchangeRequest(base: string, audience: string, assertion: string): TokenHttpRequest {
  return {
    method: "POST",
    path: `${base}/v1/token`,
    query: "",
    headers: FORM_HEADERS,
    body: formBody([
      ["grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"],
      ["audience", audience],
      ["scope", SCOPE],
      ["requested_token_type", "urn:ietf:params:oauth:token-type:access_token"],
      ["subject_token_type", "urn:ietf:params:oauth:token-type:jwt"],
      ["subject_token", assertion],
    ]),
  };
}

/** RFC 8693 section 2.2.1; that which was issued must be an access token. */
export function readGcpExchange(answer: TokenHttpAnswer): Result<IssuedToken, string> {
  const token = readTokenAnswer(answer);
  if (!token.ok) return token;
  const fields = readJsonAnswer(answer);
  const type = fields.ok ? fields.value["issued_token_type"] : undefined;
  return type === "urn:ietf:params:oauth:token-type:access_token" ? token : fail("The token is of an unknown type.");
}

/** IAM Service Account Credentials, `generateAccessToken`, with the token of the exchange. */
export function gcpImpersonationRequest(base: string, serviceAccount: string, token: string): TokenHttpRequest {
  return {
    method: "POST",
    path: `${base}/v1/projects/-/serviceAccounts/${encodeURIComponent(serviceAccount)}:generateAccessToken`,
    query: "",
    headers: [
      ["accept", "application/json"],
      ["authorization", `Bearer ${token}`],
      ["content-type", "application/json"],
    ],
    body: JSON.stringify({ scope: [SCOPE], lifetime: "3600s" }),
  };
}

/** `accessToken` and `expireTime`, an instant: `now` is that of the request. */
export function readGcpImpersonation(answer: TokenHttpAnswer, now: EpochMillis): Result<IssuedToken, string> {
  const fields = readJsonAnswer(answer);
  if (!fields.ok) return fields;
  const { accessToken: token, expireTime } = fields.value;
  if (typeof token !== "string" || !isBearerToken(token)) return fail("The answer holds no usable token.");
  const life = lifeUntil(expireTime, now);
  return life === undefined ? fail("The answer does not say how long the token lives.") : ok({ token, life });
}
