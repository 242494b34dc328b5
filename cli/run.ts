import { formatProblem } from "../router/core/base/problem.ts";
import { loadConfig, processSources } from "../router/app/config.ts";
import { startRouter } from "../router/app/router.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { VERSION } from "./version.ts";

const LAST_WORDS = 250;

/**
 * The sidecar. Every problem of the configuration is listed and nothing is bound (64); a directory or port that cannot
 * be used is 69. SIGTERM and SIGINT drain and end it with 0; a second one ends it at once.
 */
export async function run(argv: readonly string[], io: CliIo): Promise<number> {
  const config = await loadConfig(processSources(argv));
  if (!config.ok) {
    for (const problem of config.problem) io.stderr(`${formatProblem(problem)}\n`);
    return EXIT.badConfiguration;
  }
  const router = await startRouter(config.value, VERSION, process.stdout);
  if (!router.ok) {
    io.stderr(`sluice: ${router.problem}\n`);
    return EXIT.unavailable;
  }
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  process.once("SIGTERM", () => process.kill(process.pid, "SIGKILL"));
  await router.value.stop();
  // Everything is written. What a full pipe still holds of the log would keep the process for ever.
  // oxlint-disable-next-line unicorn/no-process-exit -- nothing else ends a process with a pending write to a pipe
  setTimeout(() => process.exit(EXIT.yes), LAST_WORDS).unref();
  return EXIT.yes;
}
