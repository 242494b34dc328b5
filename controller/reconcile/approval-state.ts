import { isMeant } from "../../router/core/approval/approved-digest.ts";
import { type EpochMillis, epochMillis, type Millis, millis } from "../../router/core/base/quantity.ts";
import { safeText } from "../../router/core/wire/safe-text.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { ApprovalResource } from "./approval-resource.ts";
import type { PodFacts } from "./pod-facts.ts";
import { mergedConditions, type StatusCondition, timeText } from "./status-condition.ts";

export type ApprovalPhase = "Pending" | "Approved" | "Active" | "Denied" | "Expired" | "Revoked";

/** An Event to tell; `type` as core/v1 has it. */
export interface ApprovalNews {
  readonly type: "Normal" | "Warning";
  readonly reason: "Requested" | Exclude<ApprovalPhase, "Pending">;
  readonly message: string;
}

export interface ApprovalQuestion {
  readonly resource: ApprovalResource;
  /** Live injected pods of its namespace, and whether each says that it is in force there. */
  readonly pods: readonly { readonly facts: PodFacts; readonly isActive: boolean }[];
  readonly pending: Millis;
  readonly keep: Millis;
  readonly now: EpochMillis;
}

/** `status`: a merge patch of the status; undefined: it says all that already. */
export interface ApprovalPlan {
  readonly phase: ApprovalPhase;
  readonly status: Readonly<Record<string, unknown>> | undefined;
  readonly news: readonly ApprovalNews[];
  /** Over for so long that it is to be deleted. */
  readonly isDeleted: boolean;
  /** When time alone changes something; undefined: never. */
  readonly nextIn: Millis | undefined;
}

const OURS = ["Ready", "Expired", "Degraded"];
/** How far a router lets an approver's clock be ahead (grant-book.ts). */
const MOST_SKEW = 60_000;
/** No policy lets a grant last longer (GovernancePolicy, `requests.grant`). */
const LONGEST_GRANT = 168 * 3_600_000;
const MOST_NAME = 253;

interface Standing {
  readonly phase: ApprovalPhase;
  /** Undefined: no end is known. */
  readonly expiresAt: number | undefined;
  /** Since when it is over; undefined: it is not. */
  readonly overSince: number | undefined;
  readonly nextAt: number | undefined;
  readonly isAhead: boolean;
}

/** What an approval's status is to say. Only what people read: what a router grants hangs on the spec and `Approved` alone. */
export function approvalPlan(question: ApprovalQuestion): ApprovalPlan {
  const { resource, keep, now } = question;
  const { approval } = resource;
  const meant =
    approval === undefined
      ? []
      : question.pods.filter(({ facts }) =>
          isMeant(approval, { namespace: facts.namespace, agent: facts.agent, pod: facts.name }),
        );
  const active = resource.isDeleting ? 0 : meant.filter(({ isActive }) => isActive).length;
  const pods = { matching: meant.length, active };
  const standing = standingOf(question, pods.active);
  const { phase, expiresAt, overSince, nextAt } = standing;
  const wanted = conditionsOf(resource, standing, pods);
  const conditions = mergedConditions(resource.conditions, OURS, wanted, { now, generation: resource.generation });
  const expires = expiresAt === undefined ? undefined : timeText(expiresAt);
  const status = {
    phase,
    conditions,
    pods,
    ...(resource.generation === undefined ? {} : { observedGeneration: resource.generation }),
    ...(expires === undefined && resource.expiresAt === undefined ? {} : { expiresAt: expires ?? null }),
  };
  const isSame =
    resource.phase === phase &&
    resource.expiresAt === expires &&
    resource.observedGeneration === resource.generation &&
    JSON.stringify(resource.pods) === JSON.stringify(pods) &&
    sameConditions(resource.conditions, conditions);
  const since = overSince === undefined ? undefined : Math.max(overSince, expiredSince(resource) ?? overSince);
  const deletedAt = since === undefined || resource.isDeleting ? undefined : since + keep;
  const next = deletedAt ?? nextAt;
  return {
    phase,
    status: isSame ? undefined : status,
    news: resource.phase === phase ? [] : newsOf(resource, phase),
    isDeleted: deletedAt !== undefined && now >= deletedAt && resource.phase === phase,
    nextIn: next === undefined ? undefined : millis(Math.max(1, next - now)),
  };
}

function standingOf({ resource, pending, now }: ApprovalQuestion, active: number): Standing {
  const { approval, createdAt } = resource;
  const answer = approval?.answer;
  const expiresAt =
    approval === undefined || answer?.approved !== true ? undefined : endOf(approval.duration, answer.at);
  // Without a duration the policy of each pod says how long; beyond this none does.
  const surelyOver = answer?.approved === true ? (expiresAt ?? answer.at + LONGEST_GRANT) : undefined;
  const isAhead = answer !== undefined && answer.at > now + MOST_SKEW;
  const common = { expiresAt, isAhead };
  if (approval?.revoked === true || resource.isDeleting)
    return { ...common, phase: "Revoked", overSince: createdAt, nextAt: undefined };
  if (answer?.approved === false)
    return { ...common, phase: "Denied", overSince: Math.min(answer.at, now), nextAt: undefined };
  if (surelyOver !== undefined) {
    if (now >= surelyOver) return { ...common, phase: "Expired", overSince: surelyOver, nextAt: undefined };
    const phase = active > 0 ? "Active" : "Approved";
    return { ...common, phase, overSince: undefined, nextAt: surelyOver };
  }
  const unanswered = createdAt + pending;
  if (createdAt > 0 && now >= unanswered)
    return { ...common, phase: "Expired", overSince: unanswered, nextAt: undefined };
  return { ...common, phase: "Pending", overSince: undefined, nextAt: createdAt > 0 ? unanswered : undefined };
}

