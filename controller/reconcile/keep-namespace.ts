import { createHash } from "node:crypto";
import { millis } from "../../router/core/base/quantity.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { ApprovalResource } from "./approval-resource.ts";
import { type ClusterView, isExempt, type ManagedFacts } from "./cluster-view.ts";
import { needsOfTexts, urlPorts } from "./egress-needs.ts";
import type { EventRecorder } from "./event-recorder.ts";
import type { Followed } from "./followed-collection.ts";
import { textsOf } from "./judge-policy.ts";
import { type Ensured, ObjectKeeper } from "./keep-object.ts";
import { giveMark, takeMark } from "./kept-mark.ts";
import type { KubeWriter } from "./kube-writer.ts";
import { type DesiredObject, MANAGED_KINDS, pathOf } from "./managed.ts";
import type { NamespaceFacts } from "./namespace-facts.ts";
import {
  FOUNDATION_SIZE,
  isFoundation,
  isOursByName,
  namespaceObjects,
  type ServerCa,
  type TrustFiles,
} from "./namespace-objects.ts";
import { namesText } from "./names-text.ts";
import { type EgressNeeds, networkPolicyName } from "./network-policies.ts";
import { MOST_POLICIES, policyNames, type PolicyNames } from "./policy-names.ts";
import type { ReconcileRooms } from "./reconcile-rooms.ts";
import type { WorkOutcome } from "./work-queue.ts";

export interface NamespaceKeeping {
  readonly rooms: ReconcileRooms;
  readonly view: ClusterView;
  readonly writer: KubeWriter;
  readonly events: EventRecorder;
  readonly trust: () => TrustFiles | undefined;
  readonly ca: () => ServerCa;
}

/** Policies that others write into ConfigMaps are read again so often. */
const REREAD = millis(60_000);
/** Until then every API server keeps others from writing what is read back. */
const SETTLE = 300;
const MOST_TROUBLES = 256;

/** Makes one namespace have what it needs, and nothing of ours that it does not need. */
export class NamespaceKeeper {
  readonly #keeping: NamespaceKeeping;
  readonly #objects: ObjectKeeper;
  /** By the digest of what was read. */
  readonly #parsed = new Map<string, EgressNeeds>();
  /** By name, as this process first saw it. */
  readonly #enforcedSince = new Map<string, number>();
  /** By name: the objects of its foundation that this process has looked at, or may write unseen since no mark stands. */
  readonly #seen = new Map<string, Set<string>>();
  /** Why pods cannot be made in an enforced namespace, by its name. */
  readonly #troubles = new Map<string, string>();

  constructor(keeping: NamespaceKeeping) {
    this.#keeping = keeping;
    this.#objects = new ObjectKeeper(keeping);
  }

