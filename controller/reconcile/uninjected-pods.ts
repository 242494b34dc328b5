import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import { LABEL } from "../pod/names.ts";
import type { EventRecorder } from "./event-recorder.ts";
import type { KubeWriter } from "./kube-writer.ts";
import type { NamespaceFacts } from "./namespace-facts.ts";

/** Of one namespace; there may be more. */
const MOST_COUNTED = 500;
const MOST_NAMED = 5;

/**
 * Counts the pods of an enforced namespace that run without a router: they were there before its label was. Nothing is done to them;
 * an Event on the namespace names some. Undefined: it could not be asked.
 */
export async function countUninjected(
  writer: KubeWriter,
  events: EventRecorder,
  { name, uid }: NamespaceFacts,
  signal: AbortSignal,
): Promise<number | undefined> {
  const read = await writer.read(`/api/v1/namespaces/${name}/pods`, signal, {
    labelSelector: `${LABEL.injected}!=true`,
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
    const some = names.toSorted().slice(0, MOST_NAMED).join(", ");
    const more = names.length > MOST_NAMED ? " and others" : "";
    events.tell(
      { apiVersion: "v1", kind: "Namespace", name, uid, namespace: undefined },
      "Warning",
      "PodsNotInjected",
      `${names.length} pods run without a router, since they are older than the namespace's label: ${some}${more}. Restart them.`,
    );
  }
  return names.length;
}
