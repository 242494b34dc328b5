import { createHash } from "node:crypto";
import { type Millis, millis } from "../../router/core/base/quantity.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { ApprovalResource } from "./approval-resource.ts";
import { type ClusterView, isExempt, type ManagedFacts } from "./cluster-view.ts";
import { needsOfTexts, urlPorts } from "./egress-needs.ts";
import type { EventRecorder } from "./event-recorder.ts";
import type { Followed } from "./followed-collection.ts";
import { fingerprint } from "./fingerprint.ts";
import { textsOf } from "./judge-policy.ts";
import type { KubeWriter, WriteOutcome } from "./kube-writer.ts";
import { type DesiredObject, MANAGED_BY, MANAGED_KINDS, MANAGED_LABEL, pathOf } from "./managed.ts";
import type { NamespaceFacts } from "./namespace-facts.ts";
import { isOursByName, kindOf, namespaceObjects, type TrustFiles } from "./namespace-objects.ts";
import type { EgressNeeds } from "./network-policies.ts";
import type { ReconcileRooms } from "./reconcile-rooms.ts";
import type { WorkOutcome } from "./work-queue.ts";

export interface NamespaceKeeping {
  readonly rooms: ReconcileRooms;
  readonly view: ClusterView;
  readonly writer: KubeWriter;
  readonly events: EventRecorder;
  readonly trust: () => TrustFiles | undefined;
}

/** Policies that others write into ConfigMaps are read again so often. */
const REREAD = millis(60_000);
const MOST_POLICIES = 256;

/** Makes one namespace have what it needs, and nothing of ours that it does not need. */
export class NamespaceKeeper {
  readonly #keeping: NamespaceKeeping;
  /** What the server made of an object that we sent: defaults that it fills in are no drift. */
  readonly #settled = new Map<string, { readonly sent: string; readonly stored: string }>();

  /** By the digest of what was read. */
  readonly #parsed = new Map<string, EgressNeeds>();

  constructor(keeping: NamespaceKeeping) {
    this.#keeping = keeping;
  }

  async keep(name: string, signal: AbortSignal): Promise<WorkOutcome> {
    const { rooms, view } = this.#keeping;
    if (![view.namespaces, view.pods, ...view.managed].every(({ isKnown }) => isKnown)) return millis(500);
    // Else a new leader would narrow what policies and approvals that it has not seen yet need.
    if (![view.rendered, ...view.policies, view.approvals].every(isKnownOrMissing)) return millis(100);
    const facts = view.namespaces.get(name);
    if (facts === undefined || facts.isTerminating) return "done";
    const outcome = isNeeded(this.#keeping, facts)
      ? await this.#provide(facts, signal)
      : await this.#clear(name, signal);
    rooms.reconciled("namespace", outcome.metric);
    return outcome.next;
  }

  async #provide(facts: NamespaceFacts, signal: AbortSignal): Promise<KeptOutcome> {
    const { rooms, trust } = this.#keeping;
    const { name: namespace } = facts;
    const read = await this.#needs(namespace, signal);
    if (read === undefined) return FAILED;
    const wanted = namespaceObjects({ namespace, config: rooms.config, trust: trust(), needs: read.needs });
    let isChanged = false;
    for (const object of wanted) {
      const outcome = await this.#ensure(facts, object, signal);
      if (outcome === "failed") return FAILED;
      isChanged ||= outcome === "changed";
    }
    const names = new Set(wanted.map(({ kind, metadata }) => `${kind}/${metadata.name}`));
    // Trust that cannot be read just now is no trust to be taken away.
    const isStray = ({ kind, name }: ManagedFacts): boolean =>
      !names.has(`${kind}/${name}`) && (kind !== "ConfigMap" || trust() !== undefined);
    const cleared = await this.#remove(this.#ours(namespace).filter(isStray), signal);
    if (cleared === "failed") return FAILED;
    const next: Millis | "done" = read.isForeign ? REREAD : "done";
    return { metric: isChanged || cleared === "changed" ? "changed" : "unchanged", next };
  }

