import type { InjectionConfig } from "../config/controller-config.ts";
import type { PodObject } from "../pod/pod.ts";
import { objectAt, objectsAt, valueAt } from "./member.ts";
import { type Report, shown } from "./report.ts";

const FARGATE_LABEL = "eks.amazonaws.com/fargate-profile";
/** Node selectors that lead to where no init container can set the network's rules. */
const SELECTORS: readonly (readonly [string, string])[] = [
  ["type", "virtual-kubelet"],
  ["eks.amazonaws.com/compute-type", "fargate"],
];
const TOLERATION = "virtual-kubelet.io/provider";
const NODE_NAMES = ["virtual-kubelet", "virtual-node", "fargate-"];

/** Where the pod asks to run: only where the guard is known to hold. */
export function judgeNode({ metadata, spec }: PodObject, settings: InjectionConfig, report: Report): void {
  const runtimeClass = valueAt(spec, "runtimeClassName");
  if (runtimeClass !== undefined && !settings.runtimeClasses.some((name) => name === runtimeClass)) {
    report(
      "runtime_class",
      "spec.runtimeClassName",
      `Remove runtimeClassName ${shown(runtimeClass)}, or have the operator show that the guard holds there and add it to injection.runtimeClasses.`,
    );
  }
  const refuse = (path: string): void =>
    report(
      "node_not_enforceable",
      path,
      "The guard cannot be installed on Fargate or a virtual kubelet; choose other nodes.",
    );
  if (valueAt(spec, "schedulerName") === "fargate-scheduler") refuse("spec.schedulerName");
  if (valueAt(metadata.labels ?? {}, FARGATE_LABEL) !== undefined) refuse(`metadata.labels[${FARGATE_LABEL}]`);
  const selector = objectAt(spec, "nodeSelector", "spec", report);
  for (const [name, value] of SELECTORS) if (valueAt(selector, name) === value) refuse(`spec.nodeSelector[${name}]`);
  for (const [index, toleration] of objectsAt(spec, "tolerations", "spec", report).entries()) {
    if (valueAt(toleration, "key") === TOLERATION) refuse(`spec.tolerations[${index}]`);
  }
  const nodeName = valueAt(spec, "nodeName");
  if (typeof nodeName === "string" && NODE_NAMES.some((prefix) => nodeName.startsWith(prefix))) refuse("spec.nodeName");
  const system = valueAt(objectAt(spec, "os", "spec", report), "name");
  if ((system ?? "linux") !== "linux")
    report("windows", "spec.os.name", "Set os.name to linux: the guard holds there only.");
  if (valueAt(selector, "kubernetes.io/os") === "windows") {
    report("windows", "spec.nodeSelector[kubernetes.io/os]", "Select Linux nodes: the guard holds there only.");
  }
}
