import { ownEvent } from "../core/audit/own-event.ts";
import type { Clock } from "../core/base/clock.ts";
import { type DocumentProblem, formatProblem } from "../core/base/problem.ts";
import type { RouterConfig } from "../core/config/router-config.ts";
import type { AuditLog } from "../edge/audit/audit-log.ts";
import type { Log } from "../edge/log/log.ts";
import type { Instruments } from "../edge/metrics/instruments.ts";
import type { Loaded, PolicyKindName } from "./policy-kinds.ts";
import type { AnyPolicyLoop } from "./policy-loops.ts";

export interface PolicyReportRooms {
  readonly config: RouterConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: AuditLog;
  readonly instruments: Instruments;
}

/** What metrics, audit log and log are told of each document that was read. */
export interface PolicyReports {
  accepted(
    kind: PolicyKindName,
    snapshot: Loaded,
    signers: readonly string[],
    facts: Readonly<Record<string, string | number>>,
  ): void;
  refused(kind: PolicyKindName, loop: AnyPolicyLoop, problems: readonly DocumentProblem[]): void;
}

/** Problems of one document that are told one by one. */
const MOST_PROBLEMS = 20;
/** Modes in which more passes than rules allow. */
const LOUD: ReadonlySet<unknown> = new Set(["learn", "observe"]);

export function policyReports({ config, clock, log, audit, instruments }: PolicyReportRooms): PolicyReports {
  return {
    accepted(kind, { identity }, signers, facts) {
      instruments.reloaded(kind, "accepted");
      audit.appendSoon({
        ...ownEvent(clock.now(), "policy.load", "policy.load", identity.name, { kind, signers, ...facts }),
        decision: "allow",
        policy: identity,
      });
      log.event(LOUD.has(facts["mode"]) ? "warn" : "info", "policy loaded", {
        kind,
        name: identity.name,
        version: identity.version,
        digest: identity.digest,
        signers: signers.join(","),
        ...facts,
      });
    },
    refused(kind, { snapshot }, problems) {
      instruments.reloaded(kind, "refused");
      for (const problem of problems.slice(0, MOST_PROBLEMS))
        log.event("error", "policy refused", { kind, problem: formatProblem(problem) });
      audit.appendSoon({
        ...ownEvent(clock.now(), "policy.refused", "policy.load", problems[0]?.file ?? config.policy.directory, {
          kind,
          problems: problems.slice(0, MOST_PROBLEMS).map(({ code, message }) => `${code}: ${message}`),
        }),
        decision: "deny",
        policy: snapshot.state === "loaded" ? snapshot.identity : null,
      });
    },
  };
}
