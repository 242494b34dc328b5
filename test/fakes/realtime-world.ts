import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditRecord, auditRecords, type ReadRecord } from "./audit-records.ts";
import { PROVIDER_KEY } from "./model-policy.ts";
import { testCa } from "./origins.ts";
import { freePort } from "./ports.ts";
import { type RawAnswer, rawRequest } from "./raw-client.ts";
import { type RealtimeOrigin, startRealtimeOrigin } from "./realtime-origin.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";
import { sameDay } from "./same-day.ts";

/** A sidecar between WebSocket clients and scripted Realtime providers. */
export interface RealtimeWorld extends AsyncDisposable {
  readonly sidecar: Sidecar;
  readonly main: RealtimeOrigin;
  readonly azure: RealtimeOrigin;
  readonly secure: RealtimeOrigin;
  /** Opens a WebSocket, or throws with what the client says. */
  connect(path: string, init?: { protocols?: string[]; headers?: Record<string, string> }): Promise<RealtimeClient>;
  /** The answer to a handshake as it stands. */
  ask(path: string, lines?: readonly string[], until?: RegExp): Promise<RawAnswer>;
  /** Publishes the policy with these further lines. */
  publish(...more: readonly string[]): void;
  /** The end of the newest call of this model, once there is one. */
  ended(model: string, after?: number): Promise<ReadRecord>;
  /** Waits until every call that was admitted has ended on record; the number of the last record. */
  settled(): Promise<number>;
  records(): readonly ReadRecord[];
}

export interface RealtimeClient {
  readonly socket: WebSocket;
  /** The next message. */
  next(): Promise<string | ArrayBuffer>;
  /** The close code. */
  readonly closed: Promise<number>;
}

/** Of RFC 6455 section 1.3, with the accept that belongs to it. */
export const SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ==";

export const HANDSHAKE: readonly string[] = [
  "Host: localhost",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  `Sec-WebSocket-Key: ${SAMPLE_KEY}`,
];

