import type { AuditExports } from "./export-sinks.ts";
import type { Audit } from "./open-audit.ts";
import type { AnyPolicyLoop } from "./policy-loops.ts";

/** One policy, as `/status` tells of it. */
export function statusOfPolicy(loop: AnyPolicyLoop): unknown {
  const { snapshot, condition, signers } = loop;
  return snapshot.state === "missing"
    ? { state: "missing", condition }
    : {
        state: condition.state,
        ...snapshot.identity,
        signers,
        ...("mode" in snapshot ? { mode: snapshot.mode } : {}),
        issuedAt: new Date(snapshot.issuedAt).toISOString(),
        expiresAt: new Date(snapshot.expiresAt).toISOString(),
        loadedAt: new Date(loop.loadedAt).toISOString(),
        condition,
      };
}

export function exportProblems(exports: AuditExports): readonly string[] {
  const failing = exports.status().filter(({ state }) => state !== "ok");
  return failing.map(({ name, state, lastProblem }) => `export ${name} is ${state}: ${lastProblem ?? "it is behind"}`);
}

export function statusOfAudit({ log, outputs, exports }: Audit): unknown {
  const { checkpoint, ...health } = log.health();
  const head =
    checkpoint === undefined ? undefined : { size: checkpoint.size, root: checkpoint.root, note: checkpoint.note };
  const at = checkpoint === undefined ? undefined : new Date(checkpoint.at).toISOString();
  return {
    ...health,
    ...log.identity,
    checkpoint: { ...head, at },
    witnesses: outputs.witnesses(),
    exports: exports.status(),
  };
}
