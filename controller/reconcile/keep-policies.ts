import { millis } from "../../router/core/base/quantity.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { Keyring } from "../../router/edge/trust/keyring.ts";
import type { ClusterView } from "./cluster-view.ts";
import { targetProblem, textsOf } from "./judge-policy.ts";
import type { KubeWriter } from "./kube-writer.ts";
import { MANAGED_KINDS, pathOf, RENDERED_LABEL } from "./managed.ts";
import { ownedKeys } from "./owned-keys.ts";
import { planConfigMap, type PolicyOutcome } from "./plan-configmap.ts";
import type { PodEchoes } from "./pod-echoes.ts";
import type { PodFacts } from "./pod-facts.ts";
import { POLICY_PLURALS, type PolicyResource } from "./policy-resource.ts";
import { type PodEcho, podsStatus, policyStatus } from "./policy-status.ts";
import type { ReconcileRooms } from "./reconcile-rooms.ts";
import { APPROVALS } from "./approval-resource.ts";
import type { verdictMemory } from "./verdict-memory.ts";
import type { WorkOutcome } from "./work-queue.ts";

export interface PolicyKeeping {
  readonly rooms: ReconcileRooms;
  readonly view: ClusterView;
  readonly writer: KubeWriter;
  readonly echoes: PodEchoes;
  /** Undefined: there is none that could be read. */
  readonly keyring: () => Keyring | "unread" | undefined;
  /** What a ConfigMap holds has changed. */
  readonly rendered: (namespace: string) => void;
  readonly judge: ReturnType<typeof verdictMemory>;
}

const [CONFIG_MAPS] = MANAGED_KINDS;

/** Renders the policies that name one ConfigMap into it, and writes into their status what became of them. */
export async function keepPolicies(keeping: PolicyKeeping, key: string, signal: AbortSignal): Promise<WorkOutcome> {
  const { rooms, view, writer, echoes } = keeping;
  if (![view.pods, view.rendered, ...view.policies].every(({ isKnown }) => isKnown)) return millis(500);
  const keyring = keeping.keyring();
  if (keyring === "unread") return millis(200);
  const slash = key.indexOf("/");
  const [namespace, target] = [key.slice(0, slash), key.slice(slash + 1)];
  const resources = view.policies.flatMap((kind) =>
    [...kind.values()].filter((policy) => policy.namespace === namespace && policy.target === target),
  );
  const isRendered = view.rendered.get(key) !== undefined;
  if (resources.length === 0 && !isRendered) return "done";
  const path = pathOf(CONFIG_MAPS, namespace, target);
  const isTarget = targetProblem(target) === undefined;
  const read = isTarget ? await writer.read(path, signal) : ({ kind: "gone", message: "" } as const);
  if (read.kind !== "done" && read.kind !== "gone") return failed(rooms);
  const standing = read.kind === "done" && isRecord(read.body) ? textsOf(read.body["data"]) : {};
  const { data, outcomes } = planConfigMap(resources, standing, (resource) => keeping.judge(resource, keyring));
  const body = read.kind === "done" ? read.body : undefined;
  // Of a name that is not for policies nothing is touched: what is applied there is somebody else's, or our own.
  const isStanding = !isTarget || isAlready(data, standing, body);
  let problem: string | undefined;
  if (!isStanding || (isTarget && isRendered && Object.keys(data).length === 0)) {
    problem = await write(keeping, { namespace, target, path, data }, signal);
    if (problem === undefined) keeping.rendered(namespace);
  }
  const usesIt = (pod: PodFacts): boolean => pod.namespace === namespace && pod.policyName === target;
  if (!isStanding && problem === undefined) echoes.hurry(usesIt);
  const pods: PodEcho[] = [...view.pods.values()]
    .filter((pod) => pod.isLive && usesIt(pod))
    .map((facts) => ({ facts, report: echoes.report(facts) }));
  let isDone = problem === undefined;
  for (const outcome of outcomes) isDone = (await say(keeping, outcome, problem, pods, signal)) && isDone;
  if (outcomes.every((outcome) => isLoaded(outcome, pods))) echoes.calm(usesIt);
  rooms.reconciled("policy", isDone ? (isStanding ? "unchanged" : "changed") : "failed");
  return isDone ? "done" : "again";
}

