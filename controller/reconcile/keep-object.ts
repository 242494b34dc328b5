import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { ClusterView, ManagedFacts } from "./cluster-view.ts";
import type { EventRecorder } from "./event-recorder.ts";
import { fingerprint } from "./fingerprint.ts";
import { textsOf } from "./judge-policy.ts";
import type { KubeWriter, WriteOutcome } from "./kube-writer.ts";
import { type DesiredObject, MANAGED_BY, MANAGED_KINDS, MANAGED_LABEL, pathOf } from "./managed.ts";
import type { NamespaceFacts } from "./namespace-facts.ts";
import { isFoundation, kindOf } from "./namespace-objects.ts";
import type { ReconcileRooms } from "./reconcile-rooms.ts";
import { isHeld, replaceObject } from "./replace-object.ts";

export interface ObjectKeeping {
  readonly rooms: Pick<ReconcileRooms, "log">;
  readonly view: Pick<ClusterView, "managed">;
  readonly writer: KubeWriter;
  readonly events: EventRecorder;
}

export type Ensured = "unchanged" | "changed" | "failed";

/** Makes single objects be what they are to be. */
export class ObjectKeeper {
  readonly #keeping: ObjectKeeping;
  /** What the server made of an object that we sent: defaults that it fills in are no drift. */
  readonly #settled = new Map<string, { readonly sent: string; readonly stored: string }>();

  constructor(keeping: ObjectKeeping) {
    this.#keeping = keeping;
  }

  async ensure(facts: NamespaceFacts, object: DesiredObject, signal: AbortSignal): Promise<Ensured> {
    const { view, writer, rooms } = this.#keeping;
    const { namespace, name } = object.metadata;
    const at = kindOf(object);
    const path = pathOf(at, namespace, name);
    const sent = fingerprint(object);
    const followed = view.managed[MANAGED_KINDS.indexOf(at)]?.get(`${namespace}/${name}`);
    if (followed !== undefined && this.#isAsSent(path, object, sent, followed)) return "unchanged";
    const before = await writer.read(path, signal);
    if (before.kind !== "done" && before.kind !== "gone") return this.#failed(object, before.message);
    const metadata = before.kind === "done" && isRecord(before.body) ? before.body["metadata"] : undefined;
    const isForeign = before.kind === "done" && !isLabelled(metadata);
    const written =
      isFoundation(object) && isHeld(metadata)
        ? await replaceObject(writer, path, object, signal)
        : await this.#written(path, object, signal);
    if (written.kind !== "done") {
      if (isForeign)
        this.#tell(
          facts,
          "Conflict",
          `${at.kind} ${name} is somebody else's, and cannot be taken over: ${written.message}`,
        );
      return this.#failed(object, written.message);
    }
    this.#settled.set(path, { sent, stored: fingerprint(isRecord(written.body) ? written.body : {}) });
    rooms.log.event("info", "written", { kind: at.kind, namespace, name });
    if (isForeign) this.#tell(facts, "TookOver", `${at.kind} ${name} was there already, and is Sluice's from now on.`);
    return "changed";
  }

  /** By what the API server says now, not by what was last seen. "unread": it says nothing of it. */
  async stored(object: DesiredObject, signal: AbortSignal): Promise<"same" | "another" | "unread"> {
    const path = pathOf(kindOf(object), object.metadata.namespace, object.metadata.name);
    const read = await this.#keeping.writer.read(path, signal);
    if (read.kind === "gone") return "another";
    if (read.kind !== "done" || !isRecord(read.body)) {
      const { kind, metadata } = object;
      const why = read.kind === "done" ? "no object came" : read.message;
      this.#keeping.rooms.log.event("warn", "not read", {
        kind,
        namespace: metadata.namespace,
        name: metadata.name,
        why,
      });
      return "unread";
    }
    const found = { fingerprint: fingerprint(read.body), isHeld: isHeld(read.body["metadata"]) };
    return this.#isAsSent(path, object, fingerprint(object), found) ? "same" : "another";
  }

  async #written(path: string, object: DesiredObject, signal: AbortSignal): Promise<WriteOutcome> {
    const { writer } = this.#keeping;
    let applied = await writer.apply(path, object, signal);
    // What cannot be changed (a roleRef, an immutable ConfigMap) is made anew: the names are ours by contract.
    if (applied.kind === "refused" && /immutable|cannot change roleRef/i.test(applied.message)) {
      applied = await replaceObject(writer, path, object, signal);
    }
    applied = await this.#strip(path, object, applied, signal);
    if (applied.kind !== "done" || object.kind !== "ConfigMap" || isExactly(applied.body, object)) return applied;
    const replaced = await replaceObject(writer, path, object, signal);
    if (replaced.kind !== "done" || isExactly(replaced.body, object)) return replaced;
    return { kind: "conflict", message: "Somebody else writes it at the same time." };
  }

  /** Keys that somebody else added to a ConfigMap of ours: applying leaves them, and a file that nobody signed for stays nowhere. */
  async #strip(path: string, object: DesiredObject, applied: WriteOutcome, signal: AbortSignal): Promise<WriteOutcome> {
    if (object.kind !== "ConfigMap" || applied.kind !== "done" || !isRecord(applied.body)) return applied;
    if (applied.body["immutable"] === true) return applied;
    const wanted = isRecord(object["data"]) ? object["data"] : {};
    const strays = Object.keys(textsOf(applied.body["data"])).filter((key) => !Object.hasOwn(wanted, key));
    const hasMore = isRecord(applied.body["binaryData"]) || applied.body["immutable"] !== undefined;
    if (strays.length === 0 && !hasMore) return applied;
    const data = Object.fromEntries(strays.map((key) => [key, null]));
    const more = hasMore ? { binaryData: null, immutable: null } : {};
    return this.#keeping.writer.merge(path, { data, ...more }, signal);
  }

  #isAsSent(
    path: string,
    object: DesiredObject,
    sent: string,
    { fingerprint: stored, isHeld: held }: Pick<ManagedFacts, "fingerprint" | "isHeld">,
  ): boolean {
    // Others' finalizers on the rest are nothing to us: network plugins put some on NetworkPolicies.
    if (held && isFoundation(object)) return false;
    const settled = this.#settled.get(path);
    return stored === sent || (settled?.sent === sent && settled.stored === stored);
  }

  #failed({ kind, metadata: { namespace, name } }: DesiredObject, why: string): "failed" {
    this.#keeping.rooms.log.event("warn", "not written", { kind, namespace, name, why });
    return "failed";
  }

  #tell({ name, uid }: NamespaceFacts, reason: string, message: string): void {
    const subject = { apiVersion: "v1", kind: "Namespace", name, uid, namespace: undefined };
    this.#keeping.events.tell(subject, "Warning", reason, message);
  }
}

function isExactly(body: unknown, object: DesiredObject): boolean {
  return isRecord(body) && fingerprint(body) === fingerprint(object);
}

function isLabelled(metadata: unknown): boolean {
  const labels = isRecord(metadata) ? metadata["labels"] : undefined;
  return isRecord(labels) && labels[MANAGED_LABEL] === MANAGED_BY;
}
