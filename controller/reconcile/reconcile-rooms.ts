import type { Clock } from "../../router/core/base/clock.ts";
import type { KubeClient } from "../../router/edge/kubernetes/kube-client.ts";
import type { KubeSecret } from "../../router/edge/kubernetes/kube-endpoint.ts";
import type { WatchTimes } from "../../router/edge/kubernetes/watch-resource.ts";
import type { ControllerConfig } from "../config/controller-config.ts";
import type { AskPod } from "./ask-pod.ts";

export interface ReconcileLog {
  event(
    level: "debug" | "info" | "warn" | "error",
    event: string,
    facts?: Readonly<Record<string, string | number | boolean | undefined>>,
  ): void;
}

export type ReconciledKind = "namespace" | "policy" | "approval";
export type ReconcileOutcome = "unchanged" | "changed" | "conflict" | "failed";

/** What everything here works with. */
export interface ReconcileRooms {
  readonly config: ControllerConfig;
  /** With room for a dozen watches beside its requests. */
  readonly client: KubeClient;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  readonly log: ReconcileLog;
  /** For metrics: both are of closed lists. */
  reconciled(kind: ReconciledKind, outcome: ReconcileOutcome): void;
  /** The API server's CA, as the controller itself takes it; undefined: the roots that Node carries. */
  readonly ca: KubeSecret | undefined;
  readonly ask: AskPod;
  readonly watchTimes?: Partial<WatchTimes>;
}
