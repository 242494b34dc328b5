import type { AccessRequest, EgressApproval } from "../../core/approval/approval.ts";
import type { AuditEvent } from "../../core/audit/audit-event.ts";
import { ownEvent } from "../../core/audit/own-event.ts";
import type { Clock } from "../../core/base/clock.ts";
import type { DocumentProblem } from "../../core/base/problem.ts";
import { formatEndpoint } from "../../core/config/endpoint-shape.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import { actionTarget } from "../../core/governance/action-target.ts";
import type { Action } from "../../core/governance/action.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import { createKubeClient } from "../../edge/kubernetes/kube-client.ts";
import type { Log } from "../../edge/log/log.ts";
import type { RequestOutcome } from "../../edge/metrics/governance-families.ts";
import { lookupWith } from "../../edge/upstream/lookup-with.ts";
import type { NameResolver } from "../../edge/upstream/resolver.ts";
import { ApprovalWatch } from "./approval-watch.ts";
import type { GrantBook } from "./grant-book.ts";
import type { RequestBook } from "./request-book.ts";
import { RequestObjects } from "./request-objects.ts";

export interface KubernetesOptions {
  readonly config: RouterConfig;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly resolve: NameResolver["resolve"];
  readonly grants: Pick<GrantBook, "grantFor" | "isDenied">;
  readonly requests: Pick<RequestBook, "isPending">;
  /** See `RequestObjectsRooms`. */
  askable(action: Action): Action | undefined;
  redact(action: Action): readonly string[];
  apply(approvals: readonly EgressApproval[]): void;
  counted(outcome: RequestOutcome): void;
  readonly recordSoon: (event: AuditEvent) => void;
}

/** Approvals that are made, and asked for, in the API server. */
export interface Kubernetes {
  begin(): void;
  asked(request: AccessRequest): void;
  denied(action: Action): void;
  readonly isSynced: boolean;
  /** Of objects that do not count. */
  readonly problems: readonly DocumentProblem[];
  conditions(): readonly Condition[];
  status(): Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}

/** Undefined: nothing is followed. */
export function openKubernetes(options: KubernetesOptions): Kubernetes | undefined {
  const { config, clock, random, log, resolve, grants, requests, recordSoon } = options;
  const { watch: isWanted, server, tokenFile, caFile, requests: mode } = config.kubernetes;
  if (!isWanted || server === undefined) return undefined;
  const isPlain = server.scheme === "http";
  const created = createKubeClient(
    {
      url: formatEndpoint(server),
      ca: isPlain ? undefined : { file: caFile },
      credential: { kind: "token", token: { file: tokenFile } },
    },
    { clock, random, lookup: lookupWith(resolve), connections: 3, userAgent: "sluice-router" },
  );
  // The configuration was checked.
  if (!created.ok) throw new Error(created.problem);
  const client = created.value;
  const { identity } = config;
  const watch = new ApprovalWatch({ client, clock, random, identity, log, apply: (all) => options.apply(all) });
  const objects =
    mode === "off"
      ? undefined
      : new RequestObjects({
          client,
          clock,
          random,
          identity,
          mode,
          watch,
          askable: (action) => options.askable(action),
          redact: (action) => options.redact(action),
          isGranted: (digest) => grants.grantFor(digest) !== undefined,
          isDenied: (digest) => grants.isDenied(digest),
          isPending: (digest) => requests.isPending(digest),
          counted: (outcome) => options.counted(outcome),
          created: (name, { action, digest }) => {
            const detail = { digest, for: action.kind, object: name };
            recordSoon(ownEvent(clock.now(), "approval", "requested", actionTarget(action), detail));
          },
        });
  return {
    begin: () => watch.begin(),
    asked: (request) => objects?.asked(request),
    denied: (action) => objects?.denied(action),
    get isSynced() {
      return watch.isSynced;
    },
    get problems() {
      return watch.problems;
    },
    conditions: () => [watch.condition(), ...(objects?.conditions() ?? [])],
    status: () => ({ watch: watch.status(), requests: objects?.status() ?? { mode: "off" } }),
    async close() {
      objects?.close();
      await watch.close();
      client.close();
    },
  };
}
