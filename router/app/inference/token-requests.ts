import type { Clock } from "../../core/base/clock.ts";
import { millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { MAXIMUM_TOKEN_ANSWER, type TokenHttpAnswer, type TokenHttpRequest } from "../../core/credential/token-answer.ts";
import type { CompiledInferencePolicy } from "../../core/models/compile-inference-policy.ts";
import { AZURE_IMDS, credentialEndpoints } from "../../core/models/credential-endpoints.ts";
import type { Provider, ProviderEndpoint } from "../../core/models/inference-policy.ts";
import { credentialPermit } from "../../core/models/provider-permit.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { ModelEnd, ModelSink } from "../../edge/upstream/model-call.ts";
import { createModelClient } from "../../edge/upstream/model-client.ts";
import type { TokenIssuer, TokenRequest } from "../credentials/token-request.ts";
import type { ConnectionRooms } from "./provider-routes.ts";
import { admitEndpoint } from "./provider-routes.ts";

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
    if (current.state === "missing") return fail("No policy names this token endpoint.");
    const place = placeOf(current, issuer);
    if (place === undefined) return fail("No provider of the policy names this token endpoint.");
    const { provider, endpoint } = place;
    const ca = provider.tls.caFile === undefined ? undefined : (rooms.certificates(provider.tls.caFile) ?? "");
    const client = createModelClient({
      scheme: endpoint.scheme,
      host: endpoint.host,
      port: endpoint.port,
      tls: { ca, serverName: undefined },
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
    const found = credentialEndpoints(provider.credential).find(({ endpoint }) => JSON.stringify(endpoint) === wanted);
    if (found !== undefined) return { provider, endpoint: found.endpoint };
  }
  return undefined;
}

function ask(
  client: ReturnType<typeof createModelClient>,
  request: TokenHttpRequest,
  signal: AbortSignal,
): Promise<Result<TokenHttpAnswer, string>> {
  const { promise, resolve } = Promise.withResolvers<Result<TokenHttpAnswer, string>>();
  const parts: Buffer[] = [];
  let length = 0;
  let status = 0;
  const sink: ModelSink = {
    head(given: number, _fields: readonly Field[]) {
      status = given;
    },
    data(chunk) {
      length += chunk.length;
      if (length <= MAXIMUM_TOKEN_ANSWER) parts.push(chunk);
      else call.abort();
      return true;
    },
    end(end: ModelEnd) {
      signal.removeEventListener("abort", abort);
      if (end.cause === "completed") resolve(ok({ status, body: Buffer.concat(parts) }));
      else resolve(fail(length > MAXIMUM_TOKEN_ANSWER ? "The answer is too long." : `${end.cause}: ${end.detail}`));
    },
  };
  const body = Buffer.from(request.body ?? "");
  const headers = request.headers.flat();
  const call = client.send(
    { method: request.method, path: request.path, headers, body: body.length === 0 ? [] : [body], length: body.length },
    sink,
    TIMEOUTS,
  );
  const abort = (): void => call.abort();
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  return promise;
}
