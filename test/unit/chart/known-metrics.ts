import { openControllerMetrics } from "../../../controller/admin/controller-metrics.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";
import { EgressCounts } from "../../../router/edge/metrics/egress-families.ts";
import { type Counts, metricFamilies } from "../../../router/edge/metrics/families.ts";
import { GovernanceCounts } from "../../../router/edge/metrics/governance-families.ts";
import { type InferenceCounts, inferenceFamilies } from "../../../router/edge/metrics/inference-families.ts";
import { Instruments } from "../../../router/edge/metrics/instruments.ts";
import { idle } from "../edge/metrics/scrape.ts";

/** Labels that scraping adds: Prometheus's own, the operator's of a PodMonitor, and our relabelling. */
const OF_THE_TARGET = ["namespace", "pod", "container", "job", "instance", "agent"];

/** kube-state-metrics, as far as the alerts use it. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  kube_daemonset_status_number_unavailable: ["daemonset"],
  kube_pod_init_container_status_ready: [],
  kube_pod_status_phase: ["phase"],
};

/** Every metric that routers and controller serve, by the name in PromQL, with the labels it may have. */
export async function knownMetrics(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const known = new Map<string, Set<string>>();
  const add = (name: string, labels: readonly string[]): void => {
    known.set(name, new Set([...(known.get(name) ?? OF_THE_TARGET), ...labels]));
  };
  for (const [name, labels] of Object.entries(FOREIGN)) add(name, labels);

  // Of these only names and labels are read, never a value.
  const counts = { decisions: {} } as unknown as Counts;
  const families = [
    ...metricFamilies("1.2.3", counts, idle),
    ...inferenceFamilies({} as unknown as InferenceCounts, () => undefined),
    ...new GovernanceCounts().families(() => undefined),
    ...new EgressCounts().families(() => undefined),
  ];
  for (const { name, labelNames } of families) add(name, labelNames);
  for (const [name, type] of typesOf((await new Instruments("1.2.3", idle).exposition()).body)) {
    if (type === "histogram") for (const end of ["_bucket", "_sum", "_count"]) add(name + end, ["le"]);
  }

  const controller = openControllerMetrics({
    version: "1.2.3",
    certificateEnd: () => epochMillis(1_800_000_000_000),
    injectedPods: () => new Map([["guard", 1]]),
    uninjectedPods: () => 1,
  });
  controller.admission({ webhook: "mutate", outcome: "patched", code: 200, seconds: 0.004 });
  controller.reconciled("EgressApproval", "updated");
  for (const line of (await controller.render()).body.split("\n")) {
    const sample = /^(sluice_\w+)(?:\{(.*)\})? /.exec(line);
    if (sample === null) continue;
    add(
      sample[1] ?? "",
      [...(sample[2] ?? "").matchAll(/(\w+)="/g)].map(([, label]) => label ?? ""),
    );
  }
  return known;
}

function typesOf(exposition: string): readonly (readonly [name: string, type: string])[] {
  return [...exposition.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => [name, type]);
}
