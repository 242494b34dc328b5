import { createHash } from "node:crypto";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { isClientCredential, withoutCredentialParameters } from "../../core/credential/client-credentials.ts";
import { ANTHROPIC_VERSION, type HeaderList } from "../../core/credential/inject.ts";
import type { Api } from "../../core/inference/api.ts";
import { outgoingEdits } from "../../core/inference/outgoing-body.ts";
import { providerPath } from "../../core/inference/provider-path.ts";
import { editMembers } from "../../core/json/member-edit.ts";
import { splice } from "../../core/json/splice.ts";
import type { ModelTarget, Provider } from "../../core/models/inference-policy.ts";
import { formatHost } from "../../core/wire/host.ts";
import type { Translation } from "../../core/translate/translation.ts";
import { targetApi, translationFor } from "../../core/translate/translation-for.ts";
import type { ModelRequest } from "../../edge/upstream/model-call.ts";
import type { CredentialHeaders } from "../credentials/credentials.ts";
import type { Call } from "./call.ts";
import type { AdmittedCallParts } from "./admitted-call.ts";
import { type CallProblem, NOT_SPOKEN } from "./call-problem.ts";
import type { InferenceRooms } from "./inference-rooms.ts";
import type { ProviderConnections } from "./provider-routes.ts";
import { wholeBody } from "./whole-body.ts";

/** A request as one target gets it. */
export interface OutgoingCall {
  readonly request: ModelRequest;
  /** The API that the target speaks. */
  readonly api: Api;
  /** Undefined: the target speaks the caller's own. */
  readonly translation: Translation | undefined;
  /** A chat stream was asked for usage that the caller did not ask for. */
  readonly addedUsage: boolean;
}

/** What every request to a provider has, whatever the caller's own said. */
const JSON_TYPE = "application/json";
/** Of the headers, those that a signature covers. */
const SIGNED_HEADERS: HeaderList = [["content-type", JSON_TYPE]];

/** Written by the client, or of this connection only, or not for a provider. */
const NOT_PASSED: ReadonlySet<string> = new Set([
  "accept-encoding",
  "content-encoding",
  // One reader is to take the body as the scan took it: UTF-8, JSON.
  "content-type",
  "forwarded",
  "origin",
  "range",
  "referer",
  "via",
  // Google: an answer without the members that it does not name, usage among them.
  "x-goog-fieldmask",
]);

const NOT_PASSED_PREFIXES = [
  "if-",
  "x-forwarded-",
  // They choose another model, provider or price than the policy's.
  "x-portkey-",
  "helicone-",
  "x-litellm-",
  "x-amzn-bedrock-service-tier",
  "x-amzn-bedrock-performanceconfig",
  "cf-aig-",
  "x-vertex-ai-llm-",
];

/** Conditions on what is not cached, whom others believe the caller to be, and names that CGI and WSGI take for others. */
export function isPassed(name: string): boolean {
  if (NOT_PASSED.has(name) || name.includes("_")) return false;
  for (const prefix of NOT_PASSED_PREFIXES) if (name.startsWith(prefix)) return false;
  return true;
}

/** The call as this target is to be asked, with its credential. A promise only where a token is being fetched. */
export function outgoingRequest(
  rooms: InferenceRooms,
  call: Call,
  parts: AdmittedCallParts,
  connections: ProviderConnections,
  target: ModelTarget,
): Result<OutgoingCall, CallProblem> | Promise<Result<OutgoingCall, CallProblem>> {
  const { provider } = connections;
  const { route, request, facts } = parts;
  const translation = translationFor(route.api, provider.api);
  if (translation === "unsupported") return fail(NOT_SPOKEN);
  const native = translation === "native";
  const api: Api = native ? route.api : (targetApi(provider.api) ?? route.api);
  const query = request.query === "" ? "" : `?${withoutCredentialParameters(request.query.slice(1))}`;
  const base = { api: provider.api, path: provider.endpoint.path, apiVersion: provider.apiVersion };
  const path = providerPath(base, api, target.model, facts.stream, native && provider.api !== "gemini" ? query : "");
  if (path === undefined) return fail(NOT_SPOKEN);
  const streamUsage = provider.streamUsage && !connections.refusesStreamOptions;
  const body = native
    ? nativeBody(parts, provider, target, streamUsage)
    : translatedBody(parts, provider, target, translation, streamUsage);
  if (!body.ok) return body;

  const headers: string[] = ["content-type", JSON_TYPE];
  const { span } = call;
  if (span !== undefined) headers.push("traceparent", span.traceparent);
  if (span?.tracestate !== undefined) headers.push("tracestate", span.tracestate);
  let hasVersion = false;
  for (const { name, rawName, value } of request.fields) {
    if (isClientCredential(name) || !isPassed(name)) continue;
    if (span !== undefined && (name === "traceparent" || name === "tracestate")) continue;
    if (!native && name.startsWith("anthropic-")) continue;
    if (name === ANTHROPIC_VERSION[0]) hasVersion = true;
    headers.push(rawName, value);
  }
  if (provider.api === "anthropic" && !hasVersion) headers.push(...ANTHROPIC_VERSION);
  const { chunks, length } = body.value;
  const credential = rooms.credentials.headersFor(provider, {
    method: "POST",
    ...splitPath(path),
    host: hostField(provider),
    headers: SIGNED_HEADERS,
    bodySha256: () => sha256Of(chunks),
  });
  const asksUsage = streamUsage && facts.stream && !facts.wantsUsage && (api === "chat" || api === "completions");
  const outgoing: OutgoingCall = {
    request: { method: "POST", path, headers, body: chunks, length },
    api,
    translation: native ? undefined : translation,
    addedUsage: asksUsage,
  };
  return credential instanceof Promise
    ? credential.then((late) => withCredential(outgoing, headers, late))
    : withCredential(outgoing, headers, credential);
}

