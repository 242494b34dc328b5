import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { request } from "node:https";
import type { Credential } from "./cluster-ca.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What a test reads of an object, a list or a Status; `unknown` where kinds differ. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
  };
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly data?: Readonly<Record<string, string>>;
  readonly items?: readonly KubeObject[];
  /** Of a Status: why not, for machines and for people. */
  readonly reason?: string;
  readonly message?: string;
}

export interface ApiAnswer<Body> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed where it is JSON, else the text. */
  readonly body: Body;
}

export interface RawRequest {
  readonly url: string;
  readonly method: Method;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly caPem: string;
  readonly credential: Credential | undefined;
  readonly signal: AbortSignal;
}

/** One request on a connection of its own: none is kept that a restart of the server would break. */
export async function sendRequest<Body>(of: RawRequest): Promise<ApiAnswer<Body>> {
  return new Promise((resolve, reject) => {
    const { url, method, headers, caPem: ca, signal, credential } = of;
    const tls = credential === undefined ? { ca } : { ca, key: credential.keyPem, cert: credential.certificatePem };
    const outgoing = request(url, { method, headers, agent: false, signal, ...tls }, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(parts).toString();
        const json = (answer.headers["content-type"] ?? "").startsWith("application/json");
        const body = (json ? JSON.parse(text) : text) as Body;
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(of.body);
  });
}

/** Lines of a watch, parsed, until the server or `signal` ends it. */
export async function* watchRequest<Event>(of: RawRequest): AsyncGenerator<Event> {
  const { url, headers, caPem: ca, signal, credential } = of;
  const tls = credential === undefined ? { ca } : { ca, key: credential.keyPem, cert: credential.certificatePem };
  const outgoing = request(url, { headers, agent: false, signal, ...tls });
  outgoing.end();
  let rest = "";
  try {
    const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
    answer.setEncoding("utf8");
    if (answer.statusCode !== 200) throw new Error(`watch: ${answer.statusCode} ${(await answer.toArray()).join("")}`);
    for await (const text of answer) {
      const lines = (rest + String(text)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") yield JSON.parse(line) as Event;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    outgoing.destroy();
  }
}
