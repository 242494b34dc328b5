import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FakeDns, fakeDns } from "./dns-server.ts";
import { ownLoopback, testCa } from "./origins.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";

/** How the rules of a door's hosts read: TLS passed on, plain HTTP, or TLS that ends in the sidecar. */
export type Zone = "opaque" | "web" | "seen";
export const ZONES: readonly Zone[] = ["opaque", "web", "seen"];

/** What redirected ports are: all doors can ask for these. */
export const ZONE_PORT: Readonly<Record<Zone, number>> = { opaque: 443, web: 80, seen: 443 };

/** The same labels in every zone: what is refused for one door's host is refused for another's. */
export const hostOf = (label: string, zone: Zone): string => `${label}.${zone}.example`;

/** A path that origins do not answer. */
export const HANGING = "/open/hanging";

/** A way in whose limits no other uses up. */
export interface WorldDoor {
  readonly name: string;
  readonly zone: Zone;
}

/** One sidecar with the same rules thrice, and origins that answer what is allowed. */
export interface VerdictWorld extends AsyncDisposable {
  readonly sidecar: Sidecar;
  /** The pod's CA. */
  readonly caFile: string;
  readonly allow: readonly string[];
  /** Requests and connections that reached an origin. */
  readonly reached: () => number;
  /** Requests, so far, whose answer does not come. */
  readonly hanging: () => number;
}

/** Each door gets rules of its own where limits are at stake. */
export async function verdictWorld(doors: readonly WorldDoor[]): Promise<VerdictWorld> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-verdict-"));
  const path = (name: string): string => join(directory, name);
  const own = ownLoopback();
  const dead = "127.255.255.1";
  const all = (label: string): readonly string[] => ZONES.map((zone) => hostOf(label, zone));
  const rules = ZONES.flatMap((zone) => {
    const port = ZONE_PORT[zone];
    const http = "http: { methods: [GET, POST], paths: ['/open/**'] }";
    const kind = { opaque: "", web: `, protocol: http, ${http}`, seen: `, inspect: true, ${http}` }[zone];
    const rule = (id: string, labels: readonly string[], more: string): string =>
      `{ id: ${id}-${zone}, hosts: [${labels.map((label) => hostOf(label, zone)).join(", ")}], ${more}${kind} }`;
    const here = `ports: [${port}], addresses: ["${own}:${port}"]`;
    const labels = [
      "ok",
      "denied",
      "governed",
      "asked",
      "provider",
      "blocked",
      "private",
      "metadata",
      "mapped",
      "missing",
    ];
    return [
      rule("main", labels, here),
      rule("elsewhere", ["elsewhere"], "ports: [8000]"),
      rule("dead", ["dead"], `ports: [${port}], addresses: ["${dead}:${port}"]`),
      ...doors
        .filter((door) => door.zone === zone)
        .flatMap(({ name }) => [
          rule(`fast-${name}`, [`fast-${name}`], `${here}, limits: { hostConnectionsPerMinute: 1 }`),
          rule(`full-${name}`, [`full-${name}`], `${here}, limits: { hostConnections: 1 }`),
        ]),
    ];
  });
  const allow = [
    ...rules,
    `{ id: tls-on-80, hosts: [wrong.web.example], ports: [80], addresses: ["${own}:80"] }`,
    `{ id: http-on-443, hosts: [wrong.opaque.example, wrong.seen.example], ports: [443], addresses: ["${own}:443"], protocol: http }`,
  ];
  writeFileSync(path("blocked.txt"), all("blocked").join("\n"));
  writeFileSync(path("origins.pem"), testCa().certificatePem);
  const dns: FakeDns = await fakeDns(
    Object.fromEntries(
      all("missing").flatMap((name) =>
        ["A", "AAAA"].map((type) => [`${type} ${name}`, { failure: "NXDOMAIN" }] as const),
      ),
    ),
  );
  const origins = await openOrigins(own, all("ok"));
  const names = [
    ...["ok", "denied", "governed", "asked", "provider", "blocked", "wrong"].flatMap(all),
    ...doors.flatMap(({ name, zone }) => [hostOf(`fast-${name}`, zone), hostOf(`full-${name}`, zone)]),
  ];
  const pinned: readonly (readonly [string, readonly string[]])[] = [
    ...names.map((name) => [name, [own]] as const),
    ...all("private").map((name) => [name, ["10.0.0.1", "127.0.0.1", "::1"]] as const),
    ...all("metadata").map((name) => [name, ["169.254.169.254"]] as const),
    ...all("mapped").map((name) => [name, ["::ffff:10.0.0.1", "64:ff9b::a00:1"]] as const),
    ...all("dead").map((name) => [name, [dead]] as const),
  ];
  const sidecar = await startSidecar({
    allow,
    deny: [`{ id: never, hosts: [${all("denied").join(", ")}] }`],
    secrets: { "provider-key": "sk-secret-0123456789" },
    models: [
      "providers:",
      ...all("provider").map(
        (name, index) =>
          `  - { id: p${index}, api: openai, endpoint: "https://${name}/v1", credential: { file: provider-key } }`,
      ),
      "models:",
      "  - { name: m, context: 1000, maxOutput: 100, targets: [{ provider: p0, model: m }] }",
    ],
    governance: [
      "delegate: [egress]",
      "rules:",
      `  - { id: ask-first, effect: require_approval, actions: [egress], when: { host: { names: [${all("asked").join(", ")}] } } }`,
      `  - { id: not-these, effect: deny, actions: [egress], when: { host: { names: [${all("governed").join(", ")}] } } }`,
    ],
    settings: [
      "limits: { headTimeout: 700ms, connectTimeout: 1s }",
      `inspection: { directory: ${path("ca")}, caFile: ${path("origins.pem")} }`,
      `blocklists: [{ name: test, file: ${path("blocked.txt")}, format: domains }]`,
      "resolver:",
      `    servers: ["${dns.server}"]`,
      "    timeout: 1s",
      "    hosts:",
      ...pinned.map(([name, addresses]) => `      ${name}: ${JSON.stringify(addresses)}`),
    ],
  });
  return {
    sidecar,
    caFile: path("ca/ca.pem"),
    allow,
    reached: () => origins.reached,
    hanging: () => origins.hanging,
    async [Symbol.asyncDispose]() {
      await sidecar[Symbol.asyncDispose]();
      await origins.close();
      await dns.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface Origins {
  reached: number;
  hanging: number;
  close(): Promise<void>;
}

/** Port 80, and 443 with both versions of HTTP. */
async function openOrigins(host: string, names: readonly string[]): Promise<Origins> {
  const wild = names.map((name) => name.replace(/^[^.]+/, "*"));
  const { certificatePem, keyPem } = testCa().issue(wild);
  const origins: Origins = { reached: 0, hanging: 0, close };
  const open = new Set<Socket>();
  const serve = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): void => {
    origins.reached += 1;
    if (request.url === HANGING) {
      origins.hanging += 1;
      return;
    }
    response.end(`here ${request.url}`);
  };
  const servers: readonly (readonly [Server, number])[] = [
    [createHttpServer(serve), 80],
    [createSecureServer({ key: keyPem, cert: certificatePem, allowHTTP1: true }, serve), 443],
  ];
  for (const [server, port] of servers) {
    server.on("connection", (socket: Socket) => {
      origins.reached += 1;
      open.add(socket);
      socket.on("error", () => socket.destroy()).on("close", () => open.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  }
  return origins;

  async function close(): Promise<void> {
    for (const socket of open) socket.destroy();
    for (const [server] of servers) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
