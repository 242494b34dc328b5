import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import type { Clock } from "../../core/base/clock.ts";
import type { Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { type KubeEndpoint, kubeOrigin } from "./kube-endpoint.ts";
import type { KubeProblem } from "./kube-problem.ts";
import { type SecretText, secretText } from "./secret-text.ts";

/** A peer that is gone is noticed so long after its last octet, plus ten seconds (libuv's ten probes). */
const KEEP_ALIVE_MILLIS = 15_000;
/** RFC 6750 section 2.1, and whatever else of visible ASCII tokens are made of. */
const BEARER = /^[\x21-\x7e]{1,65536}$/;

export interface LinkOptions {
  readonly clock: Clock;
  /** For an endpoint with a name; undefined: getaddrinfo. */
  readonly lookup: LookupFunction | undefined;
  readonly connections: number;
  readonly userAgent: string;
}

export interface OutgoingRequest {
  readonly method: string;
  /** Below the endpoint's own prefix. */
  readonly target: string;
  readonly body: Uint8Array | undefined;
  readonly contentType: string | undefined;
  /** To the end of the answer's head. */
  readonly timeout: Millis;
  readonly signal: AbortSignal;
}

/** An answer whose body is still to come: it must be read to its end, or destroyed. */
export interface IncomingAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: IncomingMessage;
}

/** Requests to one API server over connections that are kept. */
export interface KubeLink {
  send(request: OutgoingRequest): Promise<Result<IncomingAnswer, KubeProblem>>;
  /** The server does not know us: secrets are read anew. */
  forget(): void;
  close(): void;
}

/**
 * HTTP/1.1 by `node:https`, which this process has loaded anyway. No redirect is followed, no proxy is read from the
 * environment, and certificates are always checked, whatever NODE_TLS_REJECT_UNAUTHORIZED says.
 */
export function kubeLink(endpoint: KubeEndpoint, options: LinkOptions): Result<KubeLink, string> {
  const origin = kubeOrigin(endpoint.url);
  if (!origin.ok) return origin;
  const { scheme, hostname, port, prefix } = origin.value;
  const { clock, lookup, connections, userAgent } = options;
  const pool = {
    keepAlive: true,
    keepAliveMsecs: KEEP_ALIVE_MILLIS,
    maxSockets: connections,
    scheduling: "lifo",
  } as const;
  const agent = scheme === "https" ? new HttpsAgent(pool) : new HttpAgent(pool);
  const secrets = secretsOf(endpoint, clock);

  return ok({
    async send({ method, target, body, contentType, timeout, signal }) {
      const read = await readSecrets(secrets);
      if (!read.ok) return fail({ code: "credential", message: read.problem });
      if (signal.aborted) return fail({ code: "aborted", message: "Given up." });
      const { ca, certificate, key, token } = read.value;
      const common = {
        host: hostname,
        port,
        method,
        path: `${prefix}${target}`,
        agent,
        headers: {
          accept: "application/json",
          "user-agent": userAgent,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": contentType ?? "application/json" }),
          ...(body === undefined ? {} : { "content-length": body.length }),
        },
        ...(lookup === undefined ? {} : { lookup }),
      };
      const tls = { rejectUnauthorized: true, minVersion: "TLSv1.2", ca, cert: certificate, key } as const;
      try {
        const sent = scheme === "https" ? requestHttps({ ...common, ...tls }) : requestHttp(common);
        const head = await headOf(sent, body, timeout, signal);
        // A CA that was half written, or is a new one by now, looks like a stranger's certificate.
        if (!head.ok && head.problem.code === "unreachable") forget(secrets);
        return head;
      } catch (error) {
        // Options that Node refuses: certificates or keys that are none, or not yet wholly written.
        forget(secrets);
        return fail({ code: "credential", message: `The credential cannot be used (${codeOf(error)}).` });
      }
    },
    forget: () => forget(secrets),
    close: () => agent.destroy(),
  });
}

interface Secrets {
  readonly ca: SecretText | undefined;
  readonly token: SecretText | undefined;
  readonly certificate: SecretText | undefined;
  readonly key: SecretText | undefined;
}

function secretsOf({ ca, credential }: KubeEndpoint, clock: Clock): Secrets {
  const isToken = credential.kind === "token";
  const isCertificate = credential.kind === "certificate";
  return {
    ca: ca === undefined ? undefined : secretText(ca, clock),
    token: isToken ? secretText(credential.token, clock) : undefined,
    certificate: isCertificate ? secretText(credential.certificate, clock) : undefined,
    key: isCertificate ? secretText(credential.key, clock) : undefined,
  };
}

function forget({ ca, token, certificate, key }: Secrets): void {
  for (const secret of [ca, token, certificate, key]) secret?.forget();
}

type SecretValues = { readonly [Name in keyof Secrets]: string | undefined };

async function readSecrets(secrets: Secrets): Promise<Result<SecretValues, string>> {
  const ca = await secrets.ca?.read();
  const token = await secrets.token?.read();
  const certificate = await secrets.certificate?.read();
  const key = await secrets.key?.read();
  for (const read of [ca, token, certificate, key]) if (read?.ok === false) return read;
  const bearer = valueOf(token)?.trim();
  if (bearer !== undefined && !BEARER.test(bearer)) {
    // It may be just being written: it is not held until it is looked at again by itself.
    secrets.token?.forget();
    return fail("The token's file does not hold a token.");
  }
  return ok({ ca: valueOf(ca), token: bearer, certificate: valueOf(certificate), key: valueOf(key) });
}

function valueOf(read: Result<string, string> | undefined): string | undefined {
  return read?.ok === true ? read.value : undefined;
}

function headOf(
  sent: ClientRequest,
  body: Uint8Array | undefined,
  timeout: Millis,
  signal: AbortSignal,
): Promise<Result<IncomingAnswer, KubeProblem>> {
  const { promise, resolve } = Promise.withResolvers<Result<IncomingAnswer, KubeProblem>>();
  const give = (code: KubeProblem["code"], message: string): void => {
    resolve(fail({ code, message }));
    sent.destroy();
  };
  const onAbort = (): void => give("aborted", "Given up.");
  const timer = setTimeout(() => give("timeout", `No answer within ${timeout} ms.`), timeout);
  signal.addEventListener("abort", onAbort, { once: true });
  // It stays: an error may also come after the head, once the body is cut.
  sent.on("error", (error) => {
    const code = codeOf(error);
    give(code.startsWith("HPE_") ? "malformed" : "unreachable", `The API server cannot be reached (${code}).`);
  });
  sent.on("upgrade", (_answer, socket) => {
    socket.destroy();
    give("malformed", "The API server switched protocols.");
  });
  sent.on("response", (answer) => {
    // Whoever reads it is told by its end; an error that nobody waits for any more is none.
    answer.on("error", () => undefined);
    resolve(ok({ status: answer.statusCode ?? 0, retryAfter: answer.headers["retry-after"], body: answer }));
  });
  sent.end(body);
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  });
}

/** The code only: messages of OpenSSL may repeat what was sent. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : "the request failed";
}
