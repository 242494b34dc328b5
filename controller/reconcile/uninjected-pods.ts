import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import { LABEL } from "../pod/names.ts";
import type { EventRecorder } from "./event-recorder.ts";
import type { KubeWriter } from "./kube-writer.ts";
import type { NamespaceFacts } from "./namespace-facts.ts";
import { namesText } from "./names-text.ts";
import { removeUnscheduled } from "./unscheduled-pods.ts";

/** Of one namespace; there may be more. */
const MOST_COUNTED = 500;
const UNINJECTED = `${LABEL.injected}!=true`;

/**
 * Counts the pods of an enforced namespace that run without a router: they were there before its label was. Nothing is done to
 * those that have a node, but an Event on the namespace names some; the others are deleted. Undefined: it could not be asked.
 */
export async function countUninjected(
  writer: KubeWriter,
  events: EventRecorder,
  facts: NamespaceFacts,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { name, uid } = facts;
  const question = { facts, labelSelector: UNINJECTED, isStray: () => true };
  if ((await removeUnscheduled({ writer, events }, question, signal)) === undefined) return undefined;
  const read = await writer.read(`/api/v1/namespaces/${name}/pods`, signal, {
    labelSelector: UNINJECTED,
    fieldSelector: "status.phase!=Succeeded,status.phase!=Failed",
    limit: String(MOST_COUNTED),
  });
  if (read.kind === "gone") return 0;
  const items = read.kind === "done" && isRecord(read.body) ? read.body["items"] : undefined;
  if (!Array.isArray(items)) return undefined;
  const names = items.flatMap((item: unknown): string[] => {
    const metadata = isRecord(item) ? item["metadata"] : undefined;
    return isRecord(metadata) && typeof metadata["name"] === "string" ? [metadata["name"]] : [];
  });
  if (names.length > 0) {
    events.tell(
      { apiVersion: "v1", kind: "Namespace", name, uid, namespace: undefined },
      "Warning",
      "PodsNotInjected",
      `${names.length} pods run without a router, since they are older than the namespace's label: ${namesText(names)}. Restart them. (Those without a node are deleted.)`,
    );
  }
  return names.length;
}
