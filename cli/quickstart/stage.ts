import { setTimeout as sleep } from "node:timers/promises";
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

/** Waits until the sidecar's `/readyz` says so to whoever asks at `admin`; then says which policy is in force. */
export async function readiness(sidecar: Sidecar, probe: Agent, admin: string): Promise<string> {
  const deadline = performance.now() + PATIENCE_MS;
  while (sidecar.running && performance.now() < deadline) {
    const { status } = await probe.ask({ do: "get", url: `${admin}/readyz` });
    if (status === 200) return `ready, ${await policyState(probe, admin)}`;
    await sleep(AGAIN_MS);
  }
  throw new Error(`the sidecar did not become ready. Its last words:\n${sidecar.lastWords}`);
}

/** `version 1 loaded`, or `rolled_back, version 2 stands`: the policy condition in `/status`. */
async function policyState(probe: Agent, admin: string): Promise<string> {
  const { body } = await probe.ask({ do: "get", url: `${admin}/status` });
  const { policy } = JSON.parse(body) as {
    readonly policy: {
      readonly state: string;
      readonly version?: number;
      readonly condition: { readonly problems?: readonly { readonly code: string }[] };
    };
  };
  const [problem] = policy.condition.problems ?? [];
  return problem === undefined ? `version ${policy.version} ${policy.state}` : `${problem.code}, version ${policy.version} stands`;
}

/** Asks again until the policy is in the state expected, or time is up; the last answer. */
export async function policyBecomes(probe: Agent, admin: string, expected: string): Promise<string> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const state = await policyState(probe, admin);
    if (state === expected || performance.now() > deadline) return state;
    await sleep(AGAIN_MS);
  }
}
