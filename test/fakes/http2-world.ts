import { ConnectionCounts } from "../../router/core/policy/connection-counts.ts";
import { connect as connectHttp2, type ClientHttp2Session, type ClientSessionOptions } from "node:http2";
import { type AddressInfo, connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import type { AuditEvent } from "../../router/core/audit/audit-event.ts";
import { bytes, epochMillis, millis } from "../../router/core/base/quantity.ts";
import { ok } from "../../router/core/base/result.ts";
import type { Outcome } from "../../router/core/outcome/outcome.ts";
import { admitAddresses } from "../../router/core/policy/admit-address.ts";
import { compilePolicy } from "../../router/core/policy/compile.ts";
import { decide } from "../../router/core/policy/decide.ts";
import { parseEgressPolicy } from "../../router/core/policy/parse-egress-policy.ts";
import type { CompiledPolicy } from "../../router/core/policy/snapshot.ts";
import { parseAuthority } from "../../router/core/wire/authority.ts";
import { parseIpAddress } from "../../router/core/wire/ip-address.ts";
import { type AdmissionRooms, lostPermission } from "../../router/app/admission.ts";
import { systemClock } from "../../router/app/clock.ts";
import type { EgressGovernance } from "../../router/app/governance/egress-governance.ts";
import { type Http2Connection, type Http2Rooms, serveHttp2 } from "../../router/app/inspection/http2.ts";
import { createHttp2Room } from "../../router/app/inspection/http2-room.ts";
import type { InjectedFields } from "../../router/app/inspection/injected-fields.ts";
import { TunnelRegistry } from "../../router/app/tunnel-registry.ts";
import { createDeadlineWatch } from "../../router/edge/upstream/deadline-watch.ts";
import { DIGEST, network } from "../unit/core/policy/policy-fixture.ts";
import { testCa } from "./origins.ts";

export const HOST = "origin.test";

/** What comes under `spec.allow` for the one host, indented by six; the port is the origin's. */
export const OPEN_RULE = "http: { methods: [GET, HEAD, POST, PUT, OPTIONS], paths: ['/**'] }";

export interface Http2WorldOptions {
  /** Lines of the rule beside id, hosts, ports, addresses, protocol and inspect. */
  readonly rule?: string;
  /** More of `spec`, indented by two. */
  readonly spec?: string;
  readonly idle?: number;
  readonly held?: number;
  readonly headBytes?: number;
  readonly inject?: InjectedFields;
  /** The origin is not reached. */
  readonly unreachable?: NonNullable<Http2Connection["unreachable"]>;
  readonly redial?: boolean;
  /** Where a redialled connection leads; default where the first does. */
  readonly redialHost?: string;
  readonly within?: NonNullable<Http2Connection["within"]>;
  readonly record?: () => Promise<void>;
}

/** An inspected HTTP/2 connection as it is once both TLS handshakes are done: an agent, serveHttp2, an origin. */
export interface Http2World extends AsyncDisposable {
  readonly outcomes: Outcome[];
  readonly records: AuditEvent[];
  readonly rooms: Http2Rooms;
  /** Where an agent's TLS connection goes. */
  readonly port: number;
  readonly authority: string;
  /** Connections to the origin that were made. */
  readonly dialled: number;
  /** Connections that are being served. */
  readonly serving: number;
  /** An agent that speaks HTTP/2. */
  agent(options?: ClientSessionOptions): ClientHttp2Session;
  /** TLS with ALPN `h2`, nothing said. */
  raw(): Promise<TLSSocket>;
  reload(rule: string, spec?: string, first?: string): void;
  drain(): void;
  /** Until so many outcomes are there. */
  settled(count: number): Promise<readonly Outcome[]>;
}

export async function http2World(originPort: number, options: Http2WorldOptions = {}): Promise<Http2World> {
  const outcomes: Outcome[] = [];
  const records: AuditEvent[] = [];
  const registry = new TunnelRegistry();
  const open = new Set<Socket>();
  let serving = 0;
  let dialled = 0;
  let draining = false;
  let ids = 0;
  let policy = policyOf(originPort, options.rule ?? OPEN_RULE, options.spec);
  const facts = network();
  const models = { state: "missing" } as never;
  const admission: AdmissionRooms = {
    clock: systemClock,
    policy: () => policy,
    policyTime: () => epochMillis(Date.UTC(2026, 11, 1, 12)),
    models: () => models,
    network: () => facts,
    blocklist: () => undefined,
    draining: () => draining,
    auditWritable: () => true,
    async record(event) {
      await options.record?.();
      records.push(event);
      return ok(undefined);
    },
    resolve: () => Promise.reject(new Error("the address is pinned: nothing is resolved")),
    connections: new ConnectionCounts(),
    sends: () => undefined,
    inventive: () => undefined,
    decided: () => undefined,
    governance: NO_GOVERNANCE,
  };
  const rooms = {
    clock: systemClock,
    admission,
    upstream: { watch: createDeadlineWatch(systemClock, millis(20)) } as Http2Rooms["upstream"],
    registry,
    limits: {
      connections: 100,
      headBytes: bytes(options.headBytes ?? 16_384),
      headTimeout: millis(2_000),
      connectTimeout: millis(2_000),
      idle: millis(options.idle ?? 30_000),
      lifetime: millis(60_000),
      drain: millis(1_000),
    },
    settle: (outcome: Outcome) => void outcomes.push(outcome),
    nextRequestId: () => `r${++ids}`,
    http2: createHttp2Room(options.held),
    inject: () =>
      Promise.resolve(options.inject === undefined ? { ok: false, problem: "no secrets" } : ok(options.inject)),
  } as unknown as Http2Rooms;

  const authorityText = `${HOST}:${originPort}`;
  const authority = parseAuthority(authorityText, undefined);
  const address = parseIpAddress("127.0.0.1");
  if (!authority.ok || address === undefined) throw new Error("no authority");
  const asked = decide(policy, { via: "tunnel", ...authority.value }, admission.policyTime());
  if (asked.effect === "deny" || !admitAddresses(facts, asked.permit, [address]).ok)
    throw new Error("the tunnel is denied");
  const { permit } = asked;
  const leaf = hostLeaf();

  async function originSocket(host = "127.0.0.1"): Promise<TLSSocket> {
    dialled += 1;
    const socket = connectTls({
      socket: connectTcp({ host, port: originPort, allowHalfOpen: true, noDelay: true }),
      servername: HOST,
      ca: testCa().certificatePem,
      ALPNProtocols: ["h2"],
    });
    open.add(socket);
    socket.on("error", () => undefined);
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    socket.pause();
    return socket;
  }

  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (transport) => {
    open.add(transport);
    transport.on("error", () => undefined);
    const socket = new TLSSocket(transport, {
      isServer: true,
      cert: leaf.certificatePem,
      key: leaf.keyPem,
      ALPNProtocols: ["h2"],
    });
    socket.on("error", () => undefined);
    socket.once("secure", () => setImmediate(() => void serveIt(socket)));
  });

  async function serveIt(socket: TLSSocket): Promise<void> {
    serving += 1;
    const origin = options.unreachable === undefined ? await originSocket() : undefined;
    await serveHttp2(rooms, {
      agent: socket,
      origin,
      authority: authority.ok ? authority.value : (undefined as never),
      permit,
      address,
      ...(options.unreachable === undefined ? {} : { unreachable: options.unreachable }),
      ...(options.within === undefined ? {} : { within: options.within }),
      ...(options.redial === true ? { redial: async () => originSocket(options.redialHost) } : {}),
    });
    serving -= 1;
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  const agents: ClientHttp2Session[] = [];
  const tls = { host: "127.0.0.1", port, servername: HOST, ca: testCa().certificatePem, ALPNProtocols: ["h2"] };
  return {
    outcomes,
    records,
    rooms,
    port,
    authority: authorityText,
    get dialled() {
      return dialled;
    },
    get serving() {
      return serving;
    },
    agent(more = {}) {
      const session = connectHttp2(`https://${authorityText}`, { ...more, createConnection: () => connectTls(tls) });
      session.on("error", () => undefined);
      agents.push(session);
      return session;
    },
    async raw() {
      const socket = connectTls(tls);
      socket.on("error", () => undefined);
      open.add(socket);
      await new Promise<void>((resolve) => socket.once("secureConnect", resolve));
      return socket;
    },
    reload(rule, spec, first) {
      policy = policyOf(originPort, rule, spec, first);
      registry.judgeAgain((exchange) => lostPermission(admission, exchange));
    },
    drain() {
      draining = true;
      rooms.http2.drain();
    },
    async settled(count) {
      const until = Date.now() + 10_000;
      while (outcomes.length < count) {
        if (Date.now() > until) throw new Error(`${outcomes.length} of ${count} outcomes`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      return outcomes;
    },
    async [Symbol.asyncDispose]() {
      for (const session of agents) session.destroy();
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      const until = Date.now() + 2_000;
      while (serving > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
      if (serving > 0) throw new Error(`${serving} connections are still served`);
    },
  };
}

let made: ReturnType<ReturnType<typeof testCa>["issue"]> | undefined;

/** One certificate for the host in all tests of a process: making keys costs. */
export function hostLeaf(): NonNullable<typeof made> {
  made ??= testCa().issue([HOST]);
  return made;
}

const NO_GOVERNANCE = {
  state: () => 0,
  grant: () => undefined,
  mayAsk: () => false,
  denied: () => undefined,
  judge: () => undefined,
  standing: () => undefined,
  stands: () => true,
  isServer: () => false,
} as unknown as EgressGovernance;

/** `first`: `allow:` with rules before the one that is always there. */
function policyOf(port: number, rule: string, spec = "", first = "allow:\n"): CompiledPolicy {
  const text = `apiVersion: sluice.dev/v1alpha1
kind: EgressPolicy
metadata: { name: agent }
spec:
  version: 7
  issuedAt: "2026-11-20T00:00:00Z"
  expiresAt: "2027-02-20T00:00:00Z"
  audience: { namespaces: ["*"], agents: ["*"] }
  mode: enforce
${spec}
  ${first}    - id: origin
      hosts: [${HOST}]
      addresses: ["127.0.0.1:${port}"]
      ports: [${port}]
      protocol: tls
      inspect: true
      ${rule}
`;
  const parsed = parseEgressPolicy("p.yaml", text);
  if (!parsed.ok) throw new Error(parsed.problem.map(({ line, message }) => `${line}: ${message}`).join("\n"));
  return compilePolicy(parsed.value, DIGEST, millis(0));
}
