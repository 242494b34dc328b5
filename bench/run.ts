import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { inferenceFaults } from "./inference/bounds.ts";
import { compareGateways } from "./inference/compare.ts";
import { portkeyVersion } from "./inference/portkey.ts";
import { inferenceTable } from "./inference/table.ts";
import { compareProxies } from "./proxy/compare.ts";
import { median, proxyTable } from "./proxy/table.ts";

/**
 * `npm run bench`: every bench, and its results into `bench/RESULTS.md`. `-- --short` takes a third of the time and
 * writes nothing; it fails (exit 1) where the first targets of the egress path or of the inference path are missed by a
 * wide margin, so that CI notices a cliff and not a noisy neighbour.
 */
const short = process.argv.includes("--short");
const root = join(import.meta.dirname, "..");

const build = spawnSync("npm", ["run", "-s", "build"], { cwd: root, stdio: "inherit" });
if (build.status !== 0) process.exit(build.status ?? 1);

const comparison = await compareProxies(short, (text) => console.log(text));
const table = proxyTable(comparison);
console.log(`\n${table}`);

const inference = await compareGateways(short, (text) => console.log(text));
const inferenceText = inferenceTable(inference);
console.log(`\n${inferenceText}`);

const printed: string[] = [];
for (const name of [
  "core/decide",
  "core/audit",
  "core/inference",
  "core/governance",
  "core/governance-peers",
  "core/governance-durable",
  "core/blocklist",
  "proxy/inspected",
  "controller/admission",
  "controller/watchers",
  "controller/approvals",
]) {
  const file = join(import.meta.dirname, `${name}.ts`);
  if (!existsSync(file)) continue;
  console.log(`bench/${name}.ts`);
  const run = spawnSync(process.execPath, [file, ...(short ? ["--short"] : [])], {
    encoding: "utf8",
    maxBuffer: 1 << 24,
  });
  process.stdout.write(run.stdout);
  if (run.status !== 0) {
    process.stderr.write(run.stderr);
    process.exit(1);
  }
  const text = run.stdout
    .split("\n")
    .filter((line) => !line.startsWith("{"))
    .join("\n")
    .trim();
  printed.push(`### bench/${name}.ts\n\n\`\`\`\n${text}\n\`\`\``);
}

if (!short) {
  const version = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).stdout.trim();
  writeFileSync(
    join(import.meta.dirname, "RESULTS.md"),
    [
      "# Results",
      "",
      "Written by `npm run bench`; every figure comes from one run on one machine, so read ratios, not numbers.",
      "",
      `- date: ${new Date().toISOString().slice(0, 10)}, commit ${version}`,
      `- machine: ${cpus().length} x ${cpus()[0]?.model ?? "?"} (shared), ${readFileSync("/proc/version", "utf8").split(" ").slice(0, 3).join(" ")}`,
      `- Node ${process.version}, ${packageVersion("squid")}, ${packageVersion("tinyproxy")}, ${portkeyVersion()}`,
      "",
      table,
      "",
      inferenceText,
      "",
      ...printed,
      "",
    ].join("\n"),
  );
  console.log("written: bench/RESULTS.md");
}

const sluice = comparison.figures.find(({ name }) => name === "Sluice");
const squid = comparison.figures.find(({ name }) => name === "Squid");
if (sluice === undefined || sluice.failures > 0) {
  console.error(`bench: ${sluice?.failures ?? "all"} exchanges through Sluice failed`);
  process.exitCode = 1;
} else if (squid !== undefined && squid.failures === 0) {
  const connects = median(sluice.connects) / median(squid.connects);
  const streams = median(sluice.streams) / median(squid.streams);
  if (connects < 0.25 || streams < 0.3) {
    console.error(`bench: far below Squid: CONNECT ${connects.toFixed(2)}, stream ${streams.toFixed(2)}`);
    process.exitCode = 1;
  }
}

for (const fault of inferenceFaults(inference)) {
  console.error(`bench: inference: ${fault}`);
  process.exitCode = 1;
}

function packageVersion(name: string): string {
  const run = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${Version}", name], { encoding: "utf8" });
  return run.status === 0 ? run.stdout : `${name}: not installed`;
}
