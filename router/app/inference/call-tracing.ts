import type { Clock } from "../../core/base/clock.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { InferencePolicySnapshot } from "../../core/models/compile-inference-policy.ts";
import type { Log } from "../../edge/log/log.ts";
import { NO_TRACING, openTracing, type Tracing } from "../../edge/tracing/tracing.ts";
import { createPoster, POST_DEADLINES } from "../../edge/upstream/post.ts";
import type { NameResolver } from "../../edge/upstream/resolver.ts";
import { secretSource } from "../endpoint-secrets.ts";

export interface TracingRooms {
  readonly config: Pick<RouterConfig, "tracing" | "identity">;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly resolve: NameResolver["resolve"];
  readonly models: () => InferencePolicySnapshot;
}

export interface CallTracing {
  readonly tracing: Tracing;
  /** After `tracing.close`. */
  close(): void;
}

/** Spans of calls, sent to the operator's collector the way audit exports are; where none is configured, none are made. */
export async function callTracing(rooms: TracingRooms): Promise<Result<CallTracing, string>> {
  const { endpoint, headersFile, percent, latestNames } = rooms.config.tracing;
  if (endpoint === undefined) return ok({ tracing: NO_TRACING, close: () => undefined });
  const secrets = secretSource(
    { ca: undefined, token: undefined, headers: headersFile, signingKey: undefined },
    rooms.clock,
  );
  const poster = createPoster({
    endpoint: { ...endpoint, path: `${endpoint.path}/v1/traces` },
    ca: undefined,
    resolve: rooms.resolve,
    deadlines: POST_DEADLINES,
  });
  if (!poster.ok) return poster;
  const tracing = await openTracing({
    percent,
    latestNames,
    version: rooms.version,
    identity: rooms.config.identity,
    post: async (headers, body, signal) => {
      const own = await secrets.read();
      return own.ok ? poster.value.post({ ...headers, ...own.value.headers }, body, signal) : fail(own.problem);
    },
    provider: (id) => {
      const policy = rooms.models();
      const provider = policy.state === "missing" ? undefined : policy.provider(id);
      if (provider === undefined) return undefined;
      const { host, port } = provider.endpoint;
      return { family: provider.api, host: host.text, port };
    },
    onHealth: (problem) =>
      rooms.log.event(problem === undefined ? "info" : "warn", "tracing", { problem: problem ?? "spans arrive again" }),
  });
  return ok({ tracing, close: () => poster.value.close() });
}
