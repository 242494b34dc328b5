import { ConnectionCounts } from "../../router/core/policy/connection-counts.ts";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import type { AuditEvent } from "../../router/core/audit/audit-event.ts";
import { bytes, epochMillis, millis, portOf } from "../../router/core/base/quantity.ts";
import { ok } from "../../router/core/base/result.ts";
import type { Outcome } from "../../router/core/outcome/outcome.ts";
import { compilePolicy } from "../../router/core/policy/compile.ts";
import { parseEgressPolicy } from "../../router/core/policy/parse-egress-policy.ts";
import type { CompiledPolicy } from "../../router/core/policy/snapshot.ts";
import { parseIpAddress } from "../../router/core/wire/ip-address.ts";
import { type AdmissionRooms, lostPermission } from "../../router/app/admission.ts";
import { systemClock } from "../../router/app/clock.ts";
import { createCorridor } from "../../router/app/corridor.ts";
import type { CorridorRooms } from "../../router/app/corridor-rooms.ts";
import type { CredentialEvent } from "../../router/app/credentials/credential-problem.ts";
import type { EgressGovernance } from "../../router/app/governance/egress-governance.ts";
import { type Inspection, openInspection } from "../../router/app/inspection/open-inspection.ts";
import { TunnelRegistry } from "../../router/app/tunnel-registry.ts";
import { createUpstreamRooms } from "../../router/app/upstream-rooms.ts";
import { AgentSocket } from "../../router/edge/listeners/agent-socket.ts";
import { bindListener } from "../../router/edge/listeners/bound-listener.ts";
import { DIGEST, network } from "../unit/core/policy/policy-fixture.ts";
import { testCa } from "./origins.ts";
import { freePort } from "./ports.ts";

export interface InspectionWorldOptions {
  /** YAML of `spec.allow`, each rule a flow map. */
  readonly allow: readonly string[];
  /** Files of the secrets directory. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly limits?: Partial<Record<"headTimeout" | "idle" | "lifetime" | "connectTimeout", number>>;
  /** Instead of the test CA's certificate. */
  readonly originRoots?: string;
  readonly given?: { readonly certificate: string; readonly key: string };
  /** What names lead to; 127.0.0.1 by default. */
  readonly addresses?: readonly string[];
}

/** The real corridor with inspection, in this process: a proxy port, the policy's rules, origins on loopback. */
export interface InspectionWorld extends AsyncDisposable {
  readonly port: number;
  readonly inspection: Inspection;
  readonly outcomes: Outcome[];
  readonly records: AuditEvent[];
  readonly events: CredentialEvent[];
  readonly handshakes: string[];
  /** Of the router's CA. */
  readonly ca: string;
  readonly caFile: string;
  readonly bundleFile: string;
  readonly secretsDirectory: string;
  readonly registry: TunnelRegistry;
  /** A tunnel through CONNECT, nothing said in it. Its first answer must be 200. */
  connect(authority: string): Promise<Socket>;
  /** The same, with TLS inside that trusts the router's CA. */
  secure(authority: string, options?: ConnectionOptions): Promise<TLSSocket>;
  reload(allow: readonly string[]): void;
  drain(): void;
  /** Until nothing is under way any more: how many outcomes there are then. */
  quiet(): Promise<number>;
  settled(count: number): Promise<readonly Outcome[]>;
}

