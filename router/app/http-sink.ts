import { createHmac } from "node:crypto";
import type { Clock } from "../core/base/clock.ts";
import type { Endpoint } from "../core/config/endpoint-shape.ts";
import { createPoster, type PostDeadlines, type Poster } from "../edge/upstream/post.ts";
import type { NameResolver } from "../edge/upstream/resolver.ts";
import type { SecretSource } from "./endpoint-secrets.ts";
import { type Delivery, type ExportProtocol, judgeAnswer, type Sink } from "./export-delivery.ts";

export interface HttpSinkOptions {
  /** Of a webhook, as it is posted to; of OTLP, the base under which `/v1/logs` is. */
  readonly endpoint: Endpoint;
  readonly protocol: ExportProtocol;
  readonly secrets: SecretSource;
  readonly resolve: NameResolver["resolve"];
  readonly clock: Clock;
  readonly deadlines: PostDeadlines;
}

/**
 * Posts each batch to an endpoint. Where a signing key is given, the header `Sluice-Signature: sha256=<hex>` holds the
 * HMAC-SHA256 of the body under it; where a secret cannot be read, nothing is sent without it.
 */
export function createHttpSink(options: HttpSinkOptions): Sink {
  const { endpoint, protocol, secrets, resolve, clock, deadlines } = options;
  const target = protocol === "otlp" ? logsOf(endpoint) : endpoint;
  let poster: Poster | undefined;
  let trusted: string | undefined;

  /** The client for these certificates: other ones are for new connections only. */
  function posterFor(ca: string | undefined): Poster | string {
    if (poster !== undefined && trusted === ca) return poster;
    poster?.close();
    poster = undefined;
    const created = createPoster({ endpoint: target, ca, resolve, deadlines });
    if (!created.ok) return created.problem;
    trusted = ca;
    poster = created.value;
    return poster;
  }

  return {
    async deliver({ contentType, body }, records, signal) {
      const read = await secrets.read();
      if (!read.ok) return failed(read.problem);
      const { ca, headers, signingKey } = read.value;
      const client = posterFor(ca);
      if (typeof client === "string") return failed(client);
      const octets = Buffer.from(body);
      const answer = await client.post(
        {
          ...headers,
          "content-type": contentType,
          "user-agent": "sluice",
          ...(signingKey === undefined ? {} : { "sluice-signature": `sha256=${signature(signingKey, octets)}` }),
        },
        octets,
        signal,
      );
      if (!answer.ok) return failed(answer.problem);
      if (answer.value.status === 401 || answer.value.status === 403) secrets.forget();
      return judgeAnswer(answer.value, records, protocol, clock.now());
    },
    async prepare() {
      const read = await secrets.read();
      const client = read.ok ? posterFor(read.value.ca) : read.problem;
      if (typeof client !== "string") await client.prepare();
    },
    close() {
      poster?.close();
    },
  };
}

function signature(key: Uint8Array, octets: Uint8Array): string {
  return createHmac("sha256", key).update(octets).digest("hex");
}

function failed(problem: string): Delivery {
  return { kind: "failed", problem, retryAfter: undefined };
}

/** OTLP 1.x, "OTLP/HTTP request": the path of logs under the configured base. */
function logsOf(endpoint: Endpoint): Endpoint {
  const base = endpoint.path.endsWith("/") ? endpoint.path.slice(0, -1) : endpoint.path;
  return { ...endpoint, path: `${base}/v1/logs` };
}
