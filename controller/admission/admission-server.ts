import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { TlsOptions } from "node:tls";
import { ADMISSION_LIMITS, type AdmissionLimits } from "./admission-limits.ts";
import type { Answer } from "./answer.ts";
import { BodyIntake, type IntakeFailure } from "./body-intake.ts";
import { ConnectionTable } from "./connection-table.ts";
import { readReview } from "./read-review.ts";
import type { Review } from "./review.ts";
import { reviewResponse } from "./review-response.ts";

/** Synchronous: a review that is judged holds nobody else's memory while it waits. A throw is a bug, and refuses. */
export type Handler = (review: Review) => Answer;

export interface Webhook {
  /** In metrics. */
  readonly name: string;
  readonly handle: Handler;
}

/** One request, over. */
export interface Observation {
  /** Of the route; `other` for a path that is none. */
  readonly webhook: string;
  /** `patched` and `allowed` let pass, `refused` is a judgement, `failed` is no answer to a review at all. */
  readonly outcome: "allowed" | "patched" | "refused" | "failed";
  /** Of the judgement, or of the HTTP answer where there is none. */
  readonly code: number;
  readonly seconds: number;
}

export interface AdmissionServerOptions {
  /** 0: any. */
  readonly port: number;
  /** Default: all addresses of both families. */
  readonly host?: string;
  /** By path. */
  readonly webhooks: ReadonlyMap<string, Webhook>;
  readonly limits?: Partial<AdmissionLimits>;
  observe(observation: Observation): void;
  /** A bug in a handler, or an error of accepting; the peer sees a plain 500. */
  fault(thrown: unknown, webhook: string): void;
}

/** PEM: the chain, leaf first, and its key. */
export interface ServedPair {
  readonly certificate: string;
  readonly key: string;
}

export interface AdmissionServer extends AsyncDisposable {
  readonly port: number;
  /**
   * Served to every connection from now on; those that are open stay. Without one, handshakes fail. Throws where OpenSSL
   * does not take the pair: check it before (`read-pair.ts`).
   */
  serve(pair: ServedPair): void;
  /** What is in use now. */
  load(): { readonly connections: number; readonly requests: number; readonly heldOctets: number };
}

/** TLS 1.3, and of 1.2 what has forward secrecy and authenticated encryption (RFC 9325). */
const TLS: TlsOptions = {
  minVersion: "TLSv1.2",
  ciphers: [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
  ].join(":"),
  honorCipherOrder: true,
};

const MAXIMUM_HEAD_BYTES = 16 * 1024;
const INTAKE_STATUS: Readonly<Record<IntakeFailure, number>> = { too_large: 413, cut_short: 400, made_room: 503 };
const INTAKE_TEXT: Readonly<Record<IntakeFailure, string>> = {
  too_large: "the review is too large",
  cut_short: "the review ended early",
  made_room: "too many reviews are being sent",
};

/**
 * The webhook's HTTPS server. Whatever cannot be judged is answered with an HTTP error, which `failurePolicy: Fail` turns
 * into a refusal. Memory is bounded: so many connections, requests and octets of bodies, and over each bound the slowest
 * goes. A failed bind rejects with the system's error.
 */
