import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { KubeWriter, WriteOutcome } from "./kube-writer.ts";
import type { DesiredObject } from "./managed.ts";

/** Somebody makes it anew as fast as it is taken away. */
const MOST_TRIES = 3;

/** Whether it is on its way out, or would stay when it is deleted. */
export function isHeld(metadata: unknown): boolean {
  const { deletionTimestamp, finalizers } = isRecord(metadata) ? metadata : {};
  const isGoing = deletionTimestamp !== undefined && deletionTimestamp !== null;
  return isGoing || (Array.isArray(finalizers) && finalizers.length > 0);
}

/**
 * Takes away what bears an object's name, whosever it is and whoever wants it to stay (finalizers), and makes the object
 * anew. Each step holds for the very object that was read.
 */
export async function replaceObject(
  writer: KubeWriter,
  path: string,
  object: DesiredObject,
  signal: AbortSignal,
): Promise<WriteOutcome> {
  let last: WriteOutcome = { kind: "busy", message: "Somebody makes it anew each time." };
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    last = await takeAway(writer, path, signal);
    if (last.kind === "conflict") continue;
    if (last.kind !== "done" && last.kind !== "gone") return last;
    last = await writer.apply(path, object, signal);
    // An object with finalizers of somebody who was quicker is not what we made.
    const isOther = last.kind === "done" && isRecord(last.body) && isHeld(last.body["metadata"]);
    if (!isOther && last.kind !== "conflict" && last.kind !== "refused") return last;
    if (isOther) last = { kind: "conflict", message: "It is held by somebody else." };
  }
  return last;
}

async function takeAway(writer: KubeWriter, path: string, signal: AbortSignal): Promise<WriteOutcome> {
  const read = await writer.read(path, signal);
  if (read.kind !== "done") return read;
  const metadata = isRecord(read.body) ? read.body["metadata"] : undefined;
  const uid = isRecord(metadata) ? metadata["uid"] : undefined;
  if (isHeld(metadata)) {
    const freed = await writer.merge(path, { metadata: { uid, finalizers: null } }, signal);
    if (freed.kind !== "done") return freed;
  }
  return writer.remove(path, { uid }, signal);
}
