import type { AuditHealth } from "../edge/audit/audit-health.ts";
import type { Condition } from "../edge/admin/admin-routes.ts";
import type { PolicyLoop } from "./policy-loop.ts";

/** Loaded and not over: `degraded` where a newer document was refused, or the life of this one is nearly used. */
export function policyCondition(loop: PolicyLoop): Condition {
  const { condition, snapshot } = loop;
  const problems = condition.state === "loaded" ? "" : condition.problems.map(({ message }) => message).join(" ");
  if (snapshot.state === "missing") {
    return { name: "policy", state: "failed", reason: problems === "" ? "no policy was found yet" : problems };
  }
  if (loop.time() >= snapshot.deniesFrom)
    return { name: "policy", state: "failed", reason: `the policy has expired. ${problems}` };
  if (condition.state !== "loaded") {
    return { name: "policy", state: "degraded", reason: `version ${snapshot.identity.version} stands: ${problems}` };
  }
  const used = (loop.time() - snapshot.issuedAt) / (snapshot.expiresAt - snapshot.issuedAt);
  if (used >= 0.8) {
    return {
      name: "policy",
      state: "degraded",
      reason: `${Math.floor(used * 100)} % of the policy's life is used: sign a new version`,
    };
  }
  if (snapshot.mode === "learn") {
    return {
      name: "policy",
      state: "degraded",
      reason: "learn mode: everything that is not denied is allowed and recorded",
    };
  }
  return { name: "policy", state: "ok", reason: "" };
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
