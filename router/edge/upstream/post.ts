import { X509Certificate } from "node:crypto";
import type { Dispatcher, Pool } from "undici";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { type Endpoint, endpointOrigin } from "../../core/config/endpoint-shape.ts";
import { lookupWith } from "./lookup-with.ts";
import type { NameResolver } from "./resolver.ts";

export interface PostDeadlines {
  readonly connect: Millis;
  /** From the request's last octet to the end of the answer's head. */
  readonly head: Millis;
  /** Of the whole body of the answer. */
  readonly body: Millis;
  /** Of everything. */
  readonly total: Millis;
}

export const POST_DEADLINES: PostDeadlines = {
  connect: millis(5_000),
  head: millis(15_000),
  body: millis(5_000),
  total: millis(30_000),
};

export interface PosterOptions {
  readonly endpoint: Endpoint;
  /** PEM, and then nobody else's certificates count; undefined: the roots that Node carries. */
  readonly ca: string | undefined;
  readonly resolve: NameResolver["resolve"];
  readonly deadlines: PostDeadlines;
  /** Requests at the same time; one, unless it says more. */
  readonly connections?: number;
  /** Octets of an answer's body that are kept; `MAXIMUM_BODY`, unless it says more. */
  readonly maximumBody?: number;
}

export interface PostAnswer {
  /** 200 to 599. */
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly contentType: string | undefined;
  /** The first `maximumBody` octets, as UTF-8; less where the rest did not come in time. The endpoint chose it. */
  readonly body: string;
}

/** Requests to one endpoint that the operator chose, one at a time over a connection that is kept. */
export interface Poster {
  /** The problem is one sentence, without anything of the request and without the endpoint's path and query. */
  post(
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array,
    signal: AbortSignal,
  ): Promise<Result<PostAnswer, string>>;
  /** Loads what the first request would wait for: about 0.1 s of this thread. */
  prepare(): Promise<void>;
  /** Cuts what is under way. */
  close(): void;
}

export const MAXIMUM_BODY = 4_096;
/** Read and thrown away beyond that, so that the connection can be used again; then it is cut. */
const MAXIMUM_DRAINED = 65_536;

/**
 * A client of one endpoint. It follows no redirect, reads no proxy from the environment, speaks HTTP/1.1, and always
 * checks certificates, whatever NODE_TLS_REJECT_UNAUTHORIZED says. Names go through the router's resolver, since
 * getaddrinfo could hold every thread that the audit log's fdatasync needs. Which address it is, is the operator's
 * choice: admission does not apply. A problem where the CA's text is none.
 */
export function createPoster(options: PosterOptions): Result<Poster, string> {
  const { endpoint, ca, resolve, deadlines, connections = 1, maximumBody = MAXIMUM_BODY } = options;
  const origin = endpointOrigin(endpoint);
  if (ca !== undefined && !isPem(ca)) return fail(`The certificates for ${origin} cannot be read.`);
  const path = `${endpoint.path === "" ? "/" : endpoint.path}${endpoint.query}`;
  let opened: Promise<Pool> | undefined;

  async function open(): Promise<Pool> {
    const { Pool: PoolOf } = await import("undici");
    return new PoolOf(origin, {
      connections,
      pipelining: 1,
      allowH2: false,
      headersTimeout: deadlines.head,
      bodyTimeout: deadlines.body,
      connect: {
        timeout: deadlines.connect,
        lookup: lookupWith(resolve),
        rejectUnauthorized: true,
        autoSelectFamily: true,
        ...(ca === undefined ? {} : { ca }),
      },
    });
  }

  const pool = (): Promise<Pool> => (opened ??= open());

  /**
   * After any failure the next request gets a client of its own. A pool of undici 8.12 never settles anything any more
   * once it has refused a header (measured); so no request here trusts it to settle, and none meets such a pool.
   */
  function drop(): void {
    const old = opened;
    opened = undefined;
    old?.then((client) => client.destroy()).catch(() => undefined);
  }

  return ok({
    async post(headers, body, signal) {
      const abort = new AbortController();
      const { promise: aborted, reject } = Promise.withResolvers<never>();
      const stop = (): void => {
        abort.abort();
        reject(new Error("aborted"));
      };
      const timer = setTimeout(stop, deadlines.total);
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      try {
        const client = await Promise.race([aborted, pool()]);
        const request = client.request({ path, method: "POST", headers, body, signal: abort.signal });
        const answer = await Promise.race([aborted, request]);
        const { "retry-after": retryAfter, "content-type": contentType } = answer.headers;
        return ok({
          status: answer.statusCode,
          retryAfter: typeof retryAfter === "string" ? retryAfter : undefined,
          contentType: typeof contentType === "string" ? contentType : undefined,
          body: await readCapped(answer.body, maximumBody, deadlines.body),
        });
      } catch (error) {
        drop();
        if (signal.aborted) return fail(`${origin}: given up.`);
        if (abort.signal.aborted) return fail(`${origin}: no answer within ${deadlines.total} ms.`);
        return fail(`${origin}: ${codeOf(error)}.`);
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", stop);
      }
    },
    async prepare() {
      await pool();
    },
    close: drop,
  });
}

/** Never fails: once there is a status, the endpoint has answered, and what its body comes to is no matter. */
async function readCapped(body: Dispatcher.ResponseData["body"], maximum: number, deadline: Millis): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  const cut = (): void => void body.destroy();
  // `destroy` makes the body fail, possibly after nobody reads it any more.
  body.on("error", () => undefined);
  const timer = setTimeout(cut, deadline);
  try {
    for await (const part of body as AsyncIterable<Buffer>) {
      if (length < maximum) parts.push(part.subarray(0, maximum - length));
      length += part.length;
      if (length > maximum + MAXIMUM_DRAINED) cut();
    }
  } catch {
    // Cut, by either side.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** True where every certificate in the text can be read, and there is one. */
function isPem(text: string): boolean {
  const blocks = text.split("-----END CERTIFICATE-----").slice(0, -1);
  try {
    for (const block of blocks) new X509Certificate(`${block}-----END CERTIFICATE-----\n`).toLegacyObject();
    return blocks.length > 0;
  } catch {
    return false;
  }
}

/** The code only: messages of undici and OpenSSL may repeat what was sent. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : "the request failed";
}
