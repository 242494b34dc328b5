import { LABEL } from "../pod/names.ts";
import { readPod } from "../pod/read-pod.ts";
import { judgePod } from "../judge/judge-pod.ts";
import type { ClusterView } from "./cluster-view.ts";
import type { EventRecorder } from "./event-recorder.ts";
import type { ObjectKeeper } from "./keep-object.ts";
import type { KubeWriter, WriteOutcome } from "./kube-writer.ts";
import type { DesiredObject } from "./managed.ts";
import type { NamespaceFacts } from "./namespace-facts.ts";
import { namesText } from "./names-text.ts";
import type { ReconcileRooms } from "./reconcile-rooms.ts";
import { removeUnscheduled } from "./unscheduled-pods.ts";

export interface MarkRooms {
  readonly rooms: Pick<ReconcileRooms, "config" | "log">;
  readonly view: Pick<ClusterView, "pods">;
  readonly writer: KubeWriter;
  readonly events: EventRecorder;
}

export interface MarkQuestion {
  readonly facts: NamespaceFacts;
  /** What a pod must not be made without. */
  readonly foundation: readonly DesiredObject[];
  readonly objects: Pick<ObjectKeeper, "stored">;
}

/**
 * Labels an enforced namespace as kept, so that pods may be made in it: only when all it needs was read back from the API
 * server as ours, and no pod waits for a node there that would not be let in today.
 */
export async function giveMark(
  rooms: MarkRooms,
  { facts, foundation, objects }: MarkQuestion,
  signal: AbortSignal,
): Promise<WriteOutcome> {
  for (const object of foundation) {
    if ((await objects.stored(object, signal)) === "same") continue;
    const { kind, metadata } = object;
    return { kind: "busy", message: `${kind} ${metadata.name} was not read back as Sluice wrote it` };
  }
  const { injection: settings } = rooms.rooms.config;
  const { name: namespace } = facts;
  // A pod from before may say of itself that it is injected: it is judged as if it were made now.
  const isStray = (stored: unknown): boolean => {
    const pod = readPod(stored);
    return !pod.ok || judgePod({ operation: "CREATE", pod: pod.value, namespace, settings }).length > 0;
  };
  const swept = await removeUnscheduled(rooms, { facts, isStray }, signal);
  if (swept === undefined) return { kind: "busy", message: "pods from before that have no node could not be deleted" };
  // Of this version: enforcement that ended and began anew meanwhile is looked at anew.
  const given = await rooms.writer.merge(pathOfNamespace(facts), patchOf(facts, "true", true), signal);
  if (given.kind !== "done") return given;
  rooms.rooms.log.event("info", "kept", { namespace });
  tellOlder(rooms, facts);
  return given;
}

/** Whatever the namespace's version is: what is not so must not stand there. */
export async function takeMark(writer: KubeWriter, facts: NamespaceFacts, signal: AbortSignal): Promise<WriteOutcome> {
  return writer.merge(pathOfNamespace(facts), patchOf(facts, null, false), signal);
}

function pathOfNamespace({ name }: NamespaceFacts): string {
  return `/api/v1/namespaces/${encodeURIComponent(name)}`;
}

function patchOf({ uid, resourceVersion }: NamespaceFacts, value: "true" | null, isOfVersion: boolean): object {
  return {
    metadata: { uid, ...(isOfVersion ? { resourceVersion } : {}), labels: { [LABEL.kept]: value } },
  };
}

/** Pods that were injected before, or say so, may have begun with somebody else's settings and trust. */
function tellOlder({ view, events }: MarkRooms, { name, uid }: NamespaceFacts): void {
  const older = [...view.pods.values()].filter((pod) => pod.namespace === name && pod.isLive).map((pod) => pod.name);
  if (older.length === 0) return;
  events.tell(
    { apiVersion: "v1", kind: "Namespace", name, uid, namespace: undefined },
    "Warning",
    "PodsOlder",
    `${older.length} pods are older than Sluice's settings and trust in this namespace, and may have begun with somebody else's: ${namesText(older)}. Restart them.`,
  );
}