  async #clear(namespace: string, signal: AbortSignal): Promise<KeptOutcome> {
    const outcome = await this.#remove(this.#ours(namespace), signal);
    return outcome === "failed" ? FAILED : { metric: outcome, next: "done" };
  }

  #ours(namespace: string): readonly ManagedFacts[] {
    const { managed } = this.#keeping.view;
    return managed.flatMap((one) =>
      [...one.values()].filter((object) => object.namespace === namespace && isOursByName(object.kind, object.name)),
    );
  }

  async #remove(objects: readonly ManagedFacts[], signal: AbortSignal): Promise<Ensured> {
    const { writer, rooms } = this.#keeping;
    for (const { kind, namespace, name, uid } of objects) {
      const at = MANAGED_KINDS.find((one) => one.kind === kind);
      if (at === undefined) continue;
      const outcome = await writer.remove(pathOf(at, namespace, name), { uid }, signal);
      if (outcome.kind !== "done" && outcome.kind !== "gone") return "failed";
      rooms.log.event("info", "taken away", { kind, namespace, name });
    }
    return objects.length === 0 ? "unchanged" : "changed";
  }

  async #ensure(facts: NamespaceFacts, object: DesiredObject, signal: AbortSignal): Promise<Ensured> {
    const { view, writer, rooms } = this.#keeping;
    const { namespace, name } = object.metadata;
    const at = kindOf(object);
    const path = pathOf(at, namespace, name);
    const sent = fingerprint(object);
    const followed = view.managed[MANAGED_KINDS.indexOf(at)]?.get(`${namespace}/${name}`);
    if (followed !== undefined && (followed.fingerprint === sent || this.#isSettled(path, sent, followed))) {
      return "unchanged";
    }
    const before = followed === undefined ? await writer.read(path, signal) : undefined;
    const isForeign = before?.kind === "done" && !isLabelled(before.body);
    let applied = await writer.apply(path, object, signal);
    const isOurs = !isForeign || object.kind === "ConfigMap";
    if (applied.kind === "refused" && isOurs && /immutable|cannot change roleRef/i.test(applied.message)) {
      // What cannot be changed (a roleRef, an immutable ConfigMap) is made anew; of others' objects only
      // ConfigMaps, whose names are ours by contract.
      const removed = await writer.remove(path, {}, signal);
      if (removed.kind === "done" || removed.kind === "gone") applied = await writer.apply(path, object, signal);
    }
    if (applied.kind === "done") applied = await this.#strip(path, object, applied, signal);
    if (applied.kind !== "done") {
      rooms.log.event("warn", "not written", { kind: at.kind, namespace, name, why: applied.message });
      if (isForeign)
        this.#tell(
          facts,
          "Conflict",
          `${at.kind} ${name} is somebody else's, and cannot be taken over: ${applied.message}`,
        );
      return "failed";
    }
    this.#settled.set(path, { sent, stored: fingerprint(isRecord(applied.body) ? applied.body : {}) });
    rooms.log.event("info", "written", { kind: at.kind, namespace, name });
    if (isForeign) this.#tell(facts, "TookOver", `${at.kind} ${name} was there already, and is Sluice's from now on.`);
    return "changed";
  }

  #tell(facts: NamespaceFacts, reason: string, message: string): void {
    const subject = { apiVersion: "v1", kind: "Namespace", name: facts.name, uid: facts.uid, namespace: undefined };
    this.#keeping.events.tell(subject, "Warning", reason, message);
  }

  /** Keys that somebody else added to a ConfigMap of ours: applying leaves them, and a file that nobody signed for stays nowhere. */
  async #strip(path: string, object: DesiredObject, applied: WriteOutcome, signal: AbortSignal): Promise<WriteOutcome> {
    if (object.kind !== "ConfigMap" || applied.kind !== "done" || !isRecord(applied.body)) return applied;
    const wanted = isRecord(object["data"]) ? object["data"] : {};
    const strays = Object.keys(textsOf(applied.body["data"])).filter((key) => !Object.hasOwn(wanted, key));
    const hasBinary = isRecord(applied.body["binaryData"]);
    if (strays.length === 0 && !hasBinary) return applied;
    const data = Object.fromEntries(strays.map((key) => [key, null]));
    return this.#keeping.writer.merge(path, { data, ...(hasBinary ? { binaryData: null } : {}) }, signal);
  }

  #isSettled(path: string, sent: string, { fingerprint: stored }: ManagedFacts): boolean {
    const settled = this.#settled.get(path);
    return settled?.sent === sent && settled.stored === stored;
  }

  /** What the policies in use need; undefined: one could not be read. */
  async #needs(
    namespace: string,
    signal: AbortSignal,
  ): Promise<{ readonly needs: ReadonlyMap<string, EgressNeeds>; readonly isForeign: boolean } | undefined> {
    const { rooms, view, writer } = this.#keeping;
    const needs = new Map<string, EgressNeeds>();
    if (!rooms.config.networkPolicy.enabled) return { needs, isForeign: false };
    const more = [...urlPorts(rooms.config.router), ...approvedPorts(view, namespace)];
    let isForeign = false;
    for (const name of policyNames(view, namespace)) {
      const read = await writer.read(pathOf(MANAGED_KINDS[0], namespace, name), signal);
      if (read.kind !== "done" && read.kind !== "gone") return undefined;
      const texts = read.kind === "done" && isRecord(read.body) ? textsOf(read.body["data"]) : {};
      needs.set(name, this.#needsOf(texts, more));
      isForeign ||= view.rendered.get(`${namespace}/${name}`) === undefined;
    }
    return { needs, isForeign };
  }

  /** Parsing a policy of 10,000 rules takes a tenth of a second: once is enough. */
  #needsOf(texts: Readonly<Record<string, string>>, more: readonly number[]): EgressNeeds {
    const documents = Object.entries(texts).filter(
      ([key]) => /\.(?:ya?ml|json)$/.test(key) && !key.endsWith(".sigstore.json"),
    );
    const mark = createHash("sha256")
      .update(JSON.stringify([documents, more]))
      .digest("hex");
    const known = this.#parsed.get(mark);
    if (known !== undefined) return known;
    const needs = needsOfTexts(
      documents.map(([, text]) => text),
      more,
    );
    if (this.#parsed.size >= 64) this.#parsed.clear();
    this.#parsed.set(mark, needs);
    return needs;
  }
}

