import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ended } from "../proxy/peers.ts";
import { decisionRecord } from "../../router/app/governance/governance-record.ts";
import { Governor } from "../../router/app/governance/governor.ts";
import { bytes, epochMillis, millis } from "../../router/core/base/quantity.ts";
import { BehaviorMonitor } from "../../router/core/behavior/behavior-monitor.ts";
import { observationsOf } from "../../router/core/behavior/observed-event.ts";
import type { Action } from "../../router/core/governance/action.ts";
import { compileGovernancePolicy } from "../../router/core/governance/compile-governance-policy.ts";
import { parseGovernancePolicy } from "../../router/core/governance/parse-governance-policy.ts";
import { RateLimiter } from "../../router/core/limiter/rate-limiter.ts";
import { openAuditLog } from "../../router/edge/audit/audit-log.ts";
import { createSigner } from "../../router/edge/audit/ed25519.ts";
import { governancePolicy, startSidecar } from "../../test/fakes/sidecar.ts";
import { AgentConnection } from "../inference/agent-connection.ts";
import { quantiles } from "../inference/quantiles.ts";

/**
 * Evaluate, rate limits, behaviour and a durable record, strict, 64 in flight, 100 rules. In process: the sidecar's own
 * judge, limiter, monitor and audit log, without HTTP. Over HTTP: the real sidecar in a process of its own, kept connections,
 * one action a request and twenty. Run: `node bench/core/governance-durable.ts [--short]`. Prints one line of JSON and a table.
 * Target (issue 5): p99 under 2 ms, 20,000 actions a second.
 */

const short = process.argv.includes("--short");
const SECONDS = short ? 1 : 4;
const IN_FLIGHT = 64;
const RULES = 100;

const lines: readonly string[] = [
  "rules:",
  ...Array.from(
    { length: RULES },
    (_, index) =>
      `  - { id: r${index}, effect: ${index % 10 === 9 ? "deny" : "rate_limit"}, actions: [exec], when: { program: { in: [/usr/bin/tool-${index}] }, directory: { glob: ["/work/*"] } }${index % 10 === 9 ? "" : ", limit: { per: action, rate: { count: 1000000, window: 1s } }"} }`,
  ),
  "limits: [{ id: overall, per: action, rate: { count: 1000000, window: 1s } }]",
  "behavior: [{ id: burst, detector: burst, count: 100000, window: 1s }]",
];

const programOf = (index: number): string => `/usr/bin/tool-${(index * 10 + (index % 9)) % RULES}`;
const ARGV = ["--all", "src/main.ts"];

interface Row {
  readonly way: string;
  readonly actionsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly failures: number;
}

/** Keeps 64 of it going; each is `size` actions. */
async function load(way: string, size: number, lanes: readonly ((index: number) => Promise<boolean>)[]): Promise<Row> {
  const run = async (seconds: number): Promise<Row> => {
    const latencies: number[] = [];
    let failures = 0;
    const began = performance.now();
    const until = began + seconds * 1_000;
    await Promise.all(
      lanes.map(async (lane, first) => {
        for (let index = first, now = performance.now(); now < until; index += IN_FLIGHT) {
          if (!(await lane(index))) failures += 1;
          const then = now;
          now = performance.now();
          latencies.push(now - then);
        }
      }),
    );
    const elapsed = (performance.now() - began) / 1_000;
    const count = latencies.length;
    const at = quantiles(latencies);
    const [p50, p99] = [Number(at(0.5).toFixed(3)), Number(at(0.99).toFixed(3))];
    return { way, actionsPerSecond: Math.round((count * size) / elapsed), p50, p99, failures };
  };
  await run(short ? 0.5 : 2);
  return run(SECONDS);
}

