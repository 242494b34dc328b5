import { hostname } from "node:os";
import type { ControllerConfig } from "../config/controller-config.ts";
import type { KubeClient } from "../../router/edge/kubernetes/kube-client.ts";
import type { KubeSecret } from "../../router/edge/kubernetes/kube-endpoint.ts";
import type { WatchTimes } from "../../router/edge/kubernetes/watch-resource.ts";
import type { Clock } from "../../router/core/base/clock.ts";
import { type AskPod, podAsker } from "./ask-pod.ts";
import { electLeader, type LeaderTimes } from "./leader.ts";
import type { ReconciledKind, ReconcileLog, ReconcileOutcome, ReconcileRooms } from "./reconcile-rooms.ts";
import { beginTerm, type ReconcileTerm } from "./reconcile-term.ts";

export interface ReconcilerOptions {
  readonly config: ControllerConfig;
  /** Made with `connections` for a dozen watches beside its requests: 32. */
  readonly client: KubeClient;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  readonly log: ReconcileLog;
  reconciled(kind: ReconciledKind, outcome: ReconcileOutcome): void;
  /** Who this process is among its replicas; unique by itself where it is left out. */
  readonly identity?: string;
  /** The API server's CA: routers are told of no other. Left out: they have none. */
  readonly ca?: KubeSecret | undefined;
  readonly ask?: AskPod;
  readonly leaderTimes?: LeaderTimes;
  readonly watchTimes?: Partial<WatchTimes>;
}

/** As of router/edge/admin: never `failed`, since admission does not depend on it. */
export interface ReconcilerCondition {
  readonly name: string;
  readonly state: "ok" | "degraded";
  readonly reason: string;
}

export interface Reconciler {
  readonly isLeader: boolean;
  conditions(): readonly ReconcilerCondition[];
  /** Undefined where another replica leads, or it is not known yet. */
  injectedPods(): ReadonlyMap<string, number> | undefined;
  uninjectedPods(): number | undefined;
  /** Ends what is under way, and hands the lead over. */
  close(): Promise<void>;
}

const LEASE_NAME = "sluice-controller";

/** Everything the controller does besides admission, in whichever replica leads. */
export function openReconciler(options: ReconcilerOptions): Reconciler {
  const { config, client, clock, random, log, ask = podAsker(), watchTimes } = options;
  const suffix = Math.floor(random() * 2 ** 48)
    .toString(16)
    .padStart(12, "0");
  const identity = options.identity ?? `${hostname()}_${suffix}`;
  const rooms: ReconcileRooms = {
    config,
    client,
    clock,
    random,
    log,
    reconciled: (kind, outcome) => options.reconciled(kind, outcome),
    ca: options.ca,
    ask,
    ...(watchTimes === undefined ? {} : { watchTimes }),
  };
  let term: ReconcileTerm | undefined;
  const leader = electLeader({
    client,
    clock,
    random,
    namespace: config.namespace,
    name: LEASE_NAME,
    identity,
    ...(options.leaderTimes === undefined ? {} : { times: options.leaderTimes }),
    gained() {
      log.event("info", "leading", { identity });
      term = beginTerm(rooms);
    },
    async lost() {
      log.event("warn", "no longer leading", { identity });
      const over = term;
      term = undefined;
      await over?.close();
    },
  });
  return {
    get isLeader() {
      return leader.isLeader;
    },
    conditions() {
      const problems = term?.problems() ?? [];
      const election = leader.problem === "" ? [] : [{ name: "leader", reason: leader.problem }];
      const all = [...election, ...problems];
      return all.length === 0
        ? [{ name: "reconciler", state: "ok", reason: "" }]
        : all.map(({ name, reason }) => ({ name, state: "degraded", reason }));
    },
    injectedPods: () => term?.injectedPods(),
    uninjectedPods: () => term?.uninjectedPods(),
    close: async () => leader.close(),
  };
}
