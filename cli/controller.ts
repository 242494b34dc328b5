import { randomInt } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { parseControllerConfig } from "../controller/config/parse-controller-config.ts";
import { startController } from "../controller/start-controller.ts";
import { systemClock } from "../router/app/clock.ts";
import { formatProblem } from "../router/core/base/problem.ts";
import { ok, type Result } from "../router/core/base/result.ts";
import type { KubeEndpoint } from "../router/edge/kubernetes/kube-endpoint.ts";
import { openLog } from "../router/edge/log/log.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { endSoon } from "./end-soon.ts";
import { podEnvironment } from "./in-cluster.ts";
import { readSource } from "./policy-file.ts";
import { VERSION } from "./version.ts";

const DEFAULT_FILE = "/etc/sluice/controller.yaml";
const OPTIONS = {
  config: { type: "string" },
  server: { type: "string" },
  "ca-file": { type: "string" },
  "token-file": { type: "string" },
} as const;
const USAGE = "usage: sluice controller [--config FILE] [--server URL --ca-file FILE --token-file FILE]\n";

/**
 * The admission webhooks and the reconcilers. Every problem of the configuration is listed and nothing is bound (64); no API
 * server to ask, or a port that cannot be bound, is 69. SIGTERM and SIGINT drain and end it with 0.
 */
export async function controller(argv: readonly string[], io: CliIo): Promise<number> {
  let values: Partial<Record<keyof typeof OPTIONS, string>>;
  try {
    ({ values } = parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: false }));
  } catch (error) {
    io.stderr(`sluice controller: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return EXIT.usage;
  }
  const file = values.config ?? DEFAULT_FILE;
  const source = await readSource(io.cwd, file);
  const config = source.ok ? parseControllerConfig(file, source.value.text) : source;
  if (!config.ok) {
    for (const problem of config.problem) io.stderr(`${formatProblem(problem)}\n`);
    return EXIT.badConfiguration;
  }
  const pod = podEnvironment();
  const endpoint = values.server === undefined ? pod.endpoint() : given(io.cwd, values.server, values);
  if (!endpoint.ok) {
    io.stderr(`sluice controller: ${endpoint.problem} Outside a cluster --server names the API server.\n`);
    return EXIT.unavailable;
  }
  const ended = new Promise<void>((done) => {
    process.once("SIGTERM", done);
    process.once("SIGINT", done);
  });
  const running = await startController({
    config: config.value,
    endpoint: endpoint.value,
    version: VERSION,
    identity: pod.pod ?? `${hostname()}-${process.pid}`,
    clock: systemClock,
    random: () => randomInt(2 ** 32) / 2 ** 32,
    log: openLog(config.value.log.level, process.stdout),
  });
  if (!running.ok) {
    io.stderr(`sluice controller: ${running.problem}\n`);
    return EXIT.unavailable;
  }
  await ended;
  process.once("SIGTERM", () => process.kill(process.pid, "SIGKILL"));
  await running.value.stop();
  endSoon(EXIT.yes);
  return EXIT.yes;
}

function given(
  cwd: string,
  server: string,
  files: { readonly "ca-file"?: string | undefined; readonly "token-file"?: string | undefined },
): Result<KubeEndpoint, string> {
  const { "ca-file": ca, "token-file": token } = files;
  return ok({
    url: server,
    ca: ca === undefined ? undefined : { file: resolve(cwd, ca) },
    credential: token === undefined ? { kind: "none" } : { kind: "token", token: { file: resolve(cwd, token) } },
  });
}
