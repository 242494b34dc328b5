import { parseArgs } from "node:util";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { getLocal } from "../router/edge/upstream/get-local.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { shownJson, shownText } from "./shown-text.ts";
import { isReady, readStatus, type SidecarStatus } from "./status-report.ts";
import { statusText } from "./status-text.ts";
import { processViewer } from "./viewer.ts";

const USAGE = "sluice status [--address HOST:PORT] [--json]";
const DEFAULT_ADDRESS = "127.0.0.1:18090";

interface Options {
  readonly address: string;
  readonly json: boolean;
}

/**
 * `sluice status [--address HOST:PORT] [--json]`: what a running sidecar says of itself on its admin listener. 0: it is
 * ready, degraded or not; 1: something has failed; 2: wrong usage, or the answer is no sidecar's; 69: none answers.
 * It is not authenticated: `sluice attest` is.
 */
export async function status(argv: readonly string[], io: CliIo, viewer = processViewer([])): Promise<number> {
  const options = parseOptions(argv);
  if (!options.ok) {
    io.stderr(`sluice status: ${shownText(options.problem, 500)}\nusage: ${USAGE}\n`);
    return EXIT.usage;
  }
  const { address, json } = options.value;
  const say = (what: string): void => io.stderr(`sluice status: ${shownText(`${address}: ${what}`, 1_000)}\n`);
  const answer = await getLocal(`http://${address}`, "/status");
  if (!answer.ok) {
    const isUsage = answer.problem.code === "bad_url";
    say(isUsage ? "is no IP address or localhost with a port" : answer.problem.message);
    return isUsage ? EXIT.usage : EXIT.unavailable;
  }
  if (answer.value.status !== 200) {
    say(`answers with status ${answer.value.status}`);
    return EXIT.unavailable;
  }
  const read = readStatus(answer.value.body);
  if (!read.ok) {
    say(read.problem);
    return EXIT.usage;
  }
  io.stdout(json ? jsonOf(read.value) : statusText(read.value, { now: io.now(), colors: viewer.colors }));
  return isReady(read.value) ? EXIT.yes : EXIT.no;
}

/** All that the sidecar said, and whether that is ready. */
function jsonOf(said: SidecarStatus): string {
  return `${shownJson(JSON.stringify({ ...said, ready: isReady(said) }))}\n`;
}

function parseOptions(argv: readonly string[]): Result<Options, string> {
  try {
    const { address = DEFAULT_ADDRESS, json = false } = parseArgs({
      args: [...argv],
      options: { address: { type: "string" }, json: { type: "boolean" } },
    }).values;
    // Without a port it would be HTTP's own.
    if (!/^[^/?#@\\\s]+:[0-9]{1,5}$/.test(address))
      return fail("--address is HOST:PORT, with an IP address or localhost");
    return ok({ address, json });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}
