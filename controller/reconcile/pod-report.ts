import { safeText } from "../../router/core/wire/safe-text.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { PolicyKind } from "../policies/parse-policy.ts";

/** What a pod says of itself: its own word, good for conditions and nothing else. */
export interface PodReport {
  readonly policies: Readonly<Record<PolicyKind, PolicyReport>>;
  /** Names of the approvals that are in force there. */
  readonly approvals: ReadonlySet<string>;
  /** Of the guard: undefined where the pod says nothing of it. */
  readonly guard: "ok" | "degraded" | "failed" | undefined;
}

export interface PolicyReport {
  /** `sha256:` and hex; undefined: none is in force. */
  readonly digest: string | undefined;
  /** Why it is not another one; bounded and safe to print. */
  readonly message: string;
}

const MOST_MESSAGE = 512;
const MOST_APPROVALS = 8_192;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const ID = /^(?<name>[a-z0-9][a-z0-9.-]{0,252})@[0-9a-f]{1,64}$/;

/** Reads the answer of `/status` (router/app/router.ts); undefined: it is none. */
export function readPodReport(text: string): PodReport | undefined {
  const status = parsed(text);
  if (!isRecord(status)) return undefined;
  const { policy, inference, governance, conditions } = status;
  return {
    policies: {
      EgressPolicy: policyReport(policy),
      InferencePolicy: policyReport(isRecord(inference) ? inference["policy"] : undefined),
      GovernancePolicy: policyReport(isRecord(governance) ? governance["policy"] : undefined),
    },
    approvals: approvalNames(isRecord(governance) ? governance["approvals"] : undefined),
    guard: guardState(conditions),
  };
}

function policyReport(policy: unknown): PolicyReport {
  if (!isRecord(policy)) return { digest: undefined, message: "" };
  const { digest, condition } = policy;
  const problems = isRecord(condition) && Array.isArray(condition["problems"]) ? condition["problems"] : [];
  const told = problems.slice(0, 4).flatMap((problem: unknown): string[] => {
    const { code, message } = isRecord(problem) ? problem : {};
    return typeof message === "string" ? [`${typeof code === "string" ? `${code}: ` : ""}${message}`] : [];
  });
  return {
    digest: typeof digest === "string" && DIGEST.test(digest) ? digest : undefined,
    message: safeText(told.join(" ").slice(0, MOST_MESSAGE * 2), MOST_MESSAGE),
  };
}

function approvalNames(approvals: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  for (const approval of Array.isArray(approvals) ? approvals.slice(0, MOST_APPROVALS) : []) {
    const id: unknown = isRecord(approval) ? approval["id"] : undefined;
    const name = typeof id === "string" ? ID.exec(id)?.groups?.["name"] : undefined;
    if (name !== undefined) names.add(name);
  }
  return names;
}

function guardState(conditions: unknown): PodReport["guard"] {
  const all: readonly unknown[] = Array.isArray(conditions) ? conditions.slice(0, 64) : [];
  const guard = all.find((one) => isRecord(one) && one["name"] === "guard");
  const state = isRecord(guard) ? guard["state"] : undefined;
  return state === "ok" || state === "degraded" || state === "failed" ? state : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
