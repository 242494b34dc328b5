import { readFileSync, type Stats, unwatchFile, watchFile, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { formatProblem } from "../../router/core/base/problem.ts";
import type { LocalStage } from "./local-stage.ts";
import { largerBudget } from "./policy.ts";
import { SLUICE } from "./program-files.ts";
import { type PolicyName, policyBecomes, policyStatus, stateText } from "./stage.ts";
import type { TourRun } from "./tour-run.ts";

const LOOK_MS = 300;

/** A policy that a person may edit while the sidecar serves. */
interface Draft {
  readonly file: string;
  readonly policy: PolicyName;
  publish(text: string): void;
}

/** Lets the sidecar of the tour serve whoever wants to try it, and signs each new draft of a policy; until aborted. */
export async function serve(run: TourRun, stage: LocalStage): Promise<void> {
  const { steps, signal, directory } = run;
  const { sidecar } = stage;
  const egress = join(directory, "draft.yaml");
  const models = join(directory, "draft-models.yaml");
  writeFileSync(egress, stage.policy(5));
  writeFileSync(models, largerBudget(stage.models(3)));
  const actions = join(directory, "draft-actions.yaml");
  writeFileSync(actions, stage.actions(2));
  const drafts: readonly Draft[] = [
    { file: egress, policy: "egress", publish: (text) => sidecar.publish(text) },
    { file: models, policy: "inference", publish: (text) => sidecar.publishModels(text) },
    { file: actions, policy: "governance", publish: (text) => sidecar.publishActions(text) },
  ];
  steps.say(instructions(run, stage, { egress, models, actions }));

  const ended = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => ended.resolve(), { once: true });
  if (signal.aborted) ended.resolve();
  let last = Promise.resolve();
  for (const draft of drafts) {
    watchFile(draft.file, { interval: LOOK_MS }, (now: Stats, before: Stats): void => {
      // An editor that replaces the file has it away for a moment.
      if (now.mtimeMs === before.mtimeMs || now.size === 0) return;
      last = last
        .then(() => install(run, stage, draft))
        .catch((error: unknown) => {
          const why = error instanceof Error ? error.message : String(error);
          if (!signal.aborted) steps.say(`${basename(draft.file)}: ${why}`);
        });
    });
  }
  await Promise.race([ended.promise, sidecar.ended]);
  for (const { file } of drafts) unwatchFile(file);
  if (!signal.aborted) throw new Error(`the sidecar has ended. Its last words:\n${sidecar.lastWords}`);
  steps.say("\nEnding; everything it started goes with it.");
}

/** Signs the draft, installs it, and tells what the sidecar makes of it. */
async function install({ steps }: TourRun, { agent, admin }: LocalStage, draft: Draft): Promise<void> {
  const { file, policy } = draft;
  const before = stateText(await policyStatus(agent, admin, policy));
  draft.publish(readFileSync(file, "utf8"));
  const status = await policyBecomes(agent, admin, (text) => text !== before, policy);
  steps.say(`${basename(file)} signed and installed: ${stateText(status)}`);
  for (const problem of status.condition.problems ?? []) steps.say(`  ${formatProblem({ ...problem, file })}`);
}

function instructions(
  { directory, authorityFile }: TourRun,
  { proxy, agentApi, admin, tlsPort, httpPort, sidecar, head }: LocalStage,
  drafts: { readonly egress: string; readonly models: string; readonly actions: string },
): string {
  const curl = `curl -x http://127.0.0.1:${proxy}`;
  const push = '{"action":{"kind":"exec","program":"/usr/bin/git","argv":["push"]}}';
  const chat = '{"model":"small","messages":[{"role":"user","content":"What are you?"}]}';
  return `
The sidecar serves on. Ctrl-C ends it and removes ${directory}. In another terminal:

  ${curl} --cacert ${authorityFile} https://allowed.example:${tlsPort}/
  ${curl} --cacert ${authorityFile} https://b.wild.example:${tlsPort}/
  ${curl} http://allowed.example:${httpPort}/public/page
  ${curl} http://allowed.example:${httpPort}/private      refused: the JSON says why
  ${curl} -v https://evil.example:${tlsPort}/             refused: 403 in answer to CONNECT

  curl ${agentApi}/v1/chat/completions --json '${chat}'
  curl ${agentApi}/budget       an SDK needs OPENAI_BASE_URL=${agentApi}/v1 and no key

  curl ${agentApi}/governance/v1/evaluate --json '${push}'

  the policies  edit ${drafts.egress},
                ${drafts.models} or
                ${drafts.actions}: as you save one,
                it is signed and installed, and what the sidecar makes of it is told here
  its state     ${SLUICE} status --address ${admin.replace("http://", "")}
                curl "${admin}/readyz?verbose"     also /status, /metrics
  approvals     put into ${sidecar.approvals}: what is asked for
                is in ${SLUICE} status --address ${admin.replace("http://", "")} --json
  the audit log ${SLUICE} audit verify ${sidecar.audit} --anchor ${head}
                ${SLUICE} audit tail -f ${sidecar.audit}
  its own log   tail -f ${sidecar.log}
`;
}
