import { randomBytes } from "node:crypto";
import type { AccessRequest } from "../../core/approval/approval.ts";
import { manifestText } from "../../core/approval/manifest-text.ts";
import { actionSummary } from "../../core/approval/action-summary.ts";
import type { Action } from "../../core/governance/action.ts";
import type { AuditEvent } from "../../core/audit/audit-event.ts";
import type { Clock } from "../../core/base/clock.ts";
import { epochMillis, millis } from "../../core/base/quantity.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import { actionTarget } from "../../core/governance/action-target.ts";
import type { GovernanceSnapshot } from "../../core/governance/compile-governance-policy.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import type { Log } from "../../edge/log/log.ts";
import { UseJournal } from "../../edge/state/use-journal.ts";
import type { PolicyTime } from "../policy-time.ts";
import { ApprovalFiles } from "./approval-files.ts";
import { newsRecord, requestRecord } from "./approval-record.ts";
import { type Kubernetes, type KubernetesOptions, openKubernetes } from "./open-kubernetes.ts";
import { GrantBook, type GrantStatus } from "./grant-book.ts";
import { RequestBook } from "./request-book.ts";
import { sha256 } from "./sha256.ts";

/** How often clocks are compared: what is over is cut within it, however they are set. */
const LOOK_MILLIS = 250;
/** Where no GovernancePolicy need be there and none is: what one that says nothing of it has. */
const LONGEST_WITHOUT_POLICY = millis(3_600_000);
/** Requests in `/status`, the newest, and characters of a manifest in it. */
const MOST_SHOWN = 32;
const LONGEST_MANIFEST = 8_192;
/** Problems in a condition. */
const MOST_TOLD = 4;

export interface ApprovalsOptions {
  readonly config: RouterConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly time: PolicyTime;
  readonly policy: () => GovernanceSnapshot;
  readonly recordSoon: (event: AuditEvent) => void;
  /** A grant has ended. */
  readonly changed: () => void;
  readonly kubernetes: Pick<KubernetesOptions, "resolve" | "random" | "askable" | "redact" | "counted">;
}

/** What operators allow at run time, and what the agent asks them for. */
export interface Approvals {
  readonly grants: GrantBook;
  readonly requests: RequestBook;
  /** After the first policy was judged. */
  begin(): Promise<void>;
  /** Another policy is in force. */
  swapped(): void;
  /** The agent asked for something new. */
  asked(request: AccessRequest): void;
  /** Something was denied that an operator could allow; costs nothing. */
  denied(action: Action): void;
  /** Undefined: no API server is followed. */
  kubernetesSynced(): boolean | undefined;
  conditions(): readonly Condition[];
  /** `near`: with what is asked for, and in whose words; else only how much. */
  status(near: boolean): Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}

export function openApprovals(options: ApprovalsOptions): Approvals {
  const { config, clock, log, time, recordSoon } = options;
  let damage: string | undefined;
  const journal = new UseJournal(config.state.directory, (error) =>
    log.event("error", "the journal of approvals cannot be written; no use is given that it cannot count", {
      error: String(error),
    }),
  );
  const grants = new GrantBook({
    clock,
    time: () => time.now(),
    longest: () => {
      const policy = options.policy();
      return policy.state === "loaded" ? millis(policy.requests.grant) : LONGEST_WITHOUT_POLICY;
    },
    journal,
    sha256,
    told: (news) => {
      requests.told(news);
      recordSoon(newsRecord(news, clock.now()));
      const { action } = news.approval;
      // Not its arguments: they may hold what no log should.
      log.event("info", `approval ${news.kind}`, { approval: news.id, for: `${action.kind} ${actionTarget(action)}` });
    },
    ended: () => options.changed(),
  });
  const requests = new RequestBook({
    now: () => clock.now(),
    steady: () => clock.monotonic(),
    newId: () => randomBytes(10).toString("hex"),
    ended: (request) => recordSoon(requestRecord(request, clock.now(), request.state, null)),
  });
  const files = new ApprovalFiles({
    directory: config.governance.approvals,
    identity: config.identity,
    log,
    apply: (approvals) => grants.apply("files", approvals),
  });
  const kubernetes: Kubernetes | undefined = openKubernetes({
    ...options.kubernetes,
    config,
    clock,
    log,
    grants,
    requests,
    apply: (approvals) => grants.apply("kubernetes", approvals),
    recordSoon,
  });
  let timer: NodeJS.Timeout | undefined;

  return {
    grants,
    requests,
    async begin() {
      const loaded = journal.load();
      if (loaded.ok) time.atLeast(epochMillis(loaded.value));
      else {
        damage = loaded.problem;
        log.event("error", "no approval that is counted can be used", { problem: loaded.problem });
      }
      await files.watch();
      kubernetes?.begin();
      timer = setInterval(() => {
        grants.look();
        requests.look();
      }, LOOK_MILLIS);
      timer.unref();
    },
    swapped: () => grants.look(),
    asked: (request) => kubernetes?.asked(request),
    denied: (action) => kubernetes?.denied(action),
    kubernetesSynced: () => kubernetes?.isSynced,
    conditions() {
      const followed = kubernetes?.conditions() ?? [];
      const problems = [...files.problems, ...(kubernetes?.problems ?? [])].map(
        ({ file, code, message }) => `${file}: ${code}: ${message}`,
      );
      const all = damage === undefined ? problems : [damage, ...problems];
      if (all.length === 0) return followed;
      const more = all.length > MOST_TOLD ? ` And ${all.length - MOST_TOLD} more.` : "";
      const reason = `${all.slice(0, MOST_TOLD).join(" ")}${more}`;
      return [{ name: "approvals", state: "degraded", reason }, ...followed];
    },
    status(near) {
      const pending = requests.open();
      return {
        requests: {
          pending: pending.length,
          newest: pending.slice(near ? -MOST_SHOWN : pending.length).map((request) => statusOfRequest(request, config)),
        },
        approvals: grants.status().map(statusOfGrant),
        ...(kubernetes === undefined ? {} : { kubernetes: kubernetes.status() }),
      };
    },
    async close() {
      clearInterval(timer);
      await kubernetes?.close();
      await files.close();
      journal.close();
    },
  };
}

/** Without its id: who knows that may withdraw it. */
function statusOfRequest(request: AccessRequest, { identity }: RouterConfig): unknown {
  const { digest, summary, reason, at, expiresAt, count } = request;
  // Whoever reaches the admin listener reads it: what the policy hides is in it as a digest.
  const manifest = manifestText(request, identity, sha256, LONGEST_MANIFEST);
  return {
    digest,
    summary,
    reason,
    requestedAt: new Date(at).toISOString(),
    expiresAt: new Date(expiresAt).toISOString(),
    count,
    manifest: manifest ?? null,
  };
}

function statusOfGrant({ id, digest, approval, expiresAt, left }: GrantStatus): unknown {
  return {
    id,
    digest,
    summary: actionSummary(approval.action),
    expiresAt: new Date(expiresAt).toISOString(),
    uses: approval.uses ?? null,
    left: left ?? null,
  };
}
