import { LABEL, OUR_CONTAINERS } from "../pod/names.ts";
import type { PodObject } from "../pod/pod.ts";
import type { Report } from "./report.ts";

/** Of a pod that runs, what Kubernetes lets its owner change and Sluice does not; whatever the pod was before. */
export function judgeChange(pod: PodObject, oldPod: PodObject, report: Report): void {
  judgeImages(pod, oldPod, report);
  const was = oldPod.metadata.labels ?? {};
  const is = pod.metadata.labels ?? {};
  const change = (label: string): boolean => was[label] !== is[label];
  if (change(LABEL.injected)) {
    report(
      "not_injected",
      `metadata.labels[${LABEL.injected}]`,
      "Leave this label as it is: only the injector sets it.",
    );
  }
  if (was[LABEL.injected] !== "true") return;
  if (change(LABEL.policyName)) {
    report(
      "not_injected",
      `metadata.labels[${LABEL.policyName}]`,
      "Leave this label as it is: NetworkPolicies go by it.",
    );
  }
  if (change(LABEL.agent)) {
    report(
      "router_altered",
      `metadata.labels[${LABEL.agent}]`,
      "Leave this label as it is: policies are addressed to it. Replace the pod to rename its agent.",
    );
  }
}

function judgeImages(pod: PodObject, oldPod: PodObject, report: Report): void {
  const before = new Map((oldPod.spec.initContainers ?? []).map((container) => [container.name, container.image]));
  const ours: ReadonlySet<string> = new Set(OUR_CONTAINERS);
  for (const [index, { name, image }] of (pod.spec.initContainers ?? []).entries()) {
    if (!ours.has(name) || !before.has(name) || before.get(name) === image) continue;
    report(
      "image_changed",
      `spec.initContainers[${index}].image`,
      `The image of ${name} stays what it was; replace the pod to get another release.`,
    );
  }
}
