import type { InjectionConfig } from "../config/controller-config.ts";
import { policyName } from "../inject/pod-names.ts";
import { sameContainer } from "../inject/same-container.ts";
import { desiredContainers } from "../inject/template.ts";
import { ANNOTATION, CONFIG_MAP, GUARD, LABEL, PROVE, ROUTER } from "../pod/names.ts";
import type { Container, PodObject } from "../pod/pod.ts";
import { isTakenTarget } from "../pod/policy-target.ts";
import type { ViolationCode } from "../pod/violation.ts";
import { type Report, shown } from "./report.ts";

const ALTERED: Readonly<Record<string, ViolationCode>> = {
  [GUARD]: "guard_altered",
  [PROVE]: "prove_altered",
  [ROUTER]: "router_altered",
};

/** Says which init containers, from the first on, stand where one of ours belongs and bear its name. */
export function oursAtTheirPlace(pod: PodObject, settings: InjectionConfig): ReadonlySet<Container> {
  const found = new Set<Container>();
  for (const [index, { name }] of desiredContainers(pod, settings).entries()) {
    const actual = pod.spec.initContainers?.[index];
    if (actual?.name === name) found.add(actual);
  }
  return found;
}

/** Guard, prove and router: there, first, in order, and exactly as the template makes them for this pod. */
export function judgeInjection(pod: PodObject, namespace: string, settings: InjectionConfig, report: Report): void {
  const { containers, initContainers = [] } = pod.spec;
  for (const [index, { name }] of desiredContainers(pod, settings).entries()) {
    const path = `spec.initContainers[${index}]`;
    const actual = initContainers[index];
    if (actual?.name === name) {
      const desired = desiredContainers(pod, withEarlierImage(settings, actual))[index] ?? actual;
      if (sameContainer(actual, desired)) continue;
      const code = ALTERED[name] ?? "router_altered";
      report(code, path, `Leave ${name} to the injector: ${difference(actual, desired)} is not as it must be.`);
    } else if ([...containers, ...initContainers].some((container) => container.name === name)) {
      report(
        "order_wrong",
        path,
        `${name} must be here, before all other init containers; remove it and let the injector write it.`,
      );
    } else {
      report(
        "not_injected",
        path,
        `${name} is missing: pods in namespace ${shown(namespace)} get it from Sluice's injector, which must run last or again.`,
      );
    }
  }
}

/** While a release replaces another, replicas of both inject: an image that the operator names as earlier is as good. */
function withEarlierImage(settings: InjectionConfig, { name, image }: Container): InjectionConfig {
  if (image === undefined || !settings.earlierImages.includes(image)) return settings;
  return { ...settings, ...(name === GUARD ? { guardImage: image } : { routerImage: image }) };
}

/** Labels by which NetworkPolicies, metrics and policies find the pod. The injector sets them, and they stay. */
export function judgeLabels(pod: PodObject, report: Report): void {
  if (isTakenTarget(policyName(pod))) {
    report(
      "router_volume",
      `metadata.annotations[${ANNOTATION.policy}]`,
      `No policy is ever in the ConfigMap ${shown(policyName(pod))}: name another one, or remove the annotation for ${CONFIG_MAP.policy}.`,
    );
  }
  const labels = pod.metadata.labels ?? {};
  if (labels[LABEL.injected] !== "true") {
    report(
      "not_injected",
      `metadata.labels[${LABEL.injected}]`,
      'This label must be "true": NetworkPolicies find the pod by it.',
    );
  }
  if (labels[LABEL.policyName] !== policyName(pod)) {
    report(
      "not_injected",
      `metadata.labels[${LABEL.policyName}]`,
      `This label must be ${shown(policyName(pod))}, the pod's policy: NetworkPolicies find the pod by it.`,
    );
  }
  if ((labels[LABEL.agent] ?? "") === "") {
    report("router_altered", `metadata.labels[${LABEL.agent}]`, "This label must stay: policies are addressed to it.");
  }
}

/** The first member that differs, for the message. */
function difference(actual: Container, desired: Container): string {
  const names = new Set([...Object.keys(desired), ...Object.keys(actual)]);
  for (const name of names) {
    const only = (container: Container): Container => ({ name: "", [name]: container[name] });
    if (!Object.hasOwn(actual, name) || !Object.hasOwn(desired, name)) return shown(name);
    if (!sameContainer(only(actual), only(desired))) return shown(name);
  }
  return "it";
}