/** `headers` are the request's own, still to be added to. */
function withCredential(
  outgoing: OutgoingCall,
  headers: string[],
  credential: CredentialHeaders,
): Result<OutgoingCall, CallProblem> {
  if (!credential.ok) {
    const { code } = credential.problem;
    const soon = code === "issuer_unreachable" || code === "closed";
    const detail = "The provider's credential is not at hand.";
    return fail({ reason: "upstream_unreachable", detail, ...(soon ? { status: 503, retryAfter: 1_000 } : {}) });
  }
  for (const [name, value] of credential.value) headers.push(name, value);
  return ok(outgoing);
}

interface BodyChunks {
  readonly chunks: readonly Uint8Array[];
  readonly length: number;
}

function nativeBody(
  { route, body, facts, held }: AdmittedCallParts,
  provider: Provider,
  target: ModelTarget,
  streamUsage: boolean,
): Result<BodyChunks, CallProblem> {
  const wishes = {
    api: route.api,
    model: target.model,
    cap: held.outputCap,
    streamUsage,
    newCapName: newCapName(provider),
  };
  const changes = outgoingEdits(body.object, facts, wishes);
  return ok(changes.length === 0 ? body : splice(body.chunks, editMembers(body.object, changes)));
}

/** OpenAI's own newer models know only `max_completion_tokens`; many compatible origins know only the older name. */
function newCapName({ api, endpoint }: Provider): boolean {
  return api === "azure" || (endpoint.host.kind === "name" && /(?:^|\.)openai\.com$/.test(endpoint.host.text));
}

function translatedBody(
  parts: AdmittedCallParts,
  provider: Provider,
  target: ModelTarget,
  translation: Translation,
  streamUsage: boolean,
): Result<BodyChunks, CallProblem> {
  const whole = wholeBody(parts.body);
  if (!whole.ok) return whole;
  const cap = Math.min(parts.held.outputCap ?? Infinity, parts.facts.maxOutput ?? parts.model.maxOutput);
  const translated = translation.request(whole.value, { model: target.model, maxOutput: cap });
  if (!translated.ok) {
    const { param, sentence } = translated.problem;
    return fail({
      reason: "malformed_request",
      detail: `For this model's provider the call is translated. ${sentence}`,
      param,
    });
  }
  const { stream_options: usage, max_completion_tokens: most, ...rest } = translated.value;
  const written = {
    ...rest,
    ...(usage === undefined || !streamUsage ? {} : { stream_options: usage }),
    ...(most === undefined ? {} : { [newCapName(provider) ? "max_completion_tokens" : "max_tokens"]: most }),
  };
  const octets = Buffer.from(JSON.stringify(written));
  return ok({ chunks: [octets], length: octets.length });
}

function splitPath(path: string): { readonly path: string; readonly query: string } {
  const mark = path.indexOf("?");
  return mark === -1 ? { path, query: "" } : { path: path.slice(0, mark), query: path.slice(mark + 1) };
}

export function hostField({ endpoint }: Provider): string {
  const isDefault = endpoint.port === (endpoint.scheme === "https" ? 443 : 80);
  return `${formatHost(endpoint.host)}${isDefault ? "" : `:${endpoint.port}`}`;
}

function sha256Of(chunks: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}
