import type { EpochMillis } from "../../router/core/base/quantity.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { PolicyKind } from "../policies/parse-policy.ts";
import type { PolicyOutcome } from "./plan-configmap.ts";
import type { PodFacts } from "./pod-facts.ts";
import type { PodReport } from "./pod-report.ts";
import { mergedConditions, type StatusCondition } from "./status-condition.ts";

/** A live pod that takes its policy from the ConfigMap, and what it said; a text: why it said nothing. */
export interface PodEcho {
  readonly facts: PodFacts;
  readonly report: PodReport | string;
}

/** A pod that does not run it; `digest` is what it runs instead. */
interface Behind {
  readonly name: string;
  readonly digest?: string;
  readonly message: string;
}

export interface PodsStatus {
  readonly total: number;
  readonly loaded: number;
  readonly behind: readonly Behind[];
}

const MOST_BEHIND = 16;
const OURS = ["Accepted", "Verified", "Rendered", "Loaded"];

/** Who runs the version with this digest; undefined: nothing was ever rendered, so nobody can. */
export function podsStatus(kind: PolicyKind, digest: string | undefined, echoes: readonly PodEcho[]): PodsStatus {
  const behind: Behind[] = [];
  let loaded = 0;
  for (const { facts, report } of echoes) {
    const own = typeof report === "string" ? undefined : report.policies[kind];
    if (own?.digest !== undefined && own.digest === digest) loaded += 1;
    else if (behind.length < MOST_BEHIND) {
      const message = typeof report === "string" ? report : (own?.message ?? "");
      behind.push({
        name: facts.name,
        ...(own?.digest === undefined ? {} : { digest: own.digest }),
        message: message === "" ? "It has not taken it yet." : message,
      });
    }
  }
  return { total: echoes.length, loaded, behind };
}

/** The status of a policy resource as a merge patch; undefined: it says all that already. */
export function policyStatus(
  { resource, verdict, rendered }: PolicyOutcome,
  echoes: readonly PodEcho[],
  now: EpochMillis,
): Readonly<Record<string, unknown>> | undefined {
  const { status, generation, kind } = resource;
  const facts =
    verdict.rendered === undefined
      ? { digest: textOf(status["digest"]), version: numberOf(status["version"]) }
      : { digest: verdict.rendered.digest, version: verdict.rendered.version };
  const isOwner = verdict.accepted.reason !== "Conflict" || verdict.accepted.status === "True";
  const pods = podsStatus(kind, isOwner ? facts.digest : undefined, echoes);
  const wanted = [
    verdict.accepted,
    ...(verdict.verified === undefined ? [] : [verdict.verified]),
    rendered,
    loadedCondition(pods, facts.version),
  ];
  const before: readonly unknown[] = Array.isArray(status["conditions"]) ? status["conditions"] : [];
  const next = {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(facts.digest === undefined ? {} : { digest: facts.digest, shortDigest: facts.digest.slice(7, 19) }),
    ...(facts.version === undefined ? {} : { version: facts.version }),
    conditions: mergedConditions(before, OURS, wanted, { now, generation }),
    pods,
  };
  return isAlready(status, next) ? undefined : next;
}

function loadedCondition({ total, loaded }: PodsStatus, version: number | undefined): StatusCondition {
  const what = version === undefined ? "No version" : `Version ${version}`;
  if (total === 0)
    return { type: "Loaded", status: "Unknown", reason: "NoPods", message: "No pod has its policy from there." };
  const message = `${what} is in force in ${loaded} of ${total} pods, by their own word.`;
  const isAll = loaded === total;
  return { type: "Loaded", status: isAll ? "True" : "False", reason: isAll ? "Loaded" : "Behind", message };
}

function isAlready(status: Readonly<Record<string, unknown>>, next: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(next).every(([name, value]) => stable(status[name]) === stable(value));
}

/** Members in any order; lists of named things too. */
function stable(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stable).toSorted().join()}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${stable(member)}`);
  return `{${members.toSorted().join()}}`;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
