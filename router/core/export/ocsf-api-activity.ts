import type { AuditValue } from "../audit/audit-event.ts";
import type { ExportedRecord } from "./exported-record.ts";
import type { OcsfActivity } from "./ocsf-activity.ts";

const OTHER = 99;

/** What a kind does to what it names: create, read, update, delete. The rest is "Other", named by its action. */
const ACTIVITIES: ReadonlyMap<string, readonly [id: number, name: string]> = new Map([
  ["start", [1, "Create"]],
  ["stop", [4, "Delete"]],
  ["segment", [1, "Create"]],
  ["guard", [2, "Read"]],
  ["policy.load", [3, "Update"]],
  ["policy.refused", [3, "Update"]],
  ["budget", [3, "Update"]],
]);

/** What an agent did not send: the router's own life and log, its policy, its budgets, and any kind that is not known here. */
export function apiActivity(record: ExportedRecord, version: string): OcsfActivity {
  const [activityId, activityName] = ACTIVITIES.get(record.kind) ?? [OTHER, record.action];
  return {
    classId: 6003,
    className: "API Activity",
    categoryId: 6,
    categoryName: "Application Activity",
    activityId,
    activityName,
    profiles: [],
    succeeded: record.decision !== "deny" && record.kind !== "gap",
    statusDetail: undefined,
    judged: record.decision !== "none",
    attributes: {
      api: apiOf(record, version),
      ...(record.target === "" ? {} : { resources: [{ name: record.target, type: record.kind }] }),
    },
  };
}

function apiOf({ action, request, reason }: ExportedRecord, version: string): AuditValue {
  return {
    operation: action,
    service: { name: "sluice", version },
    ...(request === null ? {} : { request: { uid: request } }),
    ...(reason === null ? {} : { response: { error: reason } }),
  };
}