export async function openAdmissionServer(options: AdmissionServerOptions): Promise<AdmissionServer> {
  const limits: AdmissionLimits = { ...ADMISSION_LIMITS, ...options.limits };
  const intake = new BodyIntake(limits.body, limits.heldBodies);
  const connections = new ConnectionTable(limits.connections);
  let requests = 0;
  let closing = false;

  const server = createServer(
    {
      ...TLS,
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: limits.head,
      maxHeaderSize: MAXIMUM_HEAD_BYTES,
      headersTimeout: Math.min(limits.head, limits.request),
      requestTimeout: limits.request,
      keepAliveTimeout: limits.idle,
      connectionsCheckingInterval: Math.min(1_000, limits.head),
      noDelay: true,
    },
    (request, response) => {
      accept(request, response);
    },
  );
  server.on("connection", (socket) => connections.add(socket));
  // Broken handshakes are a peer's affair; without this a peer's reset would be logged by nobody and end nothing.
  server.on("tlsClientError", (_error, socket) => socket.destroy());

  function accept(request: IncomingMessage, response: ServerResponse): void {
    const began = performance.now();
    const target = request.url ?? "";
    const question = target.indexOf("?");
    const webhook = options.webhooks.get(question === -1 ? target : target.slice(0, question));
    // The slowest makes room; where nobody is slow, everybody is being answered and the newcomer has to ask again.
    const full = requests >= limits.requests && !intake.evictOldest();
    requests += 1;
    const deadline = setTimeout(() => request.socket.destroy(), limits.request);
    let observed: Omit<Observation, "webhook" | "seconds"> = { outcome: "failed", code: 499 };
    let open = true;
    const over = (): void => {
      if (!open) return;
      open = false;
      clearTimeout(deadline);
      requests -= 1;
      ended(observed.outcome !== "failed");
      options.observe({ webhook: webhook?.name ?? "other", ...observed, seconds: (performance.now() - began) / 1000 });
    };
    const ended = connections.begin(request.socket, over);
    response.once("close", over);
    const fail = (status: number, text: string): void => {
      observed = { outcome: "failed", code: status };
      writeFailure(response, status, text);
    };
    if (full) return fail(429, "too many reviews are under way");
    if (webhook === undefined) return fail(404, "not found");
    if (request.method !== "POST") return fail(405, "only POST is answered here");
    if (!isJson(request.headers["content-type"])) return fail(415, "an AdmissionReview is application/json");
    if (Number(request.headers["content-length"] ?? 0) > limits.body) return fail(413, INTAKE_TEXT.too_large);
    void judge(webhook, request, response, fail, (outcome) => {
      observed = outcome;
    });
    return undefined;
  }

  async function judge(
    webhook: Webhook,
    request: IncomingMessage,
    response: ServerResponse,
    fail: (status: number, text: string) => void,
    settle: (outcome: Omit<Observation, "webhook" | "seconds">) => void,
  ): Promise<void> {
    const taken = await intake.read(request);
    if (!taken.ok) return fail(INTAKE_STATUS[taken.failure], INTAKE_TEXT[taken.failure]);
    try {
      const review = readReview(taken.body);
      if (!review.ok) return fail(400, review.problem);
      const answer = webhook.handle(review.value);
      const body = reviewResponse(review.value.uid, answer);
      settle(outcomeOf(answer));
      write(response, 200, "application/json", body, closing);
    } catch (thrown) {
      options.fault(thrown, webhook.name);
      fail(500, "internal error");
    } finally {
      taken.release();
    }
    return undefined;
  }

  async function close(): Promise<void> {
    closing = true;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    const deadline = setTimeout(() => server.closeAllConnections(), limits.drain);
    await closed;
    clearTimeout(deadline);
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: options.port, host: options.host }, resolve);
  });
  server.removeAllListeners("error").on("error", (thrown) => options.fault(thrown, "accept"));
  const at = server.address();
  if (at === null || typeof at === "string") throw new Error("a TCP server that listens has an address");
  return {
    port: at.port,
    // What is not repeated here goes back to Node's defaults.
    serve: ({ certificate, key }) => server.setSecureContext({ ...TLS, cert: certificate, key }),
    load: () => ({ connections: connections.size, requests, heldOctets: intake.held }),
    [Symbol.asyncDispose]: close,
  };
}

function outcomeOf(answer: Answer): Omit<Observation, "webhook" | "seconds"> {
  if (!answer.allowed) return { outcome: "refused", code: answer.code };
  return { outcome: answer.patch.length > 0 ? "patched" : "allowed", code: 200 };
}

/** RFC 9110 section 8.3: the type, in any case, with or without parameters. */
function isJson(contentType: string | undefined): boolean {
  return contentType?.split(";", 1)[0]?.trim().toLowerCase() === "application/json";
}

/** The connection ends with it: what else the peer sends on it is not worth reading. */
function writeFailure(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent || response.destroyed) return;
  if (status === 429 || status === 503) response.setHeader("Retry-After", "1");
  if (status === 405) response.setHeader("Allow", "POST");
  write(response, status, "text/plain; charset=utf-8", `${text}\n`, true);
}

function write(response: ServerResponse, status: number, contentType: string, body: string, last: boolean): void {
  response.writeHead(status, {
    "Content-Type": contentType,
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...(last ? { Connection: "close" } : {}),
  });
  response.end(body);
}
