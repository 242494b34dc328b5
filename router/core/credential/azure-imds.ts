import { formBody } from "./form-body.ts";
import { readTokenAnswer, type TokenHttpRequest } from "./token-answer.ts";

/** Azure IMDS, "acquire a token using HTTP". `client` names a user-assigned identity; undefined: the system's. */
export function imdsTokenRequest(resource: string, client: string | undefined): TokenHttpRequest {
  return {
    method: "GET",
    path: "/metadata/identity/oauth2/token",
    query: formBody([
      ["api-version", "2018-02-01"],
      ["resource", resource],
      ...(client === undefined ? [] : ([["client_id", client]] as const)),
    ]),
    headers: [
      ["accept", "application/json"],
      ["metadata", "true"],
    ],
    body: "",
  };
}

export const readImdsToken = readTokenAnswer;
