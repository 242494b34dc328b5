import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isClientCredential,
  isOriginCredential,
  withoutCredentialParameters,
  withoutCredentialProtocols,
} from "../../../../router/core/credential/client-credentials.ts";
import { type CredentialApi, credentialHeaders, parseKey } from "../../../../router/core/credential/inject.ts";

test("INV-MODEL-STRIP: no request header by which an agent could say who calls or who pays leaves", () => {
  const never =
    "authorization proxy-authorization api-key x-api-key x-goog-api-key cookie x-amz-security-token x-amz-date " +
    "x-amz-content-sha256 x-amz-target x-ms-authorization-auxiliary x-goog-iam-authorization-token " +
    "x-goog-iam-authority-selector x-goog-authenticated-user-email x-goog-user-project openai-organization " +
    "openai-project ocp-apim-subscription-key x-ms-client-principal-id dpop x-forwarded-client-cert " +
    "cf-aig-authorization cf-access-client-id cf-access-client-secret " +
    "x_api_key api_key x_amz_security_token x-goog_api-key";
  for (const name of never.split(" ")) assert.ok(isClientCredential(name), name);
  const pass =
    "accept content-type content-length anthropic-version anthropic-beta openai-beta x-stainless-lang user-agent " +
    "x-amzn-bedrock-trace x-amzn-bedrock-guardrailidentifier x-ms-client-request-id x-ms-useragent x-goog-api-client " +
    "traceparent idempotency-key x-request-id";
  for (const name of pass.split(" ")) assert.ok(!isClientCredential(name), name);
});

test("INV-MODEL-STRIP: no response header that is a credential, asks for one or tells whose it is comes back", () => {
  const never =
    "set-cookie set-cookie2 www-authenticate proxy-authenticate authentication-info authorization api-key x-api-key " +
    "x-goog-api-key x-amz-security-token openai-organization openai-project anthropic-organization-id";
  for (const name of never.split(" ")) assert.ok(isOriginCredential(name), name);
  const pass =
    "content-type retry-after x-ratelimit-remaining-tokens anthropic-ratelimit-tokens-reset x-request-id request-id " +
    "openai-processing-ms openai-version x-amzn-requestid x-ms-region apim-request-id";
  for (const name of pass.split(" ")) assert.ok(!isOriginCredential(name), name);
});

test("INV-MODEL-STRIP: a query loses what providers take for a credential, however its name is spelled", () => {
  const rows: readonly (readonly [query: string, expected: string])[] = [
    ["", ""],
    ["api-version=2024-10-21", "api-version=2024-10-21"],
    ["alt=sse&key=AIzaSyEXAMPLE", "alt=sse"],
    ["key=a&key=b&alt=sse", "alt=sse"],
    ["KEY=a", ""],
    ["%6bey=a&alt=sse", "alt=sse"],
    ["%6B%65%79", ""],
    ["+key=a", ""],
    ["key%20=a", ""],
    ["k%ffey=a&alt=sse", "alt=sse"],
    ["a%=1", ""],
    ["X-Amz-Signature=00&X-Amz-Credential=x&b=%2F+c", "b=%2F+c"],
    ["x-goog-signature=1", ""],
    ["subscription-key=a&api_key=b&apikey=c&access_token=d&api-key=e", ""],
    ["monkey=a&keys=b&key2=c", "monkey=a&keys=b&key2=c"],
    ["&&a=1", "&&a=1"],
  ];
  for (const [query, expected] of rows) assert.equal(withoutCredentialParameters(query), expected, query);
});

test("INV-MODEL-STRIP: a WebSocket's protocols lose the key that browsers put there", () => {
  const rows: readonly (readonly [protocols: string, expected: string])[] = [
    ["realtime, openai-insecure-api-key.sk-abc, openai-beta.realtime-v1", "realtime, openai-beta.realtime-v1"],
    ["OpenAI-Insecure-API-Key.sk-abc", ""],
    ["realtime,openai-organization.org-1,openai-project.p", "realtime"],
    ["", ""],
    [" , ,", ""],
  ];
  for (const [protocols, expected] of rows) assert.equal(withoutCredentialProtocols(protocols), expected, protocols);
});

test("each API gets its key where it looks for one, and a token as Bearer", () => {
  const keys: readonly (readonly [api: CredentialApi, name: string, value: string])[] = [
    ["openai", "authorization", "Bearer k"],
    ["ollama", "authorization", "Bearer k"],
    ["bedrock", "authorization", "Bearer k"],
    ["azure", "api-key", "k"],
    ["anthropic", "x-api-key", "k"],
    ["gemini", "x-goog-api-key", "k"],
  ];
  for (const [api, name, value] of keys) {
    assert.deepEqual(credentialHeaders(api, "key", "k"), [[name, value]]);
    assert.deepEqual(credentialHeaders(api, "token", "t"), [["authorization", "Bearer t"]]);
    assert.ok(isClientCredential(name), "what is injected is removed before");
    assert.ok(isOriginCredential(name), "and does not come back");
  }
  for (const text of ["", " ", "a b", "a\tb", "a\nb", "a\r", "\u0000", "caf\u00e9", "\ufeffsk-a", "a".repeat(16_385)]) {
    assert.equal(parseKey(text), undefined, JSON.stringify(text.slice(0, 10)));
  }
  assert.equal(parseKey("sk-!~"), "sk-!~");
});
