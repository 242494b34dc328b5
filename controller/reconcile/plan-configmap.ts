import type { PolicyVerdict } from "./judge-policy.ts";
import { policyFile, policyKey, type PolicyResource } from "./policy-resource.ts";
import type { StatusCondition } from "./status-condition.ts";

/** What a policy ConfigMap is to hold of ours, and what that means for each resource that is rendered into it. */
export interface ConfigMapPlan {
  readonly data: Readonly<Record<string, string>>;
  readonly outcomes: readonly PolicyOutcome[];
}

export interface PolicyOutcome {
  readonly resource: PolicyResource;
  readonly verdict: PolicyVerdict;
  /** As it will be once the ConfigMap is written. */
  readonly rendered: StatusCondition;
}

/** As the API server bounds it, with room for names and labels. */
const MOST_OCTETS = 1_000_000;

/**
 * Plans one ConfigMap. `resources`: all that name it; one of each kind is rendered, the oldest. `standing`: the ConfigMap's data now; of it
 * what was rendered last of a resource stays, as long as nothing newer of the same is accepted.
 */
export function planConfigMap(
  resources: readonly PolicyResource[],
  standing: Readonly<Record<string, string>>,
  judge: (resource: PolicyResource) => PolicyVerdict,
): ConfigMapPlan {
  const live = resources.filter(({ isDeleted }) => !isDeleted).toSorted(byAge);
  const first = new Map<string, PolicyResource>();
  for (const resource of live) if (!first.has(resource.kind)) first.set(resource.kind, resource);
  const data: Record<string, string> = {};
  let octets = othersOctets(standing, resources);
  const outcomes = live.map((resource): PolicyOutcome => {
    const winner = first.get(resource.kind) ?? resource;
    const rivals = live.filter(({ kind, uid }) => kind === resource.kind && uid !== resource.uid);
    const judged = judge(resource);
    if (winner.uid !== resource.uid) {
      const message = `${winner.kind} ${winner.name} is older, and one of a kind is rendered into ${resource.target}.`;
      const accepted: StatusCondition = { type: "Accepted", status: "False", reason: "Conflict", message };
      return {
        resource,
        verdict: { ...judged, accepted, rendered: undefined },
        rendered: notRendered("Conflict", message),
      };
    }
    const verdict = rivals.length === 0 || judged.rendered === undefined ? judged : beset(judged, rivals);
    const file = policyFile(resource);
    const kept = keptOf(standing, file);
    const wanted =
      verdict.rendered === undefined ? kept : fileData(file, verdict.rendered.text, verdict.rendered.signatures);
    const size = octetsOf(wanted);
    if (octets + size > MOST_OCTETS) {
      const isKept = octets + octetsOf(kept) <= MOST_OCTETS;
      if (isKept) Object.assign(data, kept);
      octets += isKept ? octetsOf(kept) : 0;
      const message = `The ConfigMap ${resource.target} would have more than ${MOST_OCTETS} octets.`;
      return { resource, verdict: { ...verdict, rendered: undefined }, rendered: notRendered("TooLarge", message) };
    }
    octets += size;
    Object.assign(data, wanted);
    if (verdict.rendered !== undefined) {
      const message = `It stands in the ConfigMap ${resource.target} as ${file}.`;
      return { resource, verdict, rendered: { type: "Rendered", status: "True", reason: "Rendered", message } };
    }
    const isStanding = Object.keys(kept).length > 0;
    const message = isStanding ? "What was rendered last stands." : "Nothing of it was ever rendered.";
    return { resource, verdict, rendered: notRendered(isStanding ? "LastStands" : "NotAccepted", message) };
  });
  return { data, outcomes };
}

/** The oldest first; of two of one second, by name. */
function byAge(one: PolicyResource, other: PolicyResource): number {
  if (one.createdAt !== other.createdAt) return one.createdAt < other.createdAt ? -1 : 1;
  return policyKey(one) < policyKey(other) ? -1 : 1;
}

function beset(verdict: PolicyVerdict, rivals: readonly PolicyResource[]): PolicyVerdict {
  const names = rivals.slice(0, 8).map(({ name }) => name);
  const message = `It is the oldest, so it is rendered; the same ConfigMap is named by ${names.join(", ")} too.`;
  return { ...verdict, accepted: { ...verdict.accepted, reason: "Conflict", message } };
}

function notRendered(reason: string, message: string): StatusCondition {
  return { type: "Rendered", status: "False", reason, message };
}

function fileData(file: string, text: string, signatures: string | undefined): Readonly<Record<string, string>> {
  return { [file]: text, ...(signatures === undefined ? {} : { [`${file}.sigstore.json`]: signatures }) };
}

function keptOf(standing: Readonly<Record<string, string>>, file: string): Readonly<Record<string, string>> {
  const text = standing[file];
  return text === undefined ? {} : fileData(file, text, standing[`${file}.sigstore.json`]);
}

/** What others keep in it counts too. */
function othersOctets(standing: Readonly<Record<string, string>>, resources: readonly PolicyResource[]): number {
  const ours = new Set(resources.flatMap((one) => [policyFile(one), `${policyFile(one)}.sigstore.json`]));
  return octetsOf(Object.fromEntries(Object.entries(standing).filter(([key]) => !ours.has(key))));
}

function octetsOf(data: Readonly<Record<string, string>>): number {
  return Object.entries(data).reduce((sum, [key, text]) => sum + key.length + Buffer.byteLength(text), 0);
}
