import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { KubeObject } from "../../router/edge/kubernetes/kube-object.ts";
import { CONFIG_MAP, GUARD, LABEL } from "../pod/names.ts";

/** An injected pod, as far as the reconciler looks at it. */
export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly agent: string;
  /** The ConfigMap that it has its policy from. */
  readonly policyName: string;
  readonly enforcement: "guard" | "not-enforced" | "unknown";
  /** Of the router, as the kubelet says; undefined: none yet. */
  readonly address: string | undefined;
  /** Not finished, and not on its way out. */
  readonly isLive: boolean;
}

export function podFacts({ metadata, spec, status }: KubeObject): PodFacts {
  const labels = isRecord(metadata["labels"]) ? metadata["labels"] : {};
  const { phase, podIP } = isRecord(status) ? status : {};
  const { [LABEL.agent]: agent, [LABEL.policyName]: policyName } = labels;
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    uid: metadata.uid ?? "",
    agent: typeof agent === "string" ? agent : "",
    policyName: typeof policyName === "string" && policyName !== "" ? policyName : CONFIG_MAP.policy,
    enforcement: enforcementOf(spec),
    address: typeof podIP === "string" && podIP !== "" ? podIP : undefined,
    isLive: phase !== "Succeeded" && phase !== "Failed" && (metadata["deletionTimestamp"] ?? undefined) === undefined,
  };
}

/** By its containers, which nobody changes: the annotation that says so belongs to whoever may patch the pod. */
function enforcementOf(spec: unknown): PodFacts["enforcement"] {
  if (!isRecord(spec)) return "unknown";
  const { initContainers } = spec;
  const isGuarded =
    Array.isArray(initContainers) && initContainers.some((one) => isRecord(one) && one["name"] === GUARD);
  return isGuarded ? "guard" : "not-enforced";
}

export function podKey({ namespace, name }: Pick<PodFacts, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}
