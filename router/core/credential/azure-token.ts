import { FORM_HEADERS, formBody } from "./form-body.ts";
import { readTokenAnswer, type TokenHttpRequest } from "./token-answer.ts";

export interface AzureTokenQuestion {
  readonly tenant: string;
  readonly client: string;
  readonly scope: string;
  /** The pod's projected token. */
  readonly assertion: string;
}

/**
 * Microsoft identity platform, "client credentials flow", third case: a federated credential instead of a secret
 * (RFC 7523 section 2.2). `base` is the authority's path, empty for the public clouds.
 */
export function azureTokenRequest(base: string, question: AzureTokenQuestion): TokenHttpRequest {
  return {
    method: "POST",
    path: `${base}/${encodeURIComponent(question.tenant)}/oauth2/v2.0/token`,
    query: "",
    headers: FORM_HEADERS,
    body: formBody([
      ["grant_type", "client_credentials"],
      ["client_id", question.client],
      ["scope", question.scope],
      ["client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
      ["client_assertion", question.assertion],
    ]),
  };
}

export const readAzureToken = readTokenAnswer;