type Ensured = "unchanged" | "changed" | "failed";

interface KeptOutcome {
  readonly metric: Ensured;
  readonly next: WorkOutcome;
}

const FAILED: KeptOutcome = { metric: "failed", next: "again" };

/** What the cluster does not have, or lets nobody see, is not waited for. */
function isKnownOrMissing({ isKnown, condition }: Pick<Followed<unknown>, "isKnown" | "condition">): boolean {
  const { reason } = condition();
  return isKnown || reason === "not_found" || reason === "forbidden";
}

/** Enforced, or with injected pods that still run: what those stand on is not pulled away under them. */
function isNeeded({ rooms, view }: Pick<NamespaceKeeping, "rooms" | "view">, facts: NamespaceFacts): boolean {
  if (isExempt(rooms.config, facts.name)) return false;
  if (facts.isEnforced) return true;
  for (const pod of view.pods.values()) if (pod.namespace === facts.name && pod.isLive) return true;
  return false;
}

function policyNames(view: ClusterView, namespace: string): readonly string[] {
  const names = new Set<string>();
  for (const pod of view.pods.values()) if (pod.namespace === namespace && pod.isLive) names.add(pod.policyName);
  for (const kind of view.policies) {
    for (const policy of kind.values()) if (policy.namespace === namespace) names.add(policy.target);
  }
  return [...names]
    .filter((name) => /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/.test(name))
    .toSorted()
    .slice(0, MOST_POLICIES);
}

/** Ports of what was approved at run time: the router lets it through, so the network must. */
function approvedPorts(view: ClusterView, namespace: string): readonly number[] {
  const ports = new Set<number>();
  for (const resource of view.approvals.values()) {
    const port = resource.namespace === namespace ? approvedPort(resource) : undefined;
    if (port !== undefined) ports.add(port);
  }
  return [...ports].toSorted((one, other) => one - other);
}

export function approvedPort({ approval, phase }: Pick<ApprovalResource, "approval" | "phase">): number | undefined {
  if (approval?.answer?.approved !== true || approval.revoked || phase === "Expired") return undefined;
  return approval.action.kind === "egress" ? approval.action.port : undefined;
}

function isLabelled(body: unknown): boolean {
  const metadata = isRecord(body) ? body["metadata"] : undefined;
  const labels = isRecord(metadata) ? metadata["labels"] : undefined;
  return isRecord(labels) && labels[MANAGED_LABEL] === MANAGED_BY;
}
