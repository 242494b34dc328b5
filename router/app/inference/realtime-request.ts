import { isClientCredential, withoutCredentialProtocols } from "../../core/credential/client-credentials.ts";
import { withoutCredentialParameters } from "../../core/credential/client-credentials.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { realtimePath, realtimeQuery, type RealtimeQuery } from "../../core/inference/realtime-path.ts";
import type { AgentRoute } from "../../core/inference/agent-route.ts";
import type { ModelTarget, Provider } from "../../core/models/inference-policy.ts";
import { dashed, fieldValues } from "../../core/wire/fields.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { Field } from "../../core/wire/message-head.ts";
import { isToken } from "../../core/wire/octet-class.ts";
import type { RealtimeHandshake } from "../../edge/upstream/realtime-handshake.ts";
import type { CallProblem } from "./call-problem.ts";
import type { InferenceRooms } from "./inference-rooms.ts";
import { hostField, isPassed } from "./outgoing-request.ts";

/** What an agent asks for, without what is its own: credentials, and offers that would make frames unreadable. */
export interface RealtimeAsk {
  readonly query: RealtimeQuery;
  /** The caller came by Azure's older path. */
  readonly preview: boolean;
  readonly fields: readonly Field[];
  readonly protocols: readonly string[];
}

/** Written anew. Without extensions every frame is as it looks (RFC 7692 would compress them). */
const OF_THE_HANDSHAKE: ReadonlySet<string> = new Set(["sec-websocket-extensions", "sec-websocket-protocol"]);

/** A text that stands for 16 octets (RFC 6455 section 4.1). */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

export function realtimeAsk(
  request: HttpForwardRequest,
  route: Extract<AgentRoute, { kind: "realtime" }>,
): Result<RealtimeAsk, CallProblem> {
  if (request.upgrade === undefined) return malformed("The Realtime API is spoken over a WebSocket.");
  const [key = "", ...keys] = fieldValues(request, "sec-websocket-key");
  const [version, ...versions] = fieldValues(request, "sec-websocket-version");
  if (keys.length > 0 || !KEY.test(key) || versions.length > 0 || version !== "13") {
    return malformed("This is no WebSocket handshake of version 13.");
  }
  const query = realtimeQuery(withoutCredentials(request.query));
  if (!query.ok) return fail({ reason: "path_not_allowed", detail: query.problem });
  const offered = withoutCredentialProtocols(fieldValues(request, "sec-websocket-protocol").join(", "));
  const protocols = offered === "" ? [] : offered.split(", ");
  if (!protocols.every(isToken) || new Set(protocols).size < protocols.length) {
    return malformed("Sec-WebSocket-Protocol is not a list of different tokens.");
  }
  const fields = request.fields.filter(
    ({ name }) => !isClientCredential(name) && isPassed(name) && !OF_THE_HANDSHAKE.has(dashed(name)),
  );
  return ok({
    query: query.value,
    preview: route.family === "azure" && !request.path.startsWith("/openai/v1/"),
    fields: offered === "" ? fields : [...fields, fieldOf("Sec-WebSocket-Protocol", offered)],
    protocols,
  });
}

/** The handshake as this target is to be asked, with its credential. A promise only where a token is being fetched. */
export async function realtimeHandshake(
  rooms: InferenceRooms,
  provider: Provider,
  target: ModelTarget,
  ask: RealtimeAsk,
): Promise<Result<RealtimeHandshake, CallProblem>> {
  const { api, endpoint, apiVersion } = provider;
  const path = realtimePath({ api, path: endpoint.path, apiVersion }, target.model, ask.preview, ask.query);
  if (path === undefined) return fail(NOT_SERVED);
  const host = hostField(provider);
  const mark = path.indexOf("?");
  const added = await rooms.credentials.headersFor(provider, {
    method: "GET",
    path: path.slice(0, mark),
    query: path.slice(mark + 1),
    host,
    headers: [],
    bodySha256: () => SHA256_OF_NOTHING,
  });
  if (!added.ok) {
    const soon = added.problem.code === "issuer_unreachable" || added.problem.code === "closed";
    const detail = "The provider's credential is not at hand.";
    return fail({ reason: "upstream_unreachable", detail, ...(soon ? { status: 503, retryAfter: 1_000 } : {}) });
  }
  const credentials = added.value.map(([name, value]) => fieldOf(name, value));
  return ok({ target: path, host, fields: [...ask.fields, ...credentials], protocols: ask.protocols });
}

export const NOT_SERVED: CallProblem = {
  reason: "model_not_allowed",
  detail: "The model is not served on the Realtime API.",
  param: "model",
};

const SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

function withoutCredentials(query: string): string {
  const rest = withoutCredentialParameters(query.slice(1));
  return rest === "" ? "" : `?${rest}`;
}

function fieldOf(rawName: string, value: string): Field {
  return { name: rawName.toLowerCase(), rawName, value };
}

function malformed(detail: string): Result<never, CallProblem> {
  return fail({ reason: "malformed_request", detail });
}