function endOf(duration: Millis | undefined, at: EpochMillis): EpochMillis | undefined {
  return duration === undefined ? undefined : epochMillis(at + duration);
}

function conditionsOf(
  { problem, approval, isDeleting }: ApprovalResource,
  { phase, isAhead }: Standing,
  { matching, active }: { readonly matching: number; readonly active: number },
): readonly StatusCondition[] {
  const overText = (over: "Denied" | "Expired" | "Revoked"): string => (isDeleting ? DELETED : OVER[over]);
  const isOver = phase === "Denied" || phase === "Expired" || phase === "Revoked";
  const over: StatusCondition = {
    type: "Expired",
    status: isOver ? "True" : "False",
    reason: isOver ? (phase === "Expired" && approval?.answer === undefined ? "Unanswered" : phase) : phase,
    message: isOver ? overText(phase) : "It is not over.",
  };
  const isReady = active > 0 && !isOver;
  const inForce =
    matching === 0
      ? "No injected pod is meant by it."
      : `It is in force in ${active} of ${matching} pods, by their own word.`;
  const ready: StatusCondition = {
    type: "Ready",
    status: isReady ? "True" : "False",
    reason: isReady
      ? "InForce"
      : isOver
        ? phase
        : phase === "Pending"
          ? "Pending"
          : matching === 0
            ? "NoPods"
            : "NotYetInForce",
    message:
      approval === undefined
        ? `It cannot be read, and grants nothing: ${safeText(problem, 1_024)}`
        : isOver
          ? overText(phase)
          : inForce,
  };
  const ahead: StatusCondition = {
    type: "Degraded",
    status: "True",
    reason: "ClockSkew",
    message:
      "The answer lies in the future: the clock of who answered is wrong, or this one. Routers do not count it before its time.",
  };
  return [ready, over, ...(isAhead ? [ahead] : [])];
}

const OVER: Readonly<Record<"Denied" | "Expired" | "Revoked", string>> = {
  Denied: "It was denied.",
  Expired: "Its time is over.",
  Revoked: "It was revoked.",
};

const DELETED = "It was deleted, and grants nothing any more; only somebody's finalizers keep it.";

function newsOf(
  { phase: before, approvedBy, approval, isDeleting }: ApprovalResource,
  phase: ApprovalPhase,
): readonly ApprovalNews[] {
  const by = approvedBy === undefined ? "somebody who is not named" : safeText(approvedBy, MOST_NAME);
  const asker = safeText(approval?.requestedBy ?? "somebody who is not named", MOST_NAME);
  const requested: ApprovalNews = { type: "Normal", reason: "Requested", message: `Requested by ${asker}.` };
  const approved: ApprovalNews = { type: "Normal", reason: "Approved", message: `Approved by ${by}.` };
  const first = before === undefined ? [requested] : [];
  const wasApproved = before === "Approved" || before === "Active";
  switch (phase) {
    case "Pending":
      return first;
    case "Approved":
      return wasApproved ? [] : [...first, approved];
    case "Active": {
      const active: ApprovalNews = { type: "Normal", reason: "Active", message: "It is in force in a pod." };
      return wasApproved ? [active] : [...first, approved, active];
    }
    case "Denied":
      return [...first, { type: "Warning", reason: "Denied", message: `Denied by ${by}.` }];
    case "Expired": {
      const isUnanswered = approval?.answer === undefined;
      const message = isUnanswered ? "Nobody answered in time." : "Its time is over.";
      return [...first, { type: isUnanswered ? "Warning" : "Normal", reason: "Expired", message }];
    }
    case "Revoked":
      return [...first, { type: "Warning", reason: "Revoked", message: isDeleting ? DELETED : "It was revoked." }];
    default:
      return phase satisfies never;
  }
}

/** When we first saw that it is over, as the status says. */
function expiredSince({ conditions }: ApprovalResource): number | undefined {
  const known = conditions.find((one) => isRecord(one) && one["type"] === "Expired" && one["status"] === "True");
  const at =
    isRecord(known) && typeof known["lastTransitionTime"] === "string"
      ? Date.parse(known["lastTransitionTime"])
      : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

function sameConditions(before: readonly unknown[], after: readonly unknown[]): boolean {
  const text = (all: readonly unknown[]): string =>
    JSON.stringify(
      all
        .map((one) => (isRecord(one) ? Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)) : one))
        .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    );
  return text(before) === text(after);
}
