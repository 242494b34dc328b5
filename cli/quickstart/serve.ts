import { readFileSync, type Stats, unwatchFile, watchFile, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatProblem } from "../../router/core/base/problem.ts";
import type { LocalStage } from "./local-stage.ts";
import { SLUICE } from "./program-files.ts";
import { policyBecomes, policyStatus, stateText } from "./stage.ts";
import type { TourRun } from "./tour-run.ts";

const LOOK_MS = 300;

/** Lets the sidecar of the tour serve whoever wants to try it, and signs each new draft of its policy; until aborted. */
export async function serve(run: TourRun, stage: LocalStage): Promise<void> {
  const { steps, signal, directory } = run;
  const draft = join(directory, "draft.yaml");
  writeFileSync(draft, stage.policy(5));
  steps.say(instructions(run, stage, draft));

  const ended = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => ended.resolve(), { once: true });
  if (signal.aborted) ended.resolve();
  let last = Promise.resolve();
  const changed = (now: Stats, before: Stats): void => {
    // An editor that replaces the file has it away for a moment.
    if (now.mtimeMs === before.mtimeMs || now.size === 0) return;
    last = last
      .then(() => publish(run, stage, draft))
      .catch((error: unknown) => {
        if (!signal.aborted) steps.say(`draft.yaml: ${error instanceof Error ? error.message : String(error)}`);
      });
  };
  watchFile(draft, { interval: LOOK_MS }, changed);
  await Promise.race([ended.promise, stage.sidecar.ended]);
  unwatchFile(draft, changed);
  if (!signal.aborted) throw new Error(`the sidecar has ended. Its last words:\n${stage.sidecar.lastWords}`);
  steps.say("\nEnding; everything it started goes with it.");
}

/** Signs the draft, installs it, and tells what the sidecar makes of it. */
async function publish({ steps }: TourRun, { agent, admin, sidecar }: LocalStage, draft: string): Promise<void> {
  const before = stateText(await policyStatus(agent, admin));
  sidecar.publish(readFileSync(draft, "utf8"));
  const status = await policyBecomes(agent, admin, (text) => text !== before);
  steps.say(`draft.yaml signed and installed: ${stateText(status)}`);
  for (const problem of status.condition.problems ?? []) steps.say(`  ${formatProblem({ ...problem, file: draft })}`);
}

function instructions(
  { directory, authorityFile }: TourRun,
  { proxy, admin, tlsPort, httpPort, sidecar, head }: LocalStage,
  draft: string,
): string {
  const curl = `curl -x http://127.0.0.1:${proxy}`;
  return `
The sidecar serves on. Ctrl-C ends it and removes ${directory}. In another terminal:

  ${curl} --cacert ${authorityFile} https://allowed.example:${tlsPort}/
  ${curl} --cacert ${authorityFile} https://b.wild.example:${tlsPort}/
  ${curl} http://allowed.example:${httpPort}/public/page
  ${curl} http://allowed.example:${httpPort}/private      refused: the JSON says why
  ${curl} -v https://evil.example:${tlsPort}/             refused: 403 in answer to CONNECT

  the policy    edit ${draft}: as you save it,
                it is signed and installed, and what the sidecar makes of it is told here
  its state     curl "${admin}/readyz?verbose"     also /status, /metrics
  the audit log ${SLUICE} audit verify ${sidecar.audit} --anchor ${head}
                ${SLUICE} audit tail -f ${sidecar.audit}
  its own log   tail -f ${sidecar.log}
`;
}