export async function startRealtimeWorld(): Promise<RealtimeWorld> {
  await sameDay();
  const main = await startRealtimeOrigin();
  const azure = await startRealtimeOrigin();
  const secure = await startRealtimeOrigin(["provider.test"]);
  const dead = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "sluice-realtime-"));
  mkdirSync(join(directory, "trust"));
  writeFileSync(join(directory, "trust", "provider-ca.pem"), testCa().certificatePem);
  const provider = (id: string, api: string, endpoint: string, port: number, ...more: readonly string[]): string =>
    `  - { ${[`id: ${id}`, `api: ${api}`, `endpoint: "${endpoint}"`, `addresses: ["127.0.0.1:${port}"]`, ...more].join(", ")} }`;
  const key = "credential: { file: provider-key }";
  const at = (port: number, path = "/v1"): string => `http://127.0.0.1:${port}${path}`;
  const model = (name: string, targets: readonly string[], ...more: readonly string[]): string => {
    const list = targets.map(
      (target, index) => `{ provider: ${target}, model: up-${name}, weight: ${index === 0 ? 1 : 0} }`,
    );
    return `  - { ${[`name: ${name}`, "maxOutput: 1000", `targets: [${list.join(", ")}]`, ...more].join(", ")} }`;
  };
  const price = "price: { input: 1, output: 2 }";
  const lines = [
    "providers:",
    provider("main", "openai", at(main.port), main.port, key),
    provider("azure", "azure", at(azure.port, ""), azure.port, key),
    provider(
      "secure",
      "openai",
      `https://provider.test:${secure.port}/v1`,
      secure.port,
      key,
      "tls: { caFile: provider-ca.pem }",
    ),
    provider("dead", "openai", at(dead), dead, key, "timeouts: { connect: 500ms }"),
    provider("keyless", "openai", at(main.port), main.port, "credential: { file: no-such-file }"),
    provider("impatient", "openai", at(main.port), main.port, key, "timeouts: { idle: 300ms, firstToken: 300ms }"),
    provider("short", "openai", at(main.port), main.port, key, "timeouts: { total: 500ms }"),
    provider("ollama", "ollama", at(main.port, ""), main.port, "credential: { none: true }"),
    "models:",
    model("voice", ["main"], "aliases: [gpt-realtime]", price),
    model("on-azure", ["azure"]),
    model("on-tls", ["secure"]),
    model("fails-over", ["dead", "main"]),
    model("keyless", ["keyless"]),
    model("impatient", ["impatient"]),
    model("short", ["short"]),
    model("on-ollama", ["ollama"]),
    model("metered", ["main"]),
    model("rated", ["main"]),
    model("guarded", ["main"]),
    model("counted", ["main"]),
    model("single", ["main"]),
    "budgets:",
    "  - { id: tokens, tokens: 1000000, window: day, models: [metered] }",
    "  - { id: twice, requests: 2, window: day, models: [counted] }",
    "rateLimits:",
    "  - { id: per-minute, tokensPerMinute: 1000000, models: [rated] }",
    "  - { id: one-at-a-time, concurrent: 1, models: [single] }",
    "  - { id: keyless-one-at-a-time, concurrent: 1, models: [keyless] }",
    "guardrails:",
    "  - { id: no-secrets, on: [input], action: block, patterns: { builtIn: [api_key] }, models: [guarded] }",
  ];
  const close = async (): Promise<void> => {
    for (const origin of [main, azure, secure]) await origin[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  };
  const sidecar = await startSidecar({
    allow: [],
    directory,
    settings: ["limits: { drain: 200ms }"],
    secrets: { "provider-key": PROVIDER_KEY },
    hosts: { "provider.test": ["127.0.0.1"] },
    models: lines,
  }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const { agentPort, auditDirectory } = sidecar;
  return {
    sidecar,
    main,
    azure,
    secure,
    connect: async (path, init = {}) => connected(`ws://127.0.0.1:${agentPort}${path}`, init),
    ask: async (path, more = HANDSHAKE, until = /\r\n\r\n/) =>
      rawRequest(agentPort, `GET ${path} HTTP/1.1\r\n${more.join("\r\n")}\r\n\r\n`, { quiet: 3_000, until }),
    publish: (...more) => sidecar.publishModels([...lines, ...more]),
    ended: async (name, after = -1) =>
      auditRecord(
        auditDirectory,
        ({ kind, target, seq }) => kind === "inference.end" && target === name && seq > after,
      ),
    async settled() {
      for (;;) {
        const records = auditRecords(auditDirectory);
        const ended = new Set(records.filter(({ kind }) => kind === "inference.end").map(({ request }) => request));
        const open = records.filter(({ kind, decision }) => kind === "inference.decision" && decision === "allow");
        if (open.every(({ request }) => ended.has(request))) return records.at(-1)?.seq ?? -1;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    records: () => auditRecords(auditDirectory),
    async [Symbol.asyncDispose]() {
      await sidecar[Symbol.asyncDispose]();
      await close();
    },
  };
}

async function connected(
  url: string,
  init: { protocols?: string[]; headers?: Record<string, string> },
): Promise<RealtimeClient> {
  // Node's WebSocket takes headers besides (undici); the types that come with TypeScript know protocols only.
  const socket = new WebSocket(url, init);
  socket.binaryType = "arraybuffer";
  const messages: (string | ArrayBuffer)[] = [];
  let waiting: ((message: string | ArrayBuffer) => void) | undefined;
  socket.addEventListener("message", (event) => {
    const data = event.data as string | ArrayBuffer;
    if (waiting === undefined) messages.push(data);
    else waiting(data);
    waiting = undefined;
  });
  const closed = new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("the WebSocket was not opened")));
  });
  return {
    socket,
    next: async () => messages.shift() ?? (await new Promise((resolve) => (waiting = resolve))),
    closed,
  };
}
