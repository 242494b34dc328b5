import type { InjectionConfig } from "../config/controller-config.ts";
import { desiredContainers } from "../inject/template.ts";
import { FARGATE_LABEL, LABEL, OUR_CONTAINERS } from "../pod/names.ts";
import type { Container, PodObject } from "../pod/pod.ts";
import type { Report } from "./report.ts";

/** Of a pod that runs, what Kubernetes lets its owner change and Sluice does not; whatever the pod was before. */
export function judgeChange(pod: PodObject, oldPod: PodObject, settings: InjectionConfig, report: Report): void {
  judgeImages(pod, oldPod, report);
  if (!wasInjected(oldPod, settings)) judgePrograms(pod, oldPod, report);
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
  if (was[LABEL.inject] === "true" && change(LABEL.inject)) {
    report(
      "not_injected",
      `metadata.labels[${LABEL.inject}]`,
      "Leave this label as it is: the pod is judged by it. Replace the pod to run it without Sluice.",
    );
  }
  if (change(FARGATE_LABEL)) {
    report("node_not_enforceable", `metadata.labels[${FARGATE_LABEL}]`, "Leave this label as it is.");
  }
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

function wasInjected(oldPod: PodObject, settings: InjectionConfig): boolean {
  const there = new Set((oldPod.spec.initContainers ?? []).map(({ name }) => name));
  return desiredContainers(oldPod, settings).every(({ name }) => there.has(name));
}

/** Of a pod made before its namespace was enforced nothing holds what runs in it: no other programs are let in. */
function judgePrograms(pod: PodObject, oldPod: PodObject, report: Report): void {
  const before = new Map(programs(oldPod).map(([, container]) => [container.name, container.image]));
  for (const [path, { name, image }] of programs(pod)) {
    if (before.has(name) && before.get(name) === image) continue;
    report(
      "not_injected",
      path,
      "This pod was made before its namespace was enforced: delete it and let it be made anew.",
    );
  }
}

function programs({ spec }: PodObject): readonly (readonly [path: string, Container])[] {
  const kinds = ["initContainers", "containers", "ephemeralContainers"] as const;
  return kinds.flatMap((kind) =>
    (spec[kind] ?? []).map((container, index) => [`spec.${kind}[${index}].image`, container] as const),
  );
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
