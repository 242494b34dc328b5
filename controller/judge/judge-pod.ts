import type { InjectionConfig } from "../config/controller-config.ts";
import type { PodObject } from "../pod/pod.ts";
import type { Violation } from "../pod/violation.ts";
import { judgeContainer, judgeEphemeral } from "./judge-container.ts";
import { judgeChange } from "./judge-change.ts";
import { judgeClaims } from "./judge-devices.ts";
import { judgeInjection, judgeLabels, oursAtTheirPlace } from "./judge-injection.ts";
import { judgeNode } from "./judge-node.ts";
import { judgePodSettings } from "./judge-pod-settings.ts";
import { judgeProfileName } from "./judge-seccomp.ts";
import { judgeVolumes } from "./judge-volumes.ts";
import { objectAt } from "./member.ts";
import { collect } from "./report.ts";

/** Of the violations of one pod that are told. */
export const MOST_VIOLATIONS = 32;

export interface PodQuestion {
  /** UPDATE is also what the API server calls a change of the pod's ephemeral containers. */
  readonly operation: "CREATE" | "UPDATE";
  /** Both read by `readPod`, as they would be stored. */
  readonly pod: PodObject;
  /** On UPDATE; what it had already is not held against the new one. */
  readonly oldPod?: PodObject;
  readonly namespace: string;
  readonly settings: InjectionConfig;
}

/**
 * Judges the final pod: everything that a pod's author could write to get around the router. Injection is convenience,
 * this is the control; the ValidatingAdmissionPolicies of the chart say the same in CEL, but for the annotation that asks
 * for a seccomp profile by a name that none has (they judge the profiles that containers got). Empty: admitted. All
 * violations come at once, up to `MOST_VIOLATIONS`, those of our own containers first.
 */
export function judgePod({ operation, pod, oldPod, namespace, settings }: PodQuestion): readonly Violation[] {
  const violations = violationsOf(pod, namespace, settings);
  if (operation === "CREATE" || oldPod === undefined) return violations.slice(0, MOST_VIOLATIONS);
  // A pod that runs must stay one that controllers and the kubelet can update, whatever a later release thinks of it.
  const had = new Set(violationsOf(oldPod, namespace, settings).map(identity));
  const changes = collect();
  judgeChange(pod, oldPod, settings, changes.report);
  return [...changes.violations, ...violations.filter((violation) => !had.has(identity(violation)))].slice(
    0,
    MOST_VIOLATIONS,
  );
}

function violationsOf(pod: PodObject, namespace: string, settings: InjectionConfig): readonly Violation[] {
  const { report, violations } = collect();
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  judgeInjection(pod, namespace, settings, report);
  judgeLabels(pod, report);
  judgePodSettings(pod, settings, report);
  judgeProfileName(pod, settings, report);
  judgeNode(pod, settings, report);
  judgeClaims(pod.spec, report);
  judgeVolumes(pod, settings, report);
  const podSecurity = objectAt(pod.spec, "securityContext", "spec", report);
  const ours = oursAtTheirPlace(pod, settings);
  for (const [index, container] of initContainers.entries()) {
    if (ours.has(container)) continue;
    judgeContainer(container, podSecurity, `spec.initContainers[${index}]`, settings, report);
  }
  for (const [index, container] of containers.entries()) {
    judgeContainer(container, podSecurity, `spec.containers[${index}]`, settings, report);
  }
  for (const [index, container] of ephemeralContainers.entries()) {
    judgeEphemeral(container, podSecurity, `spec.ephemeralContainers[${index}]`, settings, report);
  }
  return violations;
}

function identity({ code, path, message }: Violation): string {
  return JSON.stringify([code, path, message]);
}
