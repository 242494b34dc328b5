import { readdirSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { AttackAgent } from "./attack-agent.ts";
import { misbehaviours } from "./attack-answers.ts";
import { type AttackOrigin, attackOrigin } from "./attack-origin.ts";
import type { ReadRecord } from "./audit-records.ts";
import { type DnsScript, type FakeDns, fakeDns } from "./dns-server.ts";
import { type FakeOrigin, fakeOrigin } from "./origin-server.ts";
import { liveMemory } from "./live-memory.ts";
import { testCa } from "./origins.ts";
import { freePort } from "./ports.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";
import { silentListener } from "./silent-listener.ts";

/** The most connections that this world's sidecar serves. */
export const CONNECTIONS = 150;
/** Names under `dns.example` are looked up, with this script; a test may change what is said from question to question. */
export type AttackDns = Record<string, DnsScript>;

/** One sidecar between an agent and origins, each of which may be malicious. */
export interface AttackWorld extends AsyncDisposable {
  readonly sidecar: Sidecar;
  readonly web: AttackOrigin;
  readonly echo: FakeOrigin;
  /** Behind a tls rule; it remembers what reaches it, and never answers. */
  readonly door: FakeOrigin & { received(): string };
  /** Echoes, by TLS 1.3 with one group that clients do not offer a key for at once: it answers HelloRetryRequest. */
  readonly tls: { readonly port: number };
  /** Takes connections, and never reads from them. */
  readonly deaf: FakeOrigin;
  /** Neither answers nor refuses a connection. */
  readonly silentPort: number;
  readonly dns: FakeDns;
  readonly script: AttackDns;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  connectTo(host: string, port: number, more?: string): string;
  request(method: string, path: string, more?: string, host?: string): string;
  get(path: string, more?: string, host?: string): string;
  open(): Promise<AttackAgent>;
  /** The audit log as far as it is written. */
  records(): readonly ReadRecord[];
  /** MiB that the sidecar holds; see `LiveMemory`. */
  live(): Promise<number>;
  /** Of the sidecar: MiB, and open descriptors. */
  resources(): { readonly rss: number; readonly descriptors: number };
  /** The live exchanges. */
  tunnels(): Promise<number>;
  ready(): Promise<number>;
}

const PINNED = ["web", "meager", "echo", "door", "tls", "deaf", "deafweb", "body.web", "silence.web", "endless.web"];

export async function attackWorld(): Promise<AttackWorld> {
  const web = await attackOrigin(misbehaviours);
  const echo = await fakeOrigin((socket) => {
    socket.on("data", (chunk: Buffer) => socket.write(chunk));
    socket.on("end", () => socket.end());
  });
  let doorText = "";
  const doorOrigin = await fakeOrigin((socket) => {
    socket.on("data", (chunk: Buffer) => (doorText += chunk.toString("latin1")));
  });
  const door = Object.assign(doorOrigin, { received: () => doorText });
  const deaf = await fakeOrigin((socket) => socket.pause());
  const { certificatePem, keyPem } = testCa().issue(["tls.example"]);
  const tlsServer = createTlsServer({ key: keyPem, cert: certificatePem, ecdhCurve: "P-521" }, (socket) => {
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => tlsServer.listen(0, "127.0.0.1", resolve));
  const tls = { port: (tlsServer.address() as AddressInfo).port };
  const script: AttackDns = {};
  const dns = await fakeDns(script);
  const silentPort = await freePort();
  // On an address of its own, where a port that is free stays free.
  const silent = await silentListener("127.0.0.77", silentPort);
  const at = (port: number, host = "127.0.0.1"): string => `ports: [${port}], addresses: ["${host}:${port}"]`;
  const allow = [
    `{ id: web, hosts: [web.example, "*.web.example"], ${at(web.port)}, protocol: http, http: { methods: [GET, POST, HEAD], paths: ["/open/**", "/o/**"] } }`,
    `{ id: meager, hosts: [meager.example], ${at(web.port)}, protocol: http, limits: { bytesOut: 1000, bytesIn: 1000 } }`,
    `{ id: echo, hosts: [echo.example], ${at(echo.port)}, protocol: tcp }`,
    `{ id: door, hosts: [door.example], ${at(door.port)} }`,
    `{ id: tls, hosts: [tls.example], ${at(tls.port)} }`,
    `{ id: deaf, hosts: [deaf.example], ${at(deaf.port)}, protocol: tcp }`,
    `{ id: deaf-web, hosts: [deafweb.example], ${at(deaf.port)}, protocol: http }`,
    `{ id: silent, hosts: ["*.silent.dns.example"], ${at(silentPort, "127.0.0.77")}, protocol: tcp }`,
    `{ id: rebind, hosts: [rebind.dns.example], ${at(web.port)}, protocol: http }`,
    `{ id: dns, hosts: ["*.dns.example"], ports: [${echo.port}], protocol: tcp }`,
  ];
  const deny = ["{ id: never, hosts: [never.web.example] }"];
  const memory = liveMemory();
  const sidecar = await startSidecar({
    allow,
    deny,
    nodeFlags: memory.nodeFlags,
    settings: [
      `limits: { connections: ${CONNECTIONS}, headTimeout: 1500ms, connectTimeout: 1500ms, idle: 2500ms, drain: 1s }`,
      "resolver:",
      `    servers: ["${dns.server}"]`,
      "    timeout: 3s",
      `    hosts: { ${PINNED.map((name) => `${name}.example: ["127.0.0.1"]`).join(", ")} }`,
    ],
  });
  const request = (method: string, path: string, more = "", host = "web.example"): string =>
    `${method} http://${host}:${web.port}${path} HTTP/1.1\r\nHost: ${host}:${web.port}\r\n${more}\r\n`;
  return {
    sidecar,
    web,
    echo,
    door,
    tls,
    deaf,
    silentPort,
    dns,
    script,
    allow,
    deny,
    connectTo: (host, port, more = "") => `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n${more}\r\n`,
    request,
    get: (path, more, host) => request("GET", path, more, host),
    open: async () => AttackAgent.open(sidecar.port),
    records: incrementalRecords(sidecar.auditDirectory),
    live: async () => memory.of(sidecar.child),
    resources: () => resourcesOf(sidecar.child.pid ?? 0),
    async tunnels() {
      const status = await fetch(`http://127.0.0.1:${sidecar.adminPort}/status`);
      return ((await status.json()) as { tunnels: number }).tunnels;
    },
    ready: async () => (await fetch(`http://127.0.0.1:${sidecar.adminPort}/readyz`)).status,
    async [Symbol.asyncDispose]() {
      AttackAgent.closeAll();
      await sidecar[Symbol.asyncDispose]();
      memory[Symbol.dispose]();
      for (const part of [web, echo, door, deaf, dns, silent]) await part.close();
      await new Promise((resolve) => tlsServer.close(resolve));
    },
  };
}

/** Each line is read and parsed once. */
function incrementalRecords(directory: string): () => readonly ReadRecord[] {
  const read: ReadRecord[] = [];
  const lengths = new Map<string, number>();
  return () => {
    for (const name of readdirSync(directory).toSorted()) {
      if (!name.endsWith(".jsonl")) continue;
      const octets = readFileSync(join(directory, name));
      const fresh = octets.subarray(lengths.get(name) ?? 0, octets.lastIndexOf("\n") + 1);
      lengths.set(name, (lengths.get(name) ?? 0) + fresh.length);
      for (const line of fresh.toString().split("\n")) if (line !== "") read.push(JSON.parse(line) as ReadRecord);
    }
    return read;
  };
}

function resourcesOf(pid: number): { readonly rss: number; readonly descriptors: number } {
  const rss = Number(/VmRSS:\s+([0-9]+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
  return { rss, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}
