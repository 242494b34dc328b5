import type { AuditHealth } from "../edge/audit/audit-health.ts";
import type { Condition } from "../edge/admin/admin-routes.ts";
import type { AnyPolicyLoop, EgressLoop, GovernanceLoop, InferenceLoop } from "./policy-loops.ts";

/** Loaded and not over: `degraded` where a newer document was refused, or the life of this one is nearly used. */
export function policyCondition(loop: EgressLoop): Condition {
  return commonCondition("policy", loop);
}

/** No document of this kind is in order: then the agent API serves no model. One that is refused is not. */
export function inferenceCondition(loop: InferenceLoop): Condition {
  const { condition, snapshot } = loop;
  if (snapshot.state === "missing" && condition.state === "missing" && condition.problems.length === 0) {
    return { name: "inference", state: "ok", reason: "" };
  }
  return commonCondition("inference", loop);
}

/** Where none need be there and none is, nothing is to be said. */
export function governanceConditions(loop: GovernanceLoop, now: number): readonly Condition[] {
  if (loop.absent) return [];
  const common = commonCondition("governance", loop);
  const { snapshot } = loop;
  const until = snapshot.state === "loaded" ? snapshot.observesUntil : undefined;
  if (common.state !== "ok" || until === undefined || now >= until) return [common];
  const reason = `observe mode until ${new Date(until).toISOString()}: what rules refuse is allowed and recorded`;
  return [{ name: "governance", state: "degraded", reason }];
}

function commonCondition(name: string, loop: AnyPolicyLoop): Condition {
  const { condition, snapshot } = loop;
  const problems = condition.state === "loaded" ? "" : condition.problems.map(({ message }) => message).join(" ");
  if (snapshot.state === "missing") {
    return { name, state: "failed", reason: problems === "" ? "no policy was found yet" : problems };
  }
  if (loop.time() >= snapshot.deniesFrom) {
    return { name, state: "failed", reason: `the policy has expired. ${problems}` };
  }
  if (condition.state !== "loaded") {
    return { name, state: "degraded", reason: `version ${snapshot.identity.version} stands: ${problems}` };
  }
  const used = (loop.time() - snapshot.issuedAt) / (snapshot.expiresAt - snapshot.issuedAt);
  if (used < 0.8) return { name, state: "ok", reason: "" };
  return {
    name,
    state: "degraded",
    reason: `${Math.floor(used * 100)} % of the policy's life is used: sign a new version`,
  };
}

/** `outputs`: what is wrong with the places where its heads are kept. */
export function auditCondition(health: AuditHealth, outputs: readonly string[]): Condition {
  if (!health.writable) {
    const why = health.problem?.message ?? "not writable";
    return { name: "audit", state: health.refusing ? "failed" : "degraded", reason: why };
  }
  const reasons = health.nearlyFull ? ["80 % of audit.maximumBytes are used", ...outputs] : outputs;
  return { name: "audit", state: reasons.length === 0 ? "ok" : "degraded", reason: reasons.join("; ") };
}

export function listenersCondition(bound: boolean, draining: boolean): Condition {
  if (draining) return { name: "listeners", state: "failed", reason: "draining" };
  return bound
    ? { name: "listeners", state: "ok", reason: "" }
    : { name: "listeners", state: "failed", reason: "not bound yet" };
}
