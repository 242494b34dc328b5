import type { ClusterView } from "./cluster-view.ts";

/** Each is a ConfigMap that is read, parsed and followed by a NetworkPolicy. */
export const MOST_POLICIES = 256;

export interface PolicyNames {
  /** At most `MOST_POLICIES`, those of pods that run first: whoever writes policies takes nothing from under a pod. */
  readonly names: readonly string[];
  /** That come after those. */
  readonly more: readonly string[];
  /** Of pods that run. */
  readonly live: readonly string[];
}

/** The policy ConfigMaps that a namespace's pods and policies name. Names that no label holds are left out. */
export function policyNames(view: Pick<ClusterView, "pods" | "policies">, namespace: string): PolicyNames {
  const live = new Set<string>();
  const named = new Set<string>();
  for (const pod of view.pods.values()) if (pod.namespace === namespace && pod.isLive) live.add(pod.policyName);
  for (const kind of view.policies) {
    for (const policy of kind.values()) if (policy.namespace === namespace) named.add(policy.target);
  }
  const sorted = (names: ReadonlySet<string>): readonly string[] =>
    [...names].filter((name) => /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/.test(name)).toSorted();
  const inUse = sorted(live);
  const all = [...inUse, ...sorted(named.difference(live))];
  return { names: all.slice(0, MOST_POLICIES), more: all.slice(MOST_POLICIES), live: inUse };
}
