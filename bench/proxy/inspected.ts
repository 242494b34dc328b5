import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../test/fakes/ports.ts";
import { startSidecar } from "../../test/fakes/sidecar.ts";
import { memoryOf } from "./compare.ts";
import type { InspectedOrder, InspectedResult } from "./inspected-load.ts";
import { ended, type RunningProxy, untilOpen } from "./peers.ts";
import { median } from "./table.ts";

/** `node bench/proxy/inspected.ts [--short]`: HTTPS with TLS ended at the proxy, Sluice against mitmproxy, in one run. */
const short = process.argv.includes("--short");
const rounds = short ? 2 : 5;
/** Of 256 octets, over 64 kept connections; mitmproxy gets a tenth, to take about as long. */
const requests = short ? 4_000 : 20_000;
const megabytes = short ? 50 : 200;

const directory = mkdtempSync(join(tmpdir(), "sluice-inspected-"));
const certificate = join(directory, "origin.pem");
const keyFile = join(directory, "origin.key");

interface Figures {
  readonly name: string;
  readonly host: string;
  readonly proxy: RunningProxy | undefined;
  readonly requests: number[];
  readonly streams: number[];
  failures: number;
  memory: { rss: number; rssAnon: number };
}

const openssl = spawnSync(
  "openssl",
  ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    .concat(["-subj", "/CN=origin", "-addext", "subjectAltName=DNS:origin.bench,DNS:localhost"])
    .concat(["-keyout", keyFile, "-out", certificate]),
  { stdio: "ignore" },
);
if (openssl.status !== 0) throw new Error("openssl made no certificate");

const origin = fork(join(import.meta.dirname, "inspected-origin.ts"));
const load = fork(join(import.meta.dirname, "inspected-load.ts"));
const proxies: RunningProxy[] = [];
try {
  const listening = message<{ port: number }>(origin);
  origin.send({ key: readFileSync(keyFile, "utf8"), cert: readFileSync(certificate, "utf8") });
  const { port: originPort } = await listening;
  const sluice = await startSluice(originPort);
  proxies.push(sluice);
  const mitmproxy = await startMitmproxy();
  if (mitmproxy === undefined) console.log("mitmproxy (Debian package) is not installed: left out");
  else proxies.push(mitmproxy);
  const figures = [undefined, ...proxies].map((proxy): Figures => ({
    name: proxy?.name ?? "direct",
    // mitmproxy asks the platform's resolver.
    host: proxy?.name === "mitmproxy" ? "localhost" : "origin.bench",
    proxy,
    requests: [],
    streams: [],
    failures: 0,
    memory: { rss: 0, rssAnon: 0 },
  }));
  for (let round = 0; round <= rounds; round += 1) {
    for (const row of figures) {
      const base = { proxyPort: row.proxy?.port, host: row.host, originPort };
      const count = row.name === "mitmproxy" ? requests / 10 : requests;
      const small = await ask({ ...base, path: "/small", count, concurrency: 64 });
      const big = await ask({ ...base, path: `/${megabytes * 1_000_000}`, count: 1, concurrency: 1 });
      row.failures += small.failures + big.failures;
      if (round === 0) continue;
      row.requests.push(count / small.seconds);
      row.streams.push(megabytes / big.seconds);
      if (row.proxy !== undefined) row.memory = memoryOf(row.proxy.pid);
    }
    console.log(`round ${round}/${rounds}`);
  }
  print(figures);
} finally {
  for (const proxy of proxies) await proxy.stop();
  load.disconnect();
  origin.disconnect();
  rmSync(directory, { recursive: true, force: true });
}

function print(figures: readonly Figures[]): void {
  const peer = figures.find(({ name }) => name === "mitmproxy");
  const ratio = (row: Figures, what: "requests" | "streams"): string =>
    peer === undefined
      ? ""
      : median(row[what].map((value, round) => value / (peer[what][round] ?? Number.NaN))).toFixed(1);
  console.log(`\nInspected HTTPS, GETs of 256 octets over 64 connections; one stream of ${megabytes} MB`);
  console.log("through      requests/s  to mitmproxy    MB/s  to mitmproxy  RSS / RssAnon MB  failures");
  for (const row of figures) {
    const { rss, rssAnon } = row.memory;
    console.log(
      [
        row.name.padEnd(10),
        Math.round(median(row.requests)).toString().padStart(12),
        ratio(row, "requests").padStart(13),
        Math.round(median(row.streams)).toString().padStart(7),
        ratio(row, "streams").padStart(13),
        `${Math.round(rss / 1024)} / ${Math.round(rssAnon / 1024)}`.padStart(17),
        String(row.failures).padStart(9),
      ].join(" "),
    );
  }
  const own = figures.find(({ name }) => name === "Sluice");
  if (own === undefined || own.failures > 0) process.exitCode = 1;
  // A cliff, and not a noisy neighbour: the target is five times.
  if (own !== undefined && peer !== undefined && median(own.requests) < 2 * median(peer.requests)) process.exitCode = 1;
}

async function startSluice(originPort: number): Promise<RunningProxy> {
  const sidecar = await startSidecar({
    allow: [
      `{ id: bench, hosts: [origin.bench], ports: [${originPort}], addresses: ["127.0.0.1:${originPort}"], inspect: true, http: { methods: [GET], paths: ["/**"] } }`,
    ],
    hosts: { "origin.bench": ["127.0.0.1"] },
    settings: [`inspection: { caFile: ${certificate} }`],
    built: true,
  });
  const stop = async (): Promise<void> => sidecar[Symbol.asyncDispose]();
  return { name: "Sluice", port: sidecar.port, pid: sidecar.child.pid ?? 0, stop };
}

/** Quiet, streaming, trusting the origin: its best case. */
async function startMitmproxy(): Promise<RunningProxy | undefined> {
  if (spawnSync("which", ["mitmdump"]).status !== 0) return undefined;
  const port = await freePort();
  const settings = [
    `confdir=${join(directory, "mitmproxy")}`,
    `ssl_verify_upstream_trusted_ca=${certificate}`,
    "stream_large_bodies=1k",
    "flow_detail=0",
    "termlog_verbosity=error",
  ];
  const child = spawn(
    "mitmdump",
    ["-q", "--listen-host", "127.0.0.1", "-p", String(port), ...settings.flatMap((setting) => ["--set", setting])],
    { stdio: "ignore" },
  );
  if (child.pid === undefined || !(await untilOpen(port, 20_000))) {
    await ended(child);
    return undefined;
  }
  return { name: "mitmproxy", port, pid: child.pid, stop: async () => ended(child) };
}

async function message<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`a bench process ended early (${code})`));
    child.once("exit", onExit);
    child.once("message", (value) => {
      child.off("exit", onExit);
      resolve(value as Message);
    });
  });
}

async function ask(order: InspectedOrder): Promise<InspectedResult> {
  const answer = message<InspectedResult>(load);
  load.send(order);
  return answer;
}
