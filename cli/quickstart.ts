import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CliIo, EXIT } from "./cli-io.ts";
import { createLocalCa } from "./quickstart/local-ca.ts";
import { openLocalStage } from "./quickstart/local-stage.ts";
import { podTour } from "./quickstart/pod-tour.ts";
import { SLUICE } from "./quickstart/program-files.ts";
import { NAMESPACE } from "./quickstart/sidecar.ts";
import { createSigner } from "./quickstart/signer.ts";
import { serve } from "./quickstart/serve.ts";
import { Steps } from "./quickstart/steps.ts";
import { tour } from "./quickstart/tour.ts";
import type { TourRun } from "./quickstart/tour-run.ts";
import { Witness } from "./quickstart/witness.ts";

const USAGE = "usage: sluice quickstart [--once]\n";
/** Ctrl-C, a supervisor, a closed terminal. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * A tour of the sidecar with origins and a model of its own, on this machine alone. Exits 0 only if every step gave the expected
 * verdict. Without `--once` it serves on after the tour, until it is told to end. Whatever it started ends with it.
 */
export async function quickstart(argv: readonly string[], io: CliIo): Promise<number> {
  const [option, ...more] = argv;
  if (more.length > 0 || (option !== undefined && option !== "--once")) {
    io.stderr(USAGE);
    return EXIT.usage;
  }
  const interrupt = new AbortController();
  // Never taken off, and never acted upon twice: npm passes a signal on to a child that already has it.
  for (const signal of SIGNALS) process.on(signal, () => interrupt.abort());
  // Whoever read the output has gone.
  process.stdout.on("error", () => interrupt.abort());
  try {
    await using cleanup = new AsyncDisposableStack();
    const directory = mkdtempSync(join(tmpdir(), "sluice-quickstart-"));
    cleanup.defer(() => rmSync(directory, { recursive: true, force: true }));
    const steps = new Steps(io, interrupt.signal);
    return await guidedTour({ io, steps, signal: interrupt.signal, directory }, option === undefined);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    io.stderr(
      `\nsluice quickstart: ${interrupt.signal.aborted ? "interrupted; everything it started is gone" : why}\n`,
    );
    return EXIT.no;
  }
}

const NEXT = [
  ["npm start", "the same, and then it serves on for you to try"],
  [`${SLUICE} policy test policies/quickstart`, "the policy's own tests"],
  [`${SLUICE} policy explain --policy policies/quickstart CONNECT evil.example:8443`, "why"],
  [`${SLUICE} policy explain --policy policies/quickstart MODEL small`, "where its calls go, and what they may use"],
  [`${SLUICE} policy explain --policy policies/quickstart exec /usr/bin/git push`, "which rules have to do with it"],
  [`${SLUICE} guard print`, "the guard's rules, with the reason for each"],
] as const;

type Beginning = Pick<TourRun, "io" | "steps" | "signal" | "directory">;

async function guidedTour(beginning: Beginning, serving: boolean): Promise<number> {
  const { io, steps, directory } = beginning;
  steps.say(
    "An agent, the sidecar, two origins it may or may not reach, and a model: all on this machine, nothing leaves it.",
  );
  await using witness = new Witness(join(directory, "witness"), `sluice.dev/audit/${NAMESPACE}/`);
  const ca = createLocalCa();
  const authorityFile = join(directory, "ca.pem");
  writeFileSync(authorityFile, ca.certificatePem);
  const run: TourRun = {
    ...beginning,
    authorityFile,
    certificate: ca.issue(["allowed.example", "*.wild.example", "*.other.example"]),
    signer: createSigner(),
  };
  await using stage = await openLocalStage(run, witness);
  steps.say(
    `Proxy on port ${stage.proxy}, agent API at ${stage.agentApi}, probes at ${stage.admin}, origins on ports ${stage.tlsPort} (TLS) and ${stage.httpPort} (HTTP), the model on port ${stage.modelPort}.`,
  );
  await tour(run, stage);
  await podTour(run);
  io.stdout(`\n${steps.table()}`);
  if (serving) await serve(run, stage);
  else steps.say(`\nNext:\n${NEXT.map(([command, does]) => `  ${command}\n      ${does}`).join("\n")}`);
  return steps.failed === 0 ? EXIT.yes : EXIT.no;
}
