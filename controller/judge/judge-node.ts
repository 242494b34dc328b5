import type { InjectionConfig } from "../config/controller-config.ts";
import { FARGATE_LABEL } from "../pod/names.ts";
import type { JsonObject, PodObject } from "../pod/pod.ts";
import { listAt, objectAt, objectsAt, valueAt } from "./member.ts";
import { type Report, shown } from "./report.ts";

/** Taints of nodes where no init container can set the network's rules. */
const TAINTS: ReadonlySet<unknown> = new Set([
  "virtual-kubelet.io/provider",
  "eks.amazonaws.com/compute-type",
  "azure.com/aci",
]);
const NODE_NAMES = ["virtual-kubelet", "virtual-node", "fargate-"];
/** Beginnings of `label=value` that lead to such nodes, and to Windows. */
const VIRTUAL = [
  "type=virtual-kubelet",
  "eks.amazonaws.com/compute-type=fargate",
  ...NODE_NAMES.flatMap((name) => [`kubernetes.io/hostname=${name}`, `metadata.name=${name}`]),
];
const WINDOWS = ["kubernetes.io/os=windows", "beta.kubernetes.io/os=windows"];
const SELECT_LINUX = "Select Linux nodes: the guard holds there only.";

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
  if (valueAt(spec, "schedulerName") === "fargate-scheduler") refuse("spec.schedulerName", report);
  if (valueAt(metadata.labels ?? {}, FARGATE_LABEL) !== undefined) refuse(`metadata.labels[${FARGATE_LABEL}]`, report);
  judgeTolerations(spec, report);
  const nodeName = valueAt(spec, "nodeName");
  if (typeof nodeName === "string" && NODE_NAMES.some((prefix) => nodeName.startsWith(prefix))) {
    refuse("spec.nodeName", report);
  }
  const system = valueAt(objectAt(spec, "os", "spec", report), "name");
  if ((system ?? "linux") !== "linux")
    report("windows", "spec.os.name", "Set os.name to linux: the guard holds there only.");
  for (const [name, value] of Object.entries(objectAt(spec, "nodeSelector", "spec", report))) {
    const path = `spec.nodeSelector[${shown(name).slice(1, -1)}]`;
    const asked = `${name}=${typeof value === "string" ? value : ""}`;
    if (VIRTUAL.some((prefix) => asked.startsWith(prefix))) refuse(path, report);
    if (WINDOWS.includes(asked)) report("windows", path, SELECT_LINUX);
  }
  judgeAffinity(spec, report);
}

function judgeTolerations(spec: JsonObject, report: Report): void {
  for (const [index, toleration] of objectsAt(spec, "tolerations", "spec", report).entries()) {
    const path = `spec.tolerations[${index}]`;
    const key = valueAt(toleration, "key") ?? (valueAt(toleration, "operator") === "Exists" ? "" : undefined);
    if (TAINTS.has(key)) refuse(path, report);
    else if (key === "") {
      report(
        "node_not_enforceable",
        path,
        "Name the taints that this pod tolerates: all of them are also those of Fargate and virtual kubelets.",
      );
    }
  }
}

/** What is only preferred counts too: the scheduler may follow it. One of a kind is told, there may be thousands. */
function judgeAffinity(spec: JsonObject, report: Report): void {
  let isVirtual = false;
  let isWindows = false;
  for (const [asked, path] of asks(spec, report)) {
    if (!isVirtual && VIRTUAL.some((prefix) => asked.startsWith(prefix))) {
      isVirtual = true;
      refuse(path, report);
    }
    if (!isWindows && WINDOWS.includes(asked)) {
      isWindows = true;
      report("windows", path, SELECT_LINUX);
    }
  }
}

/** Each as `label=value`. */
function* asks(spec: JsonObject, report: Report): Generator<readonly [asked: string, path: string]> {
  const at = "spec.affinity.nodeAffinity";
  const affinity = objectAt(objectAt(spec, "affinity", "spec", report), "nodeAffinity", "spec.affinity", report);
  const required = "requiredDuringSchedulingIgnoredDuringExecution";
  const terms = objectsAt(objectAt(affinity, required, at, report), "nodeSelectorTerms", `${at}.${required}`, report);
  for (const [index, term] of terms.entries()) {
    yield* asksOf(term, `${at}.${required}.nodeSelectorTerms[${index}]`, report);
  }
  const preferred = "preferredDuringSchedulingIgnoredDuringExecution";
  for (const [index, entry] of objectsAt(affinity, preferred, at, report).entries()) {
    const path = `${at}.${preferred}[${index}]`;
    yield* asksOf(objectAt(entry, "preference", path, report), `${path}.preference`, report);
  }
}

function* asksOf(term: JsonObject, path: string, report: Report): Generator<readonly [asked: string, path: string]> {
  for (const list of ["matchExpressions", "matchFields"]) {
    for (const [index, requirement] of objectsAt(term, list, path, report).entries()) {
      const at = `${path}.${list}[${index}]`;
      const key = valueAt(requirement, "key");
      if (typeof key !== "string") continue;
      const values = listAt(requirement, "values", at, report);
      const operator = valueAt(requirement, "operator");
      if (operator === "In") {
        for (const value of values) if (typeof value === "string") yield [`${key}=${value}`, at];
      }
      // What is not Linux is Windows.
      if (operator === "NotIn" && values.includes("linux")) yield [`${key}=windows`, at];
    }
  }
}

function refuse(path: string, report: Report): void {
  report(
    "node_not_enforceable",
    path,
    "The guard cannot be installed on Fargate or a virtual kubelet; choose other nodes.",
  );
}
