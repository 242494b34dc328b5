import { apply } from "../../init-egress-guard/apply.ts";
import type { Backend, BackendName } from "../../init-egress-guard/backend.ts";
import { plan } from "../../init-egress-guard/plan.ts";
import type { RuleSet } from "../../init-egress-guard/rule-set.ts";
import { type GuardSettings, ROUTER_UID } from "../../init-egress-guard/settings.ts";
import type { Failure } from "./world.ts";
import type { Lab } from "./lab.ts";

export const SETTINGS: GuardSettings = { routerUid: ROUTER_UID, lastUid: 4_294_967_294, redirect: true };

/** Both families' rules, as planned; and without redirection. */
export const RULE_SETS = ruleSets(SETTINGS);
export const PLAIN_RULE_SETS = ruleSets({ ...SETTINGS, redirect: false });

function ruleSets(settings: GuardSettings): readonly RuleSet[] {
  return [plan(settings, "ipv6"), plan(settings, "ipv4")];
}

export function backendOf(name: BackendName): Backend {
  return { name, suffix: `-${name}` };
}

/** Installs these rules in the lab's pod, or throws. */
export async function guardPod(lab: Lab, backend: BackendName, wanted = RULE_SETS): Promise<void> {
  const problems = await apply(lab.runInPod(), backendOf(backend), wanted);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
}

/** One line for each failure. */
export function lines(failures: readonly Failure[]): readonly string[] {
  return failures.map((failure) => `${failure.case.id}: ${failure.why}`);
}
