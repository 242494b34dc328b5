import type { Clock } from "../../core/base/clock.ts";
import type { EpochMillis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { BehaviorMonitor } from "../../core/behavior/behavior-monitor.ts";
import { BY_BEHAVIOR } from "../../core/behavior/observed-event.ts";
import type { Moment } from "../../core/behavior/standing.ts";
import type { ActionKind } from "../../core/governance/action-kind.ts";
import type { Action, ActionContext, ToolAction } from "../../core/governance/action.ts";
import { actionTarget } from "../../core/governance/action-target.ts";
import type { CompiledGovernancePolicy, GovernanceSnapshot } from "../../core/governance/compile-governance-policy.ts";
import { decide, mustSeeArguments } from "../../core/governance/decide.ts";
import type { Obligations } from "../../core/governance/governance-policy.ts";
import { NO_OBLIGATIONS } from "../../core/governance/obligations.ts";
import type { AppliedLimit, Verdict } from "../../core/governance/verdict.ts";
import type { RateLimiter } from "../../core/limiter/rate-limiter.ts";
import type { PolicyIdentity } from "../../core/policy/permit.ts";
import { limitKeys } from "./limit-keys.ts";

/** What an operator allowed beyond the rules. */
export interface Grants {
  /** The approval that covers the very action now; `expired`: one did. */
  find(action: Action): { readonly id: string } | "expired" | undefined;
  /** Takes one use of it, durably; false where none is left or it cannot be made durable. */
  use(id: string): boolean;
  /** Whether what rests on it may go on: it is neither revoked nor over. */
  stands(id: string): boolean;
}

export interface GovernorRooms {
  readonly clock: Clock;
  /** See `PolicyTime`. */
  time(): EpochMillis;
  policy(): GovernanceSnapshot;
  /** No policy is there, and none need be: what passes the router is governed by its other policies alone. */
  absent(): boolean;
  labels(): ReadonlyMap<string, string> | undefined;
  scoreOf(peer: string): number | undefined;
  /** Why a peer is not connected, whatever rules and approvals say; undefined also for what is no message to one. */
  barred(policy: CompiledGovernancePolicy, action: Action): string | undefined;
  readonly limiter: RateLimiter;
  readonly monitor: BehaviorMonitor;
  readonly grants: Grants;
  /** An action that was allowed is over: for who keeps records. `request`: under which id it was asked for. */
  ended(action: EndedAction, result: "succeeded" | "failed", bytes: number, request: string | undefined): void;
  /** Counts what was said. */
  judged(action: Action, governed: Governed): void;
}

/** What is kept of an action until it is over: no more than its record needs. */
export interface EndedAction {
  readonly kind: ActionKind;
  /** See `actionTarget`. */
  readonly target: string;
  /** Nobody but the agent says that it is over, and how. */
  readonly isSaid?: boolean;
}

/** Leave to act, once. `ended` must be called when it is over; again is without effect. `unknown`: nobody says how. */
export interface Leave {
  readonly kind: "allowed";
  readonly policy: PolicyIdentity | undefined;
  readonly rule: string | undefined;
  readonly obligations: Obligations;
  /** The approval it rests on. */
  readonly approval: string | undefined;
  /** In observe mode: what it would have been. */
  readonly observed: string | undefined;
  /** Until it is over it holds a place of a limit on what goes on at the same time. */
  readonly holds: boolean;
  readonly ended: (
    result: "succeeded" | "failed" | "unknown",
    bytes: number,
    request?: string,
    isSaid?: boolean,
  ) => void;
}

export interface Denial {
  readonly kind: "refused";
  readonly reason: Reason;
  readonly policy: PolicyIdentity | undefined;
  readonly rule: string | undefined;
  /** For who asked: the rule's own sentence, or why. */
  readonly message: string | undefined;
  /** Milliseconds after which the same may be asked again. */
  readonly retryAfter: number | undefined;
  /** An operator could allow it. */
  readonly askable: boolean;
}

export type Governed = Leave | Denial;

/** What passes although no policy of this kind is there: `ended` has nothing to do. */
export const UNGOVERNED: Leave = Object.freeze({
  kind: "allowed",
  policy: undefined,
  rule: undefined,
  obligations: NO_OBLIGATIONS,
  approval: undefined,
  observed: undefined,
  holds: false,
  ended: () => undefined,
});

/**
 * The one judge of what the agent does: policy, then approvals, behaviour and limits, in this order. Synchronous: between
 * a verdict and what it takes from buckets and approvals nothing else happens. What it allows is not on record yet.
 */
export class Governor {
  readonly #rooms: GovernorRooms;

  constructor(rooms: GovernorRooms) {
    this.#rooms = rooms;
  }

  /**
   * `passing`: it passes the router, and another policy has its say too. `grant`: the approval by which that one let it
   * pass, of which a use is taken here.
   */
  judge(action: Action, passing: boolean, grant?: string): Governed {
    const rooms = this.#rooms;
    const policy = rooms.policy();
    if (passing && policy.state === "missing" && rooms.absent()) {
      if (grant === undefined || rooms.grants.use(grant)) return UNGOVERNED;
      return usedUp(undefined);
    }
    const target = actionTarget(action);
    const verdict = decide(policy, action, this.context());
    const judged =
      policy.state === "missing" ? refusedBy(verdict) : this.#after(policy, verdict, action, target, grant);
    rooms.judged(action, judged);
    return judged;
  }

  /** What would be said of an action that is judged where it passes the router: nothing is taken, and nobody is told. */
  preview(action: Action): Governed {
    const rooms = this.#rooms;
    const policy = rooms.policy();
    const verdict = decide(policy, action, this.context());
    if (policy.state === "missing") return refusedBy(verdict);
    return this.#permission(policy, verdict, action, undefined).governed;
  }

  /** False: no policy of this kind is there, and none need be. */
  governs(): boolean {
    return this.#rooms.policy().state === "loaded" || !this.#rooms.absent();
  }

  /** Of a tool that is only declared: refused where no call of it could be allowed, with an approval or without. */
  declared(action: ToolAction): Governed {
    const rooms = this.#rooms;
    const policy = rooms.policy();
    const verdict = decide(policy, action, this.context());
    if (policy.state === "missing" || verdict.effect === "deny") return refusedBy(verdict);
    return { ...UNGOVERNED, policy: policy.identity };
  }

  deniedTools(): "remove" | "refuse" {
    const policy = this.#rooms.policy();
    return policy.state === "loaded" ? policy.deniedTools : "refuse";
  }

  /** Whether more must be known of a call than its tool's name: its arguments, or which approval it would rest on. */
  needsArguments(action: ToolAction): boolean {
    const context = this.context();
    const policy = this.#rooms.policy();
    return mustSeeArguments(policy, action, context) || decide(policy, action, context).effect === "require_approval";
  }

  /** Whether rules alone, as they are now, would still let it go on: asked of what is live when they change. */
  standing(action: Action, granted: string | undefined): Reason | undefined {
    const rooms = this.#rooms;
    const policy = rooms.policy();
    if (policy.state === "missing" && rooms.absent()) return undefined;
    if (rooms.monitor.standing(this.#moment(), action.kind).kind === "quarantined") return "governance_denied";
    if (policy.state === "loaded" && rooms.barred(policy, action) !== undefined) return "governance_denied";
    const verdict = decide(policy, action, this.context());
    if (verdict.effect === "allow") return undefined;
    const isGrantable = verdict.effect === "require_approval" || isOnlyUnlisted(verdict);
    if (!isGrantable || granted === undefined) return verdict.effect === "deny" ? verdict.reason : "approval_required";
    return rooms.grants.stands(granted) ? undefined : "approval_expired";
  }

  /**
   * Whether it may be done where nobody sees it, however often: rules alone allow it, nothing limits it, and behaviour
   * stands against it in no way.
   */
  allowsUnseen(action: Action): boolean {
    const rooms = this.#rooms;
    const policy = rooms.policy();
    if (policy.state === "missing") return rooms.absent();
    if (rooms.monitor.concerns(action.kind, rooms.clock.monotonic())) return false;
    if (rooms.barred(policy, action) !== undefined) return false;
    const verdict = decide(policy, action, this.context());
    return verdict.effect === "allow" && verdict.limits.length === 0;
  }

  /** Of a tool that others run, so that no call of it is seen: refused where `allowsUnseen` is false. */
  unseen(action: ToolAction): Governed {
    if (this.allowsUnseen(action)) return { ...UNGOVERNED, policy: this.#rooms.policy().identity };
    const foreseen = this.preview(action);
    if (foreseen.kind === "refused") return foreseen;
    return refused("governance_denied", foreseen.policy, undefined, UNSEEN, undefined, false);
  }

  /** Why what was allowed a moment ago must not begin: the agent was quarantined meanwhile, for what it did beside it. */
  quarantined({ kind }: Action): Denial | undefined {
    const policy = this.#rooms.policy();
    const standing = this.#rooms.monitor.standing(this.#moment(), kind);
    if (policy.state === "missing" || standing.kind !== "quarantined") return undefined;
    return behaved(policy, "governance_denied", standing.detector, QUARANTINED, undefined);
  }

  #moment(): Moment {
    const { clock } = this.#rooms;
    return { at: clock.now(), steady: clock.monotonic() };
  }

  context(): ActionContext {
    const rooms = this.#rooms;
    return { now: rooms.time(), labels: rooms.labels(), scoreOf: (peer) => rooms.scoreOf(peer) };
  }

  #after(
    policy: CompiledGovernancePolicy,
    verdict: Verdict,
    action: Action,
    target: string,
    given: string | undefined,
  ): Governed {
    const rooms = this.#rooms;
    const { governed, approval } = this.#permission(policy, verdict, action, given);
    if (governed.kind === "refused") return governed;
    const taken = this.#take(verdict.limits, action, target);
    if (taken.kind === "refused") return { ...taken, policy: policy.identity };
    if (approval !== undefined && !rooms.grants.use(approval)) {
      taken.release();
      return usedUp(policy.identity);
    }
    // A throttle's place, which was free a moment ago in this same turn.
    rooms.monitor.admit(this.#moment(), action.kind, approval !== undefined);
    const { holds, release } = taken;
    // Some actions stay open for long: what ends them must not hold the action, whose arguments may be long.
    const about = { kind: action.kind, target };
    let isOver = false;
    return {
      ...governed,
      holds,
      ended: (result, bytes, request, isSaid = false) => {
        if (isOver) return;
        isOver = true;
        release();
        if (result !== "unknown") rooms.ended({ ...about, isSaid }, result, bytes, request);
      },
    };
  }

  /** Rules, approvals and behaviour: everything but what is taken. */
  #permission(
    policy: CompiledGovernancePolicy,
    verdict: Verdict,
    action: Action,
    given: string | undefined,
  ): { readonly governed: Governed; readonly approval?: string | undefined } {
    const rooms = this.#rooms;
    if (verdict.effect === "deny" && !isOnlyUnlisted(verdict)) return { governed: refusedBy(verdict) };
    const barred = rooms.barred(policy, action);
    if (barred !== undefined) {
      return { governed: refused("governance_denied", policy.identity, undefined, barred, undefined, false) };
    }
    const standing = rooms.monitor.standing(this.#moment(), action.kind);
    if (standing.kind === "quarantined") {
      return { governed: behaved(policy, "governance_denied", standing.detector, QUARANTINED, undefined) };
    }
    if (standing.kind === "throttled" && standing.retryAfter > 0) {
      return { governed: behaved(policy, "rate_limited", standing.detector, THROTTLED, standing.retryAfter) };
    }
    const needs = verdict.effect !== "allow" || standing.kind === "approval";
    const found = given === undefined && needs ? rooms.grants.find(action) : undefined;
    const approval = typeof found === "object" ? found.id : given;
    if (needs && approval === undefined) {
      if (verdict.effect === "allow") {
        const detector = standing.kind === "approval" ? standing.detector : undefined;
        const refusal = behaved(policy, "approval_required", detector, WATCHED, undefined);
        return { governed: { ...refusal, askable: true } };
      }
      const refusal = refusedBy(verdict);
      return { governed: found === "expired" ? { ...refusal, reason: "approval_expired" } : refusal };
    }
    const observed = verdict.effect === "allow" ? verdict.observed : undefined;
    return {
      approval,
      governed: {
        kind: "allowed",
        policy: policy.identity,
        rule: verdict.rule,
        obligations: verdict.effect === "deny" ? NO_OBLIGATIONS : verdict.obligations,
        approval,
        observed: observed === undefined ? undefined : `${observed.effect} ${observed.rule ?? ""}`.trimEnd(),
        holds: false,
        ended: () => undefined,
      },
    };
  }

  #take(
    limits: readonly AppliedLimit[],
    action: Action,
    target: string,
  ): { readonly kind: "taken"; readonly holds: boolean; readonly release: () => void } | Denial {
    if (limits.length === 0) return NOTHING_TAKEN;
    const taken = this.#rooms.limiter.take(limits, limitKeys(action, target), this.#rooms.clock.monotonic());
    if (taken.ok) return { kind: "taken", holds: taken.value.holds, release: () => taken.value.release() };
    const { limit, retryAfter } = taken.problem;
    return refused("rate_limited", undefined, limit, `The limit ${limit} is used up.`, retryAfter, false);
  }
}

function usedUp(policy: PolicyIdentity | undefined): Denial {
  return refused("approval_expired", policy, undefined, "The approval is used up.", undefined, true);
}

const QUARANTINED = "What this agent did looked wrong: everything is denied until an operator lifts it.";
const THROTTLED = "What this agent did looked wrong: it goes on slowly for a while.";
const WATCHED = "What this agent did looked wrong: this needs an approval for a while.";

const UNSEEN = "No call of it would be seen, so that a limit, an approval or a throttle of it could not be held.";

const NOTHING_TAKEN = Object.freeze({ kind: "taken", holds: false, release: () => undefined });

/** No rule allows it and none denies it, so that an approval can. */
function isOnlyUnlisted(verdict: Verdict): boolean {
  return verdict.effect === "deny" && verdict.reason === "governance_denied" && verdict.rule === undefined;
}

function refusedBy(verdict: Verdict): Denial {
  if (verdict.effect === "allow") throw new Error("what is allowed is not refused");
  const { policy, rule, message } = verdict;
  const reason = verdict.effect === "deny" ? verdict.reason : "approval_required";
  return refused(reason, policy, rule, message, undefined, verdict.effect !== "deny" || isOnlyUnlisted(verdict));
}

function refused(
  reason: Reason,
  policy: PolicyIdentity | undefined,
  rule: string | undefined,
  message: string | undefined,
  retryAfter: number | undefined,
  askable: boolean,
): Denial {
  return { kind: "refused", reason, policy, rule, message, retryAfter, askable };
}

/** What the behaviour monitor asked for says so in its rule. */
function behaved(
  policy: CompiledGovernancePolicy,
  reason: Reason,
  detector: string | undefined,
  message: string,
  retryAfter: number | undefined,
): Denial {
  return refused(reason, policy.identity, `${BY_BEHAVIOR}${detector ?? ""}`, message, retryAfter, false);
}