  /** One sentence each. */
  problems(): readonly string[] {
    return [...this.#troubles].map(([name, why]) => `No pods can be made in ${name}: ${why}.`);
  }

  async keep(name: string, signal: AbortSignal): Promise<WorkOutcome> {
    const { rooms, view } = this.#keeping;
    if (![view.namespaces, view.pods, ...view.managed].every(({ isKnown }) => isKnown)) return millis(500);
    // Else a new leader would narrow what policies and approvals that it has not seen yet need.
    if (![view.rendered, ...view.policies, view.approvals].every(isKnownOrMissing)) return millis(100);
    const facts = view.namespaces.get(name);
    if (facts === undefined || facts.isTerminating) {
      this.#forget(name);
      return "done";
    }
    const outcome = isNeeded(this.#keeping, facts)
      ? await this.#provide(facts, signal)
      : await this.#clear(facts, signal);
    rooms.reconciled("namespace", outcome.metric);
    return outcome.next;
  }

  async #provide(facts: NamespaceFacts, signal: AbortSignal): Promise<KeptOutcome> {
    const { rooms, view, trust, ca } = this.#keeping;
    const { name: namespace } = facts;
    const question = { namespace, config: rooms.config, trust: trust(), ca: ca() };
    const foundation = namespaceObjects({ ...question, needs: new Map() }).filter(isFoundation);
    const doubted = await this.#doubt(facts, foundation, signal);
    if (doubted !== undefined) return doubted;
    const policies = policyNames(view, namespace);
    const read = await this.#needs(facts, policies, signal);
    const wanted = namespaceObjects({ ...question, needs: read?.needs ?? new Map() });
    const failed: DesiredObject[] = [];
    let isChanged = false;
    // One that cannot be written keeps none of the others from being what it is to be.
    for (const object of wanted) {
      const outcome = await this.#objects.ensure(facts, object, signal);
      if (outcome === "failed") failed.push(object);
      isChanged ||= outcome === "changed";
    }
    const label = await this.#mark(facts, wanted, failed, signal);
    if (read === undefined) return FAILED;
    const names = new Set(wanted.map(({ kind, metadata }) => `${kind}/${metadata.name}`));
    // Trust (or a CA) that cannot be read just now is no reason to take away what is there.
    const isUnread = question.trust === undefined || question.ca === "unread";
    // Nor is the number of policies, where a pod that runs has one.
    const isInUse = new Set(rooms.config.networkPolicy.enabled ? policies.live.map(networkPolicyName) : []);
    const isStray = ({ kind, name }: ManagedFacts): boolean =>
      !names.has(`${kind}/${name}`) &&
      (kind !== "ConfigMap" || !isUnread) &&
      (kind !== "NetworkPolicy" || !isInUse.has(name));
    const cleared = await this.#remove(this.#ours(namespace).filter(isStray), signal);
    if (cleared === "failed" || failed.length > 0 || label === "again") return FAILED;
    const metric = isChanged || cleared === "changed" ? "changed" : "unchanged";
    return { metric, next: label === "done" ? (read.isForeign ? REREAD : "done") : label };
  }

  /**
   * A mark that stands when a term begins may be of a release that was uninstalled since, while nobody held what it speaks
   * of: each object of the foundation is looked at once before it is written, and where one is another the mark goes first.
   * It comes back by `giveMark`, with all that this sees to; so it does after an upgrade that changes settings. What cannot
   * be read tells nothing: the mark stays, and nothing is written. Undefined: there is nothing to doubt.
   */
  async #doubt(
    facts: NamespaceFacts,
    foundation: readonly DesiredObject[],
    signal: AbortSignal,
  ): Promise<KeptOutcome | undefined> {
    const { writer, rooms } = this.#keeping;
    const { name: namespace, uid } = facts;
    const seen = this.#seen.get(namespace) ?? new Set<string>();
    this.#seen.set(namespace, seen);
    for (const object of foundation) {
      const { kind, metadata } = object;
      const key = `${uid} ${kind} ${metadata.name}`;
      const isDoubtful = facts.isEnforced && facts.isKept && !seen.has(key);
      const stored = isDoubtful ? await this.#objects.stored(object, signal) : "same";
      if (stored === "unread") return FAILED;
      if (stored === "another") {
        const taken = await takeMark(writer, facts, signal);
        rooms.log.event("warn", "mark not believed", { namespace, kind, name: metadata.name });
        return taken.kind === "done" ? { metric: "changed", next: "again" } : FAILED;
      }
      seen.add(key);
    }
    return undefined;
  }

