import type { AuditValue } from "../audit/audit-event.ts";
import { logOrigin } from "../audit/log-origin.ts";
import { type ExportedRecord, recordId, textOf } from "./exported-record.ts";
import { type Gravity, gravityOf } from "./gravity.ts";
import type { OcsfActivity } from "./ocsf-activity.ts";
import { apiActivity } from "./ocsf-api-activity.ts";
import { inferenceActivity } from "./ocsf-inference-activity.ts";
import { networkActivity } from "./ocsf-network-activity.ts";
import { epochMillisOf } from "./record-time.ts";

const SCHEMA_VERSION = "1.8.0";

const SEVERITY: Readonly<Record<Gravity, readonly [id: number, caption: string]>> = {
  information: [1, "Informational"],
  warning: [2, "Low"],
  error: [4, "High"],
};

const CONTROL: Readonly<Record<ExportedRecord["decision"], { readonly [name: string]: AuditValue }>> = {
  allow: { action_id: 1, action: "Allowed", disposition_id: 1, disposition: "Allowed" },
  deny: { action_id: 2, action: "Denied", disposition_id: 2, disposition: "Blocked" },
  none: { action_id: 3, action: "Observed", disposition_id: 17, disposition: "Logged" },
};

/**
 * A record as an event of OCSF 1.8.0: what the agent sent, or tried to, is Network Activity (4001); inference calls and
 * everything else, kinds unknown here among them, are API Activity (6003). The record itself is `raw_data` and its leaf `raw_data_hash`, so
 * that it can be verified where it ends up; what has no attribute stands in `unmapped`. 1.8.0 has no attribute for a
 * chain, so `prev` is there too.
 */
export function ocsfEvent(
  record: ExportedRecord,
  line: string,
  leaf: string,
  version: string,
): { readonly [name: string]: AuditValue } {
  const activity = activityOf(record, version);
  const [severityId, severity] = SEVERITY[gravityOf(record)];
  const profiles = activity.judged ? [...activity.profiles, "security_control"] : activity.profiles;
  return {
    class_uid: activity.classId,
    class_name: activity.className,
    category_uid: activity.categoryId,
    category_name: activity.categoryName,
    activity_id: activity.activityId,
    activity_name: activity.activityName,
    type_uid: activity.classId * 100 + activity.activityId,
    // The caption of a type has the caption of its activity; a name of our own stands for "Other".
    type_name: `${activity.className}: ${activity.activityId === 99 ? "Other" : activity.activityName}`,
    severity_id: severityId,
    severity,
    time: epochMillisOf(record.time),
    timezone_offset: 0,
    status_id: activity.succeeded ? 1 : 2,
    status: activity.succeeded ? "Success" : "Failure",
    ...(record.reason === null ? {} : { status_code: record.reason }),
    ...(activity.statusDetail === undefined ? {} : { status_detail: activity.statusDetail }),
    message: messageOf(record),
    metadata: metadataOf(record, version, profiles),
    src_endpoint: { name: record.actor.pod, uid: `${record.actor.namespace}/${record.actor.pod}` },
    actor: { app_name: record.actor.agent },
    ...activity.attributes,
    ...(activity.judged ? controlOf(record) : {}),
    raw_data: line,
    raw_data_hash: { algorithm_id: 99, algorithm: "RFC 6962 leaf hash, SHA-256", value: leaf },
    unmapped: {
      action: record.action,
      target: record.target,
      uptime: record.uptime,
      stream: record.stream,
      prev: record.prev,
      leaf,
      detail: record.detail,
    },
  };
}

function activityOf(record: ExportedRecord, version: string): OcsfActivity {
  switch (record.kind) {
    case "egress.decision":
    case "egress.end":
      return networkActivity(record);
    case "inference.decision":
    case "inference.end":
      return inferenceActivity(record, version);
    default:
      return apiActivity(record, version);
  }
}

function messageOf({ action, target, decision, reason, detail }: ExportedRecord): string {
  const what = target === "" ? action : `${action} ${target}`;
  const how = textOf(detail["outcome"]) ?? (decision === "none" ? "recorded" : decision);
  return `${what}: ${how}${reason === null ? "" : ` (${reason})`}`;
}

function metadataOf(record: ExportedRecord, version: string, profiles: readonly string[]): AuditValue {
  return {
    version: SCHEMA_VERSION,
    product: { name: "Sluice", vendor_name: "Sluice", uid: "sluice", version },
    ...(profiles.length === 0 ? {} : { profiles }),
    uid: recordId(record),
    ...(record.request === null ? {} : { correlation_uid: record.request }),
    event_code: record.kind,
    sequence: record.seq,
    original_time: record.time,
    log_name: logOrigin(record.actor, record.stream),
    log_provider: "sluice",
    log_version: String(record.v),
  };
}

/** The profile `security_control`: what was decided, by which policy, for which of its rules. */
function controlOf({ decision, policy, rule }: ExportedRecord): { readonly [name: string]: AuditValue } {
  const applied =
    policy === null
      ? {}
      : { policy: { name: policy.name, uid: policy.digest, version: String(policy.version), is_applied: true } };
  return {
    ...CONTROL[decision],
    ...applied,
    ...(rule === null ? {} : { firewall_rule: { uid: rule, name: rule } }),
    ...(decision === "none" ? {} : { authorizations: [{ decision, ...applied }] }),
  };
}
