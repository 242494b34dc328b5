import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { EventRecorder } from "./event-recorder.ts";
import type { KubeWriter } from "./kube-writer.ts";
import type { NamespaceFacts } from "./namespace-facts.ts";
import { namesText } from "./names-text.ts";

const PAGE = 250;
/** 16,000 pods; a namespace with more has to wait until some are scheduled or gone. */
const MOST_PAGES = 64;

export interface UnscheduledQuestion {
  readonly facts: NamespaceFacts;
  /** Left out: all. */
  readonly labelSelector?: string;
  /** Whether a pod, as it is stored, is to go. */
  readonly isStray: (pod: unknown) => boolean;
}

/**
 * Deletes the pods of an enforced namespace that no router was injected into and that have no node yet: somebody could bind
 * them any time later, and nothing is lost with a pod that never ran. Undefined: not all could be seen or deleted.
 */
export async function removeUnscheduled(
  { writer, events }: { readonly writer: KubeWriter; readonly events: EventRecorder },
  { facts, labelSelector, isStray }: UnscheduledQuestion,
  signal: AbortSignal,
): Promise<number | undefined> {
  const path = `/api/v1/namespaces/${encodeURIComponent(facts.name)}/pods`;
  const removed: string[] = [];
  let isWhole = true;
  let token = "";
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const read = await writer.read(path, signal, {
      fieldSelector: "spec.nodeName=",
      limit: String(PAGE),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(token === "" ? {} : { continue: token }),
    });
    if (read.kind === "gone" && page === 0) return 0;
    const body = read.kind === "done" && isRecord(read.body) ? read.body : {};
    const items: unknown = body["items"];
    if (!Array.isArray(items)) isWhole = false;
    for (const pod of Array.isArray(items) ? items : []) {
      const name = waitingName(pod);
      if (name === undefined || !isStray(pod)) continue;
      // Of this very pod, not of its version: else whoever writes it again and again keeps it.
      const outcome = await writer.remove(`${path}/${encodeURIComponent(name.name)}`, { uid: name.uid }, signal);
      if (outcome.kind === "done") removed.push(name.name);
      else if (outcome.kind !== "gone" && outcome.kind !== "conflict") isWhole = false;
    }
    const { metadata } = body;
    const next = isRecord(metadata) ? metadata["continue"] : undefined;
    token = typeof next === "string" ? next : "";
    if (token === "" || !isWhole) break;
  }
  if (removed.length > 0) {
    const { name, uid } = facts;
    events.tell(
      { apiVersion: "v1", kind: "Namespace", name, uid, namespace: undefined },
      "Warning",
      "PodsDeleted",
      `${removed.length} pods without a router that had no node yet were deleted, since they could have been bound to one later: ${namesText(removed)}. What made them makes them anew, with a router; a pod that nothing made has to be made again.`,
    );
  }
  return isWhole && token === "" ? removed.length : undefined;
}

/** Undefined: it has a node, has ended, or is on its way out (then nobody can bind it any more). */
function waitingName(pod: unknown): { readonly name: string; readonly uid: string } | undefined {
  const { metadata, spec } = isRecord(pod) ? pod : {};
  const { name, uid, deletionTimestamp } = isRecord(metadata) ? metadata : {};
  const nodeName: unknown = isRecord(spec) ? spec["nodeName"] : undefined;
  const isWaiting = (nodeName ?? "") === "" && (deletionTimestamp ?? undefined) === undefined;
  return isWaiting && typeof name === "string" && typeof uid === "string" ? { name, uid } : undefined;
}
