import { isLabelValue, LABEL_LENGTH } from "../pod/label-value.ts";
import { ANNOTATION, CONFIG_MAP, LABEL } from "../pod/names.ts";
import type { PodObject } from "../pod/pod.ts";

/** Where an agent's name is looked for, best first. */
const NAMED_BY = [LABEL.agent, "app.kubernetes.io/name", "app"];

/**
 * The agent's name, to which policies are addressed: label `sluice.dev/agent`, else `app.kubernetes.io/name`, else `app`,
 * else the service account (which may be longer than a label: cut), else "default". Always a label's value: what is none
 * (the API server will refuse it) is passed over.
 */
export function agentName(pod: PodObject): string {
  const labels = pod.metadata.labels ?? {};
  for (const label of NAMED_BY) {
    const value = Object.hasOwn(labels, label) ? labels[label] : undefined;
    if (value !== undefined && isLabelValue(value)) return value;
  }
  const account = pod.spec["serviceAccountName"];
  const name = typeof account === "string" ? account.slice(0, LABEL_LENGTH).replace(/[-.]{1,63}$/, "") : "";
  return isLabelValue(name) ? name : "default";
}

/** The ConfigMap with the pod's policy, in the pod's namespace. `readPod` has seen to it that it fits in a label. */
export function policyName(pod: PodObject): string {
  return pod.metadata.annotations?.[ANNOTATION.policy] ?? CONFIG_MAP.policy;
}
