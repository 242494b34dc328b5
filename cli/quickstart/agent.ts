import { readFileSync } from "node:fs";
import { type IncomingMessage, request as openRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { assertNever } from "../../router/core/base/assert-never.ts";

/**
 * The agent of the tour, a process of its own, as an agent's container is: it asks for URLs through the proxy, calls the
 * agent API, or tries to go around it. It is no part of the sidecar. Argument: a file with the certificate authority it trusts. Each
 * line of its input is an `AgentAsk`, each line of its output the `AgentAnswer`.
 */
export type AgentAsk =
  /** One GET: through the proxy on this port of loopback, or, for `http:` only, straight where `proxy` is absent. */
  | { readonly do: "get"; readonly url: string; readonly proxy?: number; readonly serverName?: string }
  /** A call of an HTTP API, as an SDK makes it that was given no key: a POST of the body, or without one a GET. */
  | { readonly do: "call"; readonly url: string; readonly body?: object }
  /** Opens a TLS tunnel and keeps it under a name. */
  | { readonly do: "open"; readonly name: string; readonly url: string; readonly proxy: number }
  /** One more GET in a kept tunnel. */
  | { readonly do: "again"; readonly name: string }
  /** Waits for a kept tunnel to be closed from the other side; `error` is empty where it was. */
  | { readonly do: "ended"; readonly name: string }
  /** Opens a TCP connection, past the proxy, and sends nothing. */
  | { readonly do: "dial"; readonly address: string; readonly port: number };

export interface AgentAnswer {
  /** 0: no HTTP answer came. */
  readonly status: number;
  /** `Sluice-Reason` and `Sluice-Request-Id`; empty where the answer has none. */
  readonly reason: string;
  readonly request: string;
  /** `x-should-retry`, which the official SDKs obey; empty where the answer has none. */
  readonly retry: string;
  readonly body: string;
  /** What the system or TLS called a failure: `ECONNREFUSED`. Empty: none. */
  readonly error: string;
  readonly milliseconds: number;
}

const PATIENCE_MS = 5_000;
const authority = readFileSync(process.argv[2] ?? "");
const tunnels = new Map<string, { readonly stream: Duplex; readonly host: string; readonly request: string }>();
/** What the present ask has opened, and is closed after it. */
const opened: Socket[] = [];
const nothing = { status: 0, reason: "", request: "", retry: "", body: "", error: "" } as const;

type Reply = Omit<AgentAnswer, "milliseconds">;

async function perform(ask: AgentAsk): Promise<Reply> {
  switch (ask.do) {
    case "get":
      return get(new URL(ask.url), ask.proxy, ask.serverName);
    case "call":
      return call(ask.url, ask.body);
    case "open": {
      const url = new URL(ask.url);
      const { answer, stream } = await tunnel(url, ask.proxy, url.hostname);
      if (stream !== undefined) tunnels.set(ask.name, { stream, host: url.host, request: answer.request });
      // They stay open.
      if (stream !== undefined) opened.length = 0;
      return answer;
    }
    case "again": {
      const kept = tunnels.get(ask.name);
      if (kept === undefined) return { ...nothing, error: "no such tunnel" };
      return exchange(kept.stream, getRequest("/", kept.host));
    }
    case "ended": {
      const kept = tunnels.get(ask.name);
      if (kept === undefined) return { ...nothing, error: "no such tunnel" };
      await closed(kept.stream);
      return { ...nothing, request: kept.request };
    }
    case "dial":
      await dial(ask.address, ask.port);
      return nothing;
    default:
      return assertNever(ask);
  }
}

async function get(url: URL, proxy: number | undefined, serverName = url.hostname): Promise<Reply> {
  if (url.protocol === "https:") {
    const { answer, stream } = await tunnel(url, proxy ?? 0, serverName);
    return stream === undefined ? answer : exchange(stream, getRequest(url.pathname, url.host));
  }
  const socket = await (proxy === undefined ? dial(url.hostname, Number(url.port)) : dial("127.0.0.1", proxy));
  return exchange(socket, getRequest(proxy === undefined ? url.pathname : url.href, url.host));
}

async function call(url: string, body: object | undefined): Promise<Reply> {
  const answered = Promise.withResolvers<IncomingMessage>();
  const outgoing = openRequest(url, {
    agent: false,
    signal: AbortSignal.timeout(PATIENCE_MS),
    ...(body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" } }),
  });
  outgoing.once("response", answered.resolve).on("error", answered.reject);
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  const response = await answered.promise;
  let text = "";
  response.setEncoding("utf8");
  for await (const chunk of response as AsyncIterable<string>) text += chunk;
  const field = (name: string): string => String(response.headers[name] ?? "");
  return {
    status: response.statusCode ?? 0,
    reason: field("sluice-reason"),
    request: field("sluice-request-id"),
    retry: field("x-should-retry"),
    body: text,
    error: "",
  };
}

interface Tunnel {
  readonly answer: Reply;
  readonly stream: Duplex | undefined;
}

/** CONNECT, and TLS inside it where the proxy said 200 and TLS came about. */
async function tunnel(url: URL, proxy: number, serverName: string): Promise<Tunnel> {
  const socket = await dial("127.0.0.1", proxy);
  const connected = await exchange(socket, `CONNECT ${url.host} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
  if (connected.status !== 200) return { answer: connected, stream: undefined };
  const stream = connectTls({ socket, servername: serverName, ca: authority });
  const secured = Promise.withResolvers<string>();
  stream.once("secureConnect", () => secured.resolve(""));
  // It stays: whoever waits for the stream later is told of its end.
  stream.on("error", (error) => secured.resolve(codeOf(error)));
  stream.once("close", () => secured.resolve("closed"));
  const error = await inTime(secured.promise);
  return error === ""
    ? { answer: connected, stream }
    : { answer: { ...connected, status: 0, error }, stream: undefined };
}

async function dial(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port });
  opened.push(socket);
  const connected = Promise.withResolvers<void>();
  socket.once("connect", () => connected.resolve());
  socket.on("error", (error) => connected.reject(error));
  await inTime(connected.promise);
  return socket;
}

/** Writes a request and reads the answer: a head, and as many octets as its Content-Length says. */
async function exchange(stream: Duplex, request: string): Promise<Reply> {
  const answered = Promise.withResolvers<Reply>();
  let text = "";
  const read = (chunk: Buffer): void => {
    text += chunk.toString("latin1");
    const answer = parse(text);
    if (answer !== undefined) answered.resolve(answer);
  };
  const fail = (error?: Error): void => answered.reject(error ?? new Error("closed without an answer"));
  stream.on("data", read).once("error", fail).once("close", fail);
  stream.resume();
  stream.write(request);
  try {
    return await inTime(answered.promise);
  } finally {
    stream.pause();
    stream.off("data", read).off("error", fail).off("close", fail);
  }
}

function getRequest(target: string, host: string): string {
  return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
}

/** Undefined while the answer is not complete. One character is one octet here. */
function parse(text: string): Reply | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const head = text.slice(0, end);
  const field = (name: string): string => new RegExp(`^${name}: *(.*)$`, "im").exec(head)?.[1]?.trim() ?? "";
  const body = text.slice(end + 4);
  if (body.length < Number(field("content-length"))) return undefined;
  return {
    status: Number(head.slice(9, 12)),
    reason: field("sluice-reason"),
    request: field("sluice-request-id"),
    retry: field("x-should-retry"),
    body: Buffer.from(body, "latin1").toString(),
    error: "",
  };
}

async function closed(stream: Duplex): Promise<void> {
  if (stream.closed) return;
  const ended = Promise.withResolvers<void>();
  stream.once("close", () => ended.resolve());
  // Only who reads learns of the end.
  stream.resume();
  await inTime(ended.promise);
}

async function inTime<Value>(promise: Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`nothing within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code);
  return error instanceof Error ? error.message : String(error);
}

for await (const line of createInterface({ input: process.stdin })) {
  const began = performance.now();
  const answer = await perform(JSON.parse(line) as AgentAsk).catch((error: unknown) => ({
    ...nothing,
    error: codeOf(error),
  }));
  const milliseconds = Math.round(performance.now() - began);
  for (const socket of opened.splice(0)) socket.destroy();
  process.stdout.write(`${JSON.stringify({ ...answer, milliseconds } satisfies AgentAnswer)}\n`);
}
for (const { stream } of tunnels.values()) stream.destroy();