async function inProcess(): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-bench-governance-"));
  const clock = { now: () => epochMillis(Date.now()), monotonic: () => millis(performance.now()) };
  const parsed = parseGovernancePolicy("bench.yaml", governancePolicy(1, lines));
  if (!parsed.ok) throw new Error(parsed.problem[0]?.message);
  const policy = compileGovernancePolicy(parsed.value, `sha256:${"0".repeat(64)}`, millis(0));
  const limiter = new RateLimiter();
  const ruled = policy.rules.flatMap(({ applied }) => (applied === undefined ? [] : [applied]));
  limiter.apply([...policy.limits, ...ruled], clock.monotonic());
  const monitor = new BehaviorMonitor(policy.detectors);
  const governor = new Governor({
    clock,
    time: clock.now,
    policy: () => policy,
    absent: () => false,
    labels: () => undefined,
    scoreOf: () => undefined,
    limiter,
    monitor,
    grants: { find: () => undefined, use: () => false, stands: () => false },
    barred: () => undefined,
    ended: () => undefined,
    judged: () => undefined,
  });
  const opened = await openAuditLog({
    directory,
    mode: "strict",
    segmentBytes: bytes(64 * 1024 * 1024),
    segmentAge: millis(3_600_000),
    maximumBytes: bytes(16 * 1024 ** 3),
    identity: { namespace: "bench", pod: "pod-1", agent: "agent-1" },
    clock,
    onHealth: (health) => console.error(health),
    observer: { recorded: () => undefined, synced: () => undefined },
    writeDeadline: millis(10_000),
    retryAfter: millis(1_000),
    heartbeat: millis(3_600_000),
    checkpoints: { signerOf: createSigner, records: 10_000, interval: millis(10_000), publish: () => undefined },
  });
  if (!opened.ok) throw new Error(opened.problem.message);
  const log = opened.value;
  const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
  let id = 0;
  const lane = async (index: number): Promise<boolean> => {
    const action: Action = { kind: "exec", program: programOf(index), argv: ARGV, directory: "/work/app" };
    const governed = governor.judge(action, false);
    id += 1;
    const record = decisionRecord({ id: `r${id}`, at: clock.now(), action, governed, digest });
    // As the sidecar's monitor, which sees what is recorded.
    const moment = { at: clock.now(), steady: clock.monotonic() };
    for (const observation of observationsOf(record, moment)) monitor.observe(observation);
    if (!(await log.append(record)).ok || governed.kind === "refused") return false;
    governed.ended("unknown", 0);
    return true;
  };
  const same: Action = { kind: "exec", program: programOf(0), argv: ARGV, directory: "/work/app" };
  const governed = governor.judge(same, false);
  const record = decisionRecord({ id: "r0", at: clock.now(), action: same, governed, digest });
  const alone = async (): Promise<boolean> => (await log.append(record)).ok;
  const lanes = <Lane>(one: Lane): readonly Lane[] => Array.from({ length: IN_FLIGHT }, () => one);
  // What this disk gives in this run, without a judgement.
  const rows = [await load("a durable record alone", 1, lanes(alone)), await load("in process", 1, lanes(lane))];
  await log.close();
  rmSync(directory, { recursive: true });
  return rows;
}

async function overHttp(): Promise<readonly Row[]> {
  const sidecar = await startSidecar({ allow: [], governance: lines, settings: ["log: { level: warn }"] });
  try {
    const rows: Row[] = [];
    for (const size of [1, 20]) {
      const bodies = Array.from({ length: 100 }, (_, first) => {
        const actions = Array.from({ length: size }, (_unused, offset) => ({
          kind: "exec",
          program: programOf(first + offset),
          argv: ARGV,
          directory: "/work/app",
        }));
        const body = JSON.stringify(size === 1 ? { action: actions[0] } : { actions });
        const head = "POST /governance/v1/evaluate HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json";
        return Buffer.from(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      });
      const connections = Array.from({ length: IN_FLIGHT }, () => new AgentConnection(sidecar.agentPort));
      // That all of it is allowed, a first answer to each body shows; afterwards a 200 is enough.
      for (const body of bodies) await allAllowed(connections[0], body, size);
      const lanes = connections.map(
        (connection) => (index: number) =>
          new Promise<boolean>((resolve) => {
            const body = bodies[index % bodies.length];
            if (connection.closed || body === undefined) resolve(false);
            else connection.send(body, { part: () => undefined, end: resolve });
          }),
      );
      rows.push(await load(`HTTP, ${size} a request`, size, lanes));
      for (const connection of connections) connection.close();
    }
    return rows;
  } finally {
    sidecar.child.kill();
    await ended(sidecar.child);
    rmSync(sidecar.directory, { recursive: true, force: true });
  }
}

async function allAllowed(connection: AgentConnection | undefined, body: Buffer, size: number): Promise<void> {
  let text = "";
  const whole = await new Promise<boolean>((resolve) => {
    connection?.send(body, { part: (octets) => void (text += octets.toString()), end: resolve });
  });
  const allowed = text.split('"decision":"allow"').length - 1;
  if (!whole || allowed !== size) throw new Error(`${allowed} of ${size} allowed: ${text.slice(0, 500)}`);
}

const rows = [...(await inProcess()), ...(await overHttp())];
console.log(JSON.stringify({ bench: "core/governance-durable", inFlight: IN_FLIGHT, node: process.version, rows }));
console.table(
  Object.fromEntries(
    rows.map(({ way, actionsPerSecond, p50, p99, failures }) => [
      way,
      { "actions/s": actionsPerSecond, "p50 ms": p50, "p99 ms": p99, failures },
    ]),
  ),
);
if (rows.some(({ failures }) => failures > 0)) process.exitCode = 1;