  /** Says on the namespace whether pods may be made in it. */
  async #mark(
    facts: NamespaceFacts,
    wanted: readonly DesiredObject[],
    failed: readonly DesiredObject[],
    signal: AbortSignal,
  ): Promise<WorkOutcome> {
    const { rooms } = this.#keeping;
    if (!facts.isEnforced || isExempt(rooms.config, facts.name)) return this.#unmark(facts, signal);
    const foundation = wanted.filter(isFoundation);
    const missing = failed.filter(isFoundation);
    const since = this.#enforcedSince.get(facts.name) ?? rooms.clock.monotonic();
    this.#enforcedSince.set(facts.name, since);
    if (missing.length > 0) {
      const what = missing.map(({ kind, metadata: { name } }) => `${kind} ${name}`).join(", ");
      this.#troubled(facts, `${what} cannot be made what Sluice wants`);
      await this.#unmark(facts, signal);
      return "again";
    }
    if (foundation.length < FOUNDATION_SIZE) {
      // What cannot be read just now takes no mark away that was given when it could.
      if (!facts.isKept) this.#troubled(facts, "the trust or the API server's CA cannot be read");
      return "done";
    }
    if (facts.isKept) {
      this.#troubles.delete(facts.name);
      return "done";
    }
    const rest = SETTLE - (rooms.clock.monotonic() - since);
    if (rest > 0) return millis(Math.ceil(rest));
    const outcome = await giveMark(this.#keeping, { facts, foundation, objects: this.#objects }, signal);
    if (outcome.kind === "done") this.#troubles.delete(facts.name);
    else if (outcome.kind !== "conflict") this.#troubled(facts, outcome.message);
    return outcome.kind === "done" ? "done" : "again";
  }

  async #unmark(facts: NamespaceFacts, signal: AbortSignal): Promise<WorkOutcome> {
    if (!facts.isEnforced) this.#forget(facts.name);
    if (!facts.isKept) return "done";
    const taken = await takeMark(this.#keeping.writer, facts, signal);
    return taken.kind === "done" || taken.kind === "gone" ? "done" : "again";
  }

  #forget(name: string): void {
    this.#enforcedSince.delete(name);
    this.#seen.delete(name);
    this.#troubles.delete(name);
  }

  #troubled({ name, uid }: NamespaceFacts, why: string): void {
    if (this.#troubles.has(name) || this.#troubles.size < MOST_TROUBLES) this.#troubles.set(name, why);
    const subject = { apiVersion: "v1", kind: "Namespace", name, uid, namespace: undefined };
    this.#keeping.events.tell(subject, "Warning", "NotKept", `No pods can be made here: ${why}.`);
  }

  async #clear(facts: NamespaceFacts, signal: AbortSignal): Promise<KeptOutcome> {
    const label = await this.#unmark(facts, signal);
    const outcome = await this.#remove(this.#ours(facts.name), signal);
    return outcome === "failed" || label === "again" ? FAILED : { metric: outcome, next: "done" };
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

  /** What the policies in use need; undefined: one could not be read. */
  async #needs(
    facts: NamespaceFacts,
    { names, more: left }: PolicyNames,
    signal: AbortSignal,
  ): Promise<{ readonly needs: ReadonlyMap<string, EgressNeeds>; readonly isForeign: boolean } | undefined> {
    const { rooms, view, writer, events } = this.#keeping;
    const { name: namespace, uid } = facts;
    const needs = new Map<string, EgressNeeds>();
    if (!rooms.config.networkPolicy.enabled) return { needs, isForeign: false };
    if (left.length > 0) {
      events.tell(
        { apiVersion: "v1", kind: "Namespace", name: namespace, uid, namespace: undefined },
        "Warning",
        "TooManyPolicies",
        `More than ${MOST_POLICIES} policy ConfigMaps are named here, and no NetworkPolicy is made or brought up to date for the rest: ${namesText(left)}. Their pods have the guard and the router alone.`,
      );
    }
    const more = [...urlPorts(rooms.config.router), ...approvedPorts(view, namespace)];
    let isForeign = false;
    for (const name of names) {
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

/** Ports of what was approved at run time: the router lets it through, so the network must. */
function approvedPorts(view: ClusterView, namespace: string): readonly number[] {
  const ports = new Set<number>();
  for (const resource of view.approvals.values()) {
    const port = resource.namespace === namespace ? approvedPort(resource) : undefined;
    if (port !== undefined) ports.add(port);
  }
  return [...ports].toSorted((one, other) => one - other);
}

export function approvedPort({
  approval,
  phase,
  isDeleting,
}: Pick<ApprovalResource, "approval" | "phase" | "isDeleting">): number | undefined {
  if (isDeleting) return undefined;
  if (approval?.answer?.approved !== true || approval.revoked || phase === "Expired") return undefined;
  return approval.action.kind === "egress" ? approval.action.port : undefined;
}
