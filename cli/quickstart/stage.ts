import { setTimeout as sleep } from "node:timers/promises";
import type { DocumentProblem } from "../../router/core/base/problem.ts";
import type { AgentAnswer, AgentAsk } from "./agent.ts";
import type { LineWorker } from "./line-worker.ts";
import type { Sidecar } from "./sidecar.ts";

export type Agent = LineWorker<AgentAsk, AgentAnswer>;

const PATIENCE_MS = 10_000;
const AGAIN_MS = 20;

/** An answer in the words of the table: `200`, `403 host_not_allowed`, or what the system called the failure. */
export function answerText({ status, reason, error }: AgentAnswer): string {
  return status === 0 ? error : `${status} ${reason}`.trim();
}

/** Waits until the sidecar says at `/readyz` that it is ready; then says which policy is in force. */
export async function readiness(sidecar: Sidecar, probe: Agent, admin: string): Promise<string> {
  const deadline = performance.now() + PATIENCE_MS;
  while (sidecar.running && performance.now() < deadline) {
    const { status } = await probe.ask({ do: "get", url: `${admin}/readyz` });
    if (status === 200) {
      const { identity, policy } = await statusOf(probe, admin);
      // Another's may have taken the port since it was found free: then ours ends, and says so.
      if (identity.pod === sidecar.pod) return `ready, ${stateText(policy)}`;
    }
    await sleep(AGAIN_MS);
  }
  throw new Error(`the sidecar did not become ready. Its last words:\n${sidecar.lastWords}`);
}

/** The part of `/status` that says which policy is in force, and what is wrong with a newer one. */
export interface PolicyStatus {
  readonly state: string;
  /** Absent while there is none. */
  readonly version?: number;
  readonly condition: { readonly problems?: readonly DocumentProblem[] };
}

interface Status {
  readonly identity: { readonly pod: string };
  readonly audit: { readonly key: string };
  readonly policy: PolicyStatus;
  readonly inference: { readonly policy: PolicyStatus };
  readonly governance: { readonly policy: PolicyStatus };
}

/** Of the egress rules, of the models, or of the agent's actions. */
export type PolicyName = "egress" | "inference" | "governance";

async function statusOf(probe: Agent, admin: string): Promise<Status> {
  const { body } = await probe.ask({ do: "get", url: `${admin}/status` });
  // A sidecar's own answer: router/app/router.ts.
  return JSON.parse(body) as Status;
}

export async function policyStatus(probe: Agent, admin: string, name: PolicyName = "egress"): Promise<PolicyStatus> {
  const status = await statusOf(probe, admin);
  return name === "egress" ? status.policy : status[name].policy;
}

/** The verifier key of the audit log that this process writes. */
export async function auditKey(probe: Agent, admin: string): Promise<string> {
  return (await statusOf(probe, admin)).audit.key;
}

/** `v1 loaded`, or `v2 degraded: rolled_back`. */
export function stateText({ state, version = 0, condition }: PolicyStatus): string {
  const [problem] = condition.problems ?? [];
  return `v${version} ${state}${problem === undefined ? "" : `: ${problem.code}`}`;
}

/** Asks again until `wanted` is true of the policy's state, or time is up; the last state. */
export async function policyBecomes(
  probe: Agent,
  admin: string,
  wanted: (text: string) => boolean,
  name: PolicyName = "egress",
): Promise<PolicyStatus> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const status = await policyStatus(probe, admin, name);
    if (wanted(stateText(status)) || performance.now() > deadline) return status;
    await sleep(AGAIN_MS);
  }
}
