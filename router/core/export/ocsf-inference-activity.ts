import type { AuditValue } from "../audit/audit-event.ts";
import { addressVersion } from "./destination.ts";
import { countOf, type ExportedRecord, membersOf, textOf } from "./exported-record.ts";
import type { OcsfActivity } from "./ocsf-activity.ts";
import { epochMillisOf } from "./record-time.ts";

/**
 * An inference call, admitted or refused (`inference.decision`) or over (`inference.end`), as API Activity (6003) with the
 * profile `ai_operation`: the agent calls the provider's API. What it does there is no creating, reading, updating or
 * deleting of anything, so it is "Other", named by its action.
 */
export function inferenceActivity(record: ExportedRecord, version: string): OcsfActivity {
  const { action, decision, kind, detail } = record;
  const status = countOf(detail["status"]);
  const over = detail["outcome"] === "completed" && (status === undefined || status < 400);
  const model = modelOf(record);
  return {
    classId: 6003,
    className: "API Activity",
    categoryId: 6,
    categoryName: "Application Activity",
    activityId: 99,
    activityName: action,
    profiles: ["ai_operation"],
    succeeded: kind === "inference.end" ? over : decision === "allow",
    statusDetail: textOf(detail["detail"]),
    judged: true,
    attributes: {
      api: apiOf(record, version),
      ...(record.target === "-" || record.target === "" ? {} : { resources: [{ name: record.target, type: "model" }] }),
      ...(model === undefined ? {} : { ai_model: model }),
      ...destinationOf(record),
      ...messageContextOf(record),
      ...timesOf(record),
    },
  };
}

/** The API is the provider's once there is one. */
function apiOf({ action, request, reason, detail }: ExportedRecord, version: string): AuditValue {
  const provider = textOf(detail["provider"]);
  const code = countOf(detail["status"]);
  const message = reason === null ? undefined : textOf(detail["detail"]);
  const response: AuditValue = {
    ...(code === undefined ? {} : { code }),
    ...(reason === null ? {} : { error: reason }),
    ...(message === undefined ? {} : { error_message: message }),
  };
  return {
    operation: action,
    service: provider === undefined ? { name: "sluice", version } : { name: provider },
    ...(request === null ? {} : { request: { uid: request } }),
    ...(Object.keys(response).length === 0 ? {} : { response }),
  };
}

/** Both names are required: of a call that got to no provider there is none. */
function modelOf({ detail }: ExportedRecord): AuditValue | undefined {
  const provider = textOf(detail["provider"]);
  const name = textOf(detail["providerModel"]);
  return provider === undefined || name === undefined ? undefined : { name, ai_provider: provider };
}

function destinationOf({ detail }: ExportedRecord): { readonly [name: string]: AuditValue } {
  const ip = textOf(detail["address"]);
  if (ip === undefined || addressVersion(ip) === undefined) return {};
  const provider = textOf(detail["provider"]);
  return { dst_endpoint: { ip, ...(provider === undefined ? {} : { svc_name: provider }) } };
}

/** What was said is in no record; how much of it, is. What the router estimated is no count of a provider's. */
function messageContextOf({ actor, detail }: ExportedRecord): { readonly [name: string]: AuditValue } {
  const usage = membersOf(detail["usage"]);
  const input = countOf(usage?.["input"]);
  const output = countOf(usage?.["output"]);
  if (input === undefined || output === undefined || detail["estimated"] === true) return {};
  return {
    message_context: {
      application: { name: actor.agent },
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
    },
  };
}

function timesOf({ time, detail }: ExportedRecord): { readonly [name: string]: AuditValue } {
  const duration = countOf(detail["millis"]);
  const end = epochMillisOf(time);
  return duration === undefined ? {} : { duration, start_time: end - duration, end_time: end };
}
