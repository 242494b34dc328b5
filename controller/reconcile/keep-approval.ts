import { API_VERSION } from "../../router/core/document/document-kind.ts";
import { millis } from "../../router/core/base/quantity.ts";
import { approvalPlan } from "./approval-state.ts";
import { APPROVALS, type ApprovalResource } from "./approval-resource.ts";
import type { ClusterView } from "./cluster-view.ts";
import type { EventRecorder } from "./event-recorder.ts";
import type { KubeWriter } from "./kube-writer.ts";
import { pathOf } from "./managed.ts";
import type { PodEchoes } from "./pod-echoes.ts";
import type { ReconcileRooms } from "./reconcile-rooms.ts";
import type { WorkOutcome } from "./work-queue.ts";

export interface ApprovalKeeping {
  readonly rooms: ReconcileRooms;
  readonly view: ClusterView;
  readonly writer: KubeWriter;
  readonly events: EventRecorder;
  readonly echoes: PodEchoes;
}

/** The wall clock may be set meanwhile: nothing rests longer. */
const LONGEST_REST = 600_000;

/** Writes into an approval's status how it stands, tells each step in an Event, and deletes what has been over for long. */
export async function keepApproval(keeping: ApprovalKeeping, key: string, signal: AbortSignal): Promise<WorkOutcome> {
  const { rooms, view, writer, events, echoes } = keeping;
  if (!view.approvals.isKnown || !view.pods.isKnown) return millis(500);
  const resource = view.approvals.get(key);
  if (resource === undefined) return "done";
  const { namespace, name, uid, resourceVersion } = resource;
  const pods = [...view.pods.values()]
    .filter((pod) => pod.namespace === namespace && pod.isLive)
    .map((facts) => {
      const report = echoes.report(facts);
      return { facts, isActive: typeof report !== "string" && report.approvals.has(name) };
    });
  const { pending, keep } = rooms.config.approvals;
  const plan = approvalPlan({ resource, pods, pending, keep, now: rooms.clock.now() });
  const path = pathOf(APPROVALS, namespace, name);
  if (plan.isDeleted) {
    const removed = await writer.remove(path, { uid, resourceVersion }, signal);
    return done(rooms, removed.kind, "done");
  }
  const next: WorkOutcome = plan.nextIn === undefined ? "done" : millis(Math.min(plan.nextIn, LONGEST_REST));
  if (plan.status === undefined) {
    rooms.reconciled("approval", "unchanged");
    return next;
  }
  // Only of the version that was read: who answered or revoked meanwhile is not overwritten.
  const patch = { metadata: { resourceVersion }, status: plan.status };
  const written = await writer.merge(`${path}/status`, patch, signal);
  if (written.kind === "done")
    for (const { type, reason, message } of plan.news) events.tell(subjectOf(resource), type, reason, message);
  return done(rooms, written.kind, next);
}

function done(
  rooms: ReconcileRooms,
  kind: "done" | "gone" | "conflict" | "refused" | "busy" | "forbidden",
  next: WorkOutcome,
): WorkOutcome {
  if (kind === "done" || kind === "gone") {
    rooms.reconciled("approval", "changed");
    return kind === "gone" ? "done" : next;
  }
  rooms.reconciled("approval", kind === "conflict" ? "conflict" : "failed");
  return "again";
}

function subjectOf({ namespace, name, uid }: ApprovalResource) {
  return { apiVersion: API_VERSION, kind: "EgressApproval", name, uid, namespace };
}
