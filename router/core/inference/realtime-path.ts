import { fail, ok, type Result } from "../base/result.ts";
import { passedParameters, queryValue } from "./agent-route.ts";
import type { ProviderBase } from "./provider-path.ts";

/** What of a Realtime request's query goes on, besides the model. */
export interface RealtimeQuery {
  /** Azure's; undefined: the caller names none. */
  readonly apiVersion: string | undefined;
}

/** Azure's preview of Realtime, where neither policy nor caller names a version: the last there was. */
const PREVIEW_VERSION = "2025-04-01-preview";

const KNOWN: ReadonlySet<string> = new Set(["model", "deployment", "api-version"]);

/**
 * `query` with its "?" and without credentials. All that is not known is refused, for such parameters choose what the
 * connection is for: `call_id` joins a call that another request began, and `intent=transcription` leaves the model to a
 * message. The problem is one sentence.
 */
export function realtimeQuery(query: string): Result<RealtimeQuery, string> {
  if (passedParameters(query, KNOWN).length > 0) {
    return fail("Of a Realtime request only model (or deployment) and api-version are passed on.");
  }
  if (passedParameters(query, WITHOUT_VERSION).length === 0) return ok({ apiVersion: undefined });
  const apiVersion = queryValue(query, "api-version");
  if (apiVersion === undefined || !/^[0-9A-Za-z.-]{1,32}$/.test(apiVersion)) {
    return fail("The api-version is not one version.");
  }
  return ok({ apiVersion });
}

const WITHOUT_VERSION: ReadonlySet<string> = new Set(["model", "deployment"]);

/**
 * Path and query of a Realtime connection at a provider, or undefined where the provider has no such API. `model` is the
 * provider's own name of it. `preview`: the caller came by Azure's `/openai/realtime`, whose messages are of the preview;
 * every other path is of the API that OpenAI and Azure share.
 */
export function realtimePath(
  base: ProviderBase,
  model: string,
  preview: boolean,
  query: RealtimeQuery,
): string | undefined {
  const name = encodeURIComponent(model);
  if (base.api === "openai") return `${base.path}/realtime?model=${name}`;
  if (base.api !== "azure") return undefined;
  const root = base.path === "" ? "/openai" : base.path;
  if (root.endsWith("/v1")) return `${root}/realtime?model=${name}`;
  if (!preview) return `${root}/v1/realtime?model=${name}`;
  const version = base.apiVersion ?? query.apiVersion ?? PREVIEW_VERSION;
  return `${root}/realtime?api-version=${encodeURIComponent(version)}&deployment=${name}`;
}