/** Undefined: it is written. */
async function write(
  { rooms, writer }: PolicyKeeping,
  { namespace, target, path, data }: Rendering,
  signal: AbortSignal,
): Promise<string | undefined> {
  const isEmpty = Object.keys(data).length === 0;
  const labels = isEmpty ? {} : { labels: { [RENDERED_LABEL]: "true" } };
  const metadata = { name: target, namespace, ...labels };
  const applied = await writer.apply(
    path,
    { apiVersion: "v1", kind: "ConfigMap", metadata, ...(isEmpty ? {} : { data }) },
    signal,
  );
  if (applied.kind !== "done") {
    rooms.log.event("warn", "policies not rendered", { namespace, name: target, why: applied.message });
    return applied.message;
  }
  rooms.log.event("info", "policies rendered", { namespace, name: target, keys: Object.keys(data).length });
  if (isEmpty) await removeIfEmpty(writer, path, applied.body, signal);
  return undefined;
}

interface Rendering {
  readonly namespace: string;
  readonly target: string;
  readonly path: string;
  readonly data: Readonly<Record<string, string>>;
}

/** A ConfigMap in which nobody else keeps anything is gone with the last policy; pods that start meanwhile wait for the next one. */
async function removeIfEmpty(writer: KubeWriter, path: string, body: unknown, signal: AbortSignal): Promise<void> {
  const { metadata, data, binaryData } = isRecord(body) ? body : {};
  if (!isRecord(metadata) || isFilled(data) || isFilled(binaryData)) return;
  if (isFilled(metadata["labels"]) || isFilled(metadata["annotations"])) return;
  const { uid, resourceVersion } = metadata;
  await writer.remove(path, { uid, resourceVersion }, signal);
}

function isFilled(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length > 0;
}

/** What is ours stands as it should, and nothing else is ours. */
function isAlready(
  data: Readonly<Record<string, string>>,
  standing: Readonly<Record<string, string>>,
  body: unknown,
): boolean {
  if (Object.keys(data).length > 0 && !isLabelled(body)) return false;
  const owned = ownedKeys(body);
  const isSame = Object.entries(data).every(([key, text]) => standing[key] === text && (owned?.has(key) ?? true));
  return isSame && [...(owned ?? [])].every((key) => Object.hasOwn(data, key));
}

function isLabelled(body: unknown): boolean {
  const metadata = isRecord(body) ? body["metadata"] : undefined;
  const labels = isRecord(metadata) ? metadata["labels"] : undefined;
  return isRecord(labels) && labels[RENDERED_LABEL] === "true";
}

/** Writes one status; false: it could not be, and is tried again. */
async function say(
  { rooms, writer }: PolicyKeeping,
  outcome: PolicyOutcome,
  problem: string | undefined,
  pods: readonly PodEcho[],
  signal: AbortSignal,
): Promise<boolean> {
  const told = problem === undefined ? outcome : notWritten(outcome, problem);
  const { resource } = told;
  const status = policyStatus(told, pods, rooms.clock.now());
  if (status === undefined) return true;
  const at = { root: APPROVALS.root, plural: POLICY_PLURALS[resource.kind] };
  const patch = { metadata: { resourceVersion: resource.resourceVersion }, status };
  const path = `${pathOf(at, resource.namespace, resource.name)}/status`;
  const written = await writer.merge(path, patch, signal);
  if (written.kind !== "done" && written.kind !== "gone" && written.kind !== "conflict") {
    rooms.log.event("warn", "status not written", { kind: resource.kind, name: resource.name, why: written.message });
  }
  // Of a conflict the watch brings what changed.
  return written.kind === "done" || written.kind === "gone";
}

function notWritten(outcome: PolicyOutcome, message: string): PolicyOutcome {
  return {
    ...outcome,
    verdict: { ...outcome.verdict, rendered: undefined },
    rendered: { type: "Rendered", status: "False", reason: "NotWritten", message },
  };
}

function isLoaded({ resource, verdict }: PolicyOutcome, pods: readonly PodEcho[]): boolean {
  const digest = verdict.rendered?.digest ?? resource.status["digest"];
  if (typeof digest !== "string") return true;
  return podsStatus(resource.kind, digest, pods).loaded === pods.length;
}

function failed(rooms: ReconcileRooms): WorkOutcome {
  rooms.reconciled("policy", "failed");
  return "again";
}

/** Which work a policy resource belongs to. */
export function targetKey({ namespace, target }: Pick<PolicyResource, "namespace" | "target">): string {
  return `${namespace}/${target}`;
}
