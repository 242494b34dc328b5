import type { Clock } from "../../core/base/clock.ts";
import { millis } from "../../core/base/quantity.ts";
import { fail } from "../../core/base/result.ts";
import { MAXIMUM_TOKEN_ANSWER, type TokenHttpRequest } from "../../core/credential/token-answer.ts";
import type { CompiledInferencePolicy } from "../../core/models/compile-inference-policy.ts";
import { AZURE_IMDS, credentialEndpoints } from "../../core/models/credential-endpoints.ts";
import type { Provider, ProviderEndpoint } from "../../core/models/inference-policy.ts";
import { credentialPermit } from "../../core/models/provider-permit.ts";
import type { ModelFailureCause, ModelRequest } from "../../edge/upstream/model-call.ts";
import { createModelClient, type ModelClient } from "../../edge/upstream/model-client.ts";
import type { TokenIssuer, TokenRequest, TokenRequestFailure } from "../credentials/token-request.ts";
import type { ConnectionRooms } from "./provider-routes.ts";
import { admitEndpoint } from "./provider-routes.ts";
import { wholeAnswer } from "./whole-answer.ts";

const CONNECT = millis(5_000);
const TIMEOUTS = { firstByte: millis(5_000), idle: millis(5_000), total: millis(10_000) };

/** Where a provider's credential is fetched, and the provider whose it is. */
interface IssuerPlace {
  readonly provider: Provider;
  readonly endpoint: ProviderEndpoint;
}

/**
 * Requests to token endpoints: one connection each, admitted like any other that leaves the pod, for an endpoint that a
 * provider of the policy in force names.
 */
export function tokenRequests(
  rooms: ConnectionRooms & { readonly clock: Clock },
  policy: () => CompiledInferencePolicy | { readonly state: "missing" },
): TokenRequest {
  return async (issuer, request, signal) => {
    const current = policy();
    if (current.state === "missing") return fail("address_not_allowed");
    const place = placeOf(current, issuer);
    if (place === undefined) return fail("address_not_allowed");
    const { provider, endpoint } = place;
    const client = createModelClient({
      scheme: endpoint.scheme,
      host: endpoint.host,
      port: endpoint.port,
      tls: { ca: undefined, serverName: undefined },
      open: (given) =>
        admitEndpoint(rooms, endpoint.host, given, () =>
          credentialPermit(current, provider, endpoint, rooms.egress(), rooms.time()),
        ),
      clock: rooms.clock,
      timeout: CONNECT,
    });
    try {
      return await ask(client, request, signal);
    } finally {
      client.destroy();
    }
  };
}

function placeOf(policy: CompiledInferencePolicy, issuer: TokenIssuer): IssuerPlace | undefined {
  for (const provider of policy.providers) {
    if (issuer.kind === "imds") {
      if (provider.credential.kind === "azureManagedIdentity") return { provider, endpoint: AZURE_IMDS };
      continue;
    }
    // A source lives over a reload: the endpoint it was opened with is the same one in the policy's newer words.
    const wanted = JSON.stringify(issuer.endpoint);
    if (JSON.stringify(provider.addresses) !== JSON.stringify(issuer.addresses)) continue;
    const found = credentialEndpoints(provider.credential).find(({ endpoint }) => JSON.stringify(endpoint) === wanted);
    if (found !== undefined) return { provider, endpoint: found.endpoint };
  }
  return undefined;
}

async function ask(
  client: ModelClient,
  { method, path, query, headers, body }: TokenHttpRequest,
  signal: AbortSignal,
): ReturnType<TokenRequest> {
  const octets = Buffer.from(body);
  const request: ModelRequest = {
    method,
    path: query === "" ? path : `${path}?${query}`,
    headers: headers.flat(),
    body: octets.length === 0 ? [] : [octets],
    length: octets.length,
  };
  const answer = await wholeAnswer(client, request, TIMEOUTS, MAXIMUM_TOKEN_ANSWER, signal);
  return answer.ok ? answer : fail(FAILURES[answer.problem] ?? "unreachable");
}

const FAILURES: Partial<Record<ModelFailureCause, TokenRequestFailure>> = {
  dns_failure: "dns_failure",
  address_not_allowed: "address_not_allowed",
  upstream_invalid: "answer_invalid",
  first_byte_timeout: "timed_out",
  idle_timeout: "timed_out",
  lifetime_limit: "timed_out",
  aborted: "timed_out",
};