export async function inspectionWorld(options: InspectionWorldOptions): Promise<InspectionWorld> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-inspection-"));
  const path = (name: string): string => join(directory, name);
  mkdirSync(path("secrets"));
  for (const [name, text] of Object.entries(options.secrets ?? {})) writeFileSync(join(path("secrets"), name), text);
  writeFileSync(path("roots.pem"), options.originRoots ?? testCa().certificatePem);
  if (options.given !== undefined) {
    writeFileSync(path("ca.crt"), options.given.certificate);
    writeFileSync(path("ca.key"), options.given.key);
  }
  const outcomes: Outcome[] = [];
  const records: AuditEvent[] = [];
  const events: CredentialEvent[] = [];
  const handshakes: string[] = [];
  const opened = await openInspection({
    config: {
      directory: path("trust"),
      caFile: path("roots.pem"),
      certificateFile: options.given === undefined ? undefined : path("ca.crt"),
      keyFile: options.given === undefined ? undefined : path("ca.key"),
      lifetime: millis(86_400_000),
      leaves: 16,
    },
    pod: "pod-1",
    secretsDirectory: path("secrets"),
    clock: systemClock,
    counts: {
      agent: (result) => handshakes.push(`agent ${result}`),
      origin: (result) => handshakes.push(`origin ${result}`),
    },
    event: (event) => events.push(event),
  });
  if (!opened.ok) throw new Error(opened.problem);
  const inspection = opened.value;

  const registry = new TunnelRegistry();
  let policy = policyOf(options.allow);
  let draining = false;
  let ids = 0;
  const facts = network();
  const models = { state: "missing" } as never;
  const addresses = (options.addresses ?? ["127.0.0.1"]).map((text) => parseIpAddress(text) as never);
  const admission: AdmissionRooms = {
    clock: systemClock,
    policy: () => policy,
    policyTime: () => epochMillis(Date.UTC(2026, 11, 1, 12)),
    models: () => models,
    network: () => facts,
    blocklist: () => undefined,
    draining: () => draining,
    auditWritable: () => true,
    record(event) {
      records.push(event);
      return Promise.resolve(ok(undefined));
    },
    resolve: () => Promise.resolve(ok(addresses)),
    connections: new ConnectionCounts(),
    sends: () => undefined,
    inventive: () => undefined,
    decided: () => undefined,
    governance: NO_GOVERNANCE,
  };
  const limits: CorridorRooms["limits"] = {
    connections: 10_000,
    headBytes: bytes(16_384),
    headTimeout: millis(options.limits?.headTimeout ?? 2_000),
    connectTimeout: millis(options.limits?.connectTimeout ?? 2_000),
    idle: millis(options.limits?.idle ?? 30_000),
    lifetime: millis(options.limits?.lifetime ?? 60_000),
    drain: millis(1_000),
  };
  const rooms: CorridorRooms = {
    clock: systemClock,
    admission,
    upstream: createUpstreamRooms(systemClock, limits, () => inspection.trust()),
    registry,
    limits,
    settle: (outcome) => void outcomes.push(outcome),
    nextRequestId: () => `r${++ids}`,
  };
  const corridor = createCorridor({ ...rooms, inspection: inspection.room(rooms) });
  const open = new Set<AgentSocket>();
  const port = await freePort();
  const listener = await bindListener(
    { addresses: [parseIpAddress("127.0.0.1") as never], port: portOf(port) as never },
    (socket) => {
      const agent = new AgentSocket(socket);
      open.add(agent);
      socket.once("close", () => open.delete(agent));
      void corridor.serve(agent);
    },
  );
  const ca = opened.value.certificate;
  const clients = new Set<Socket>();

  async function connect(authority: string): Promise<Socket> {
    const socket = connectTcp({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    clients.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => clients.delete(socket));
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    let head = "";
    while (!head.includes("\r\n\r\n")) {
      const chunk = await new Promise<Buffer>((resolve, reject) => {
        socket.once("data", resolve);
        socket.once("close", () => reject(new Error(`closed: ${head}`)));
      });
      head += chunk.toString("latin1");
    }
    socket.pause();
    if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(head);
    return socket;
  }

  return {
    port,
    inspection,
    outcomes,
    records,
    events,
    handshakes,
    ca,
    caFile: path("trust/ca.pem"),
    bundleFile: path("trust/bundle.pem"),
    secretsDirectory: path("secrets"),
    registry,
    connect,
    async secure(authority, more = {}) {
      const transport = await connect(authority);
      const host = authority.slice(0, authority.lastIndexOf(":"));
      const socket = connectTls({ socket: transport, servername: host, ca, ...more });
      // Node throws where a TLS socket is to be reset.
      socket.resetAndDestroy = () => {
        transport.resetAndDestroy();
        return socket;
      };
      await new Promise<void>((resolve, reject) => {
        socket.once("secureConnect", resolve);
        socket.once("error", reject);
        socket.once("close", () => reject(new Error("closed in the handshake")));
      });
      socket.on("error", () => undefined);
      return socket;
    },
    reload(allow) {
      policy = policyOf(allow);
      registry.judgeAgain((exchange) => lostPermission(admission, exchange));
    },
    drain() {
      draining = true;
      inspection.drain();
    },
    async quiet() {
      const until = Date.now() + 4_000;
      while (registry.size > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 2));
      return outcomes.length;
    },
    async settled(count) {
      const until = Date.now() + 15_000;
      while (outcomes.length < count) {
        if (Date.now() > until) throw new Error(`${outcomes.length} of ${count} outcomes: ${JSON.stringify(outcomes)}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      return outcomes;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const socket of clients) socket.destroy();
      for (const agent of open) agent.abort();
      inspection.close();
      const until = Date.now() + 2_000;
      while (registry.size > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 2));
      rmSync(directory, { recursive: true, force: true });
    },
  };
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

function policyOf(allow: readonly string[]): CompiledPolicy {
  const text = `apiVersion: sluice.dev/v1alpha1
kind: EgressPolicy
metadata: { name: agent }
spec:
  version: 7
  issuedAt: "2026-11-20T00:00:00Z"
  expiresAt: "2027-02-20T00:00:00Z"
  audience: { namespaces: ["*"], agents: ["*"] }
  mode: enforce
  allow:
${allow.map((rule) => `    - ${rule}\n`).join("")}`;
  const parsed = parseEgressPolicy("p.yaml", text);
  if (!parsed.ok) throw new Error(parsed.problem.map(({ line, message }) => `${line}: ${message}`).join("\n"));
  return compilePolicy(parsed.value, `${DIGEST.slice(0, -4)}${String(allow.length).padStart(4, "0")}`, millis(0));
}
