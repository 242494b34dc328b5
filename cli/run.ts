import { formatProblem } from "../router/core/base/problem.ts";
import { loadConfig, processSources } from "../router/app/config.ts";
import { startRouter } from "../router/app/router.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { endSoon } from "./end-soon.ts";
import { VERSION } from "./version.ts";

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
  // Also where it comes while the sidecar starts: what was begun is stopped, and on record.
  const ended = new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  const router = await startRouter(config.value, VERSION, process.stdout);
  if (!router.ok) {
    io.stderr(`sluice: ${router.problem}\n`);
    return EXIT.unavailable;
  }
  await ended;
  process.once("SIGTERM", () => process.kill(process.pid, "SIGKILL"));
  await router.value.stop();
  endSoon(EXIT.yes);
  return EXIT.yes;
}
