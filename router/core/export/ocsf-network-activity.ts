import type { AuditValue } from "../audit/audit-event.ts";
import { addressVersion, type Destination, parseDestination } from "./destination.ts";
import { countOf, type ExportedRecord, textOf } from "./exported-record.ts";
import type { OcsfActivity } from "./ocsf-activity.ts";
import { epochMillisOf } from "./record-time.ts";

/** Reasons by which nothing was forbidden: the way to the origin failed. */
const FAILURES: ReadonlySet<string> = new Set(["dns_failure", "upstream_unreachable", "upstream_invalid"]);

const ACTIVITIES = {
  open: [1, "Open"],
  close: [2, "Close"],
  reset: [3, "Reset"],
  fail: [4, "Fail"],
  refuse: [5, "Refuse"],
} as const;

/** An exchange, admitted or refused (`egress.decision`) or over (`egress.end`), as Network Activity (4001). */
export function networkActivity(record: ExportedRecord): OcsfActivity {
  const { detail } = record;
  const [activityId, activityName] = ACTIVITIES[activityOf(record)];
  return {
    classId: 4001,
    className: "Network Activity",
    categoryId: 4,
    categoryName: "Network Activity",
    activityId,
    activityName,
    profiles: ["host"],
    succeeded: activityName === "Open" || activityName === "Close",
    statusDetail: textOf(detail["detail"]),
    judged: true,
    attributes: {
      ...endpointOf(record),
      ...(record.action.startsWith("http.") ? { app_protocol_name: "http" } : {}),
      ...trafficOf(record),
    },
  };
}

function activityOf({ kind, decision, reason, detail }: ExportedRecord): keyof typeof ACTIVITIES {
  if (reason !== null && FAILURES.has(reason)) return "fail";
  if (decision === "deny") return "refuse";
  if (kind === "egress.end") return detail["outcome"] === "completed" ? "close" : "reset";
  // A decision that is neither: the agent left before there was one.
  return decision === "allow" ? "open" : "fail";
}

function endpointOf({ target, detail }: ExportedRecord): { readonly [name: string]: AuditValue } {
  const destination = parseDestination(target);
  const ip = dialledAddress(detail) ?? (destination?.version === undefined ? undefined : destination.host);
  const version = ip === undefined ? undefined : addressVersion(ip);
  const connection: AuditValue = {
    direction_id: 2,
    direction: "Outbound",
    protocol_name: "tcp",
    protocol_num: 6,
    ...(version === undefined ? {} : { protocol_ver_id: version }),
  };
  const endpoint: Record<string, AuditValue> = destination === undefined ? {} : namedEndpoint(destination);
  if (ip !== undefined) endpoint["ip"] = ip;
  return Object.keys(endpoint).length === 0
    ? { connection_info: connection }
    : { dst_endpoint: endpoint, connection_info: connection };
}

function namedEndpoint({ host, port, version }: Destination): Record<string, AuditValue> {
  return version === undefined ? { hostname: host, port } : { ip: host, port };
}

/** The pinned address, or the only one that may be dialled. */
function dialledAddress({ address, addresses }: ExportedRecord["detail"]): string | undefined {
  const only = Array.isArray(addresses) && addresses.length === 1 ? (addresses[0] as AuditValue) : undefined;
  const text = textOf(address ?? only);
  return text === undefined || addressVersion(text) === undefined ? undefined : text;
}

/** Octets and times of what is over. Both directions are the agent's: out is what it sent. */
function trafficOf({ time, detail }: ExportedRecord): { readonly [name: string]: AuditValue } {
  const bytesIn = countOf(detail["bytesIn"]);
  const bytesOut = countOf(detail["bytesOut"]);
  const duration = countOf(detail["millis"]);
  const traffic: Record<string, AuditValue> = {};
  if (bytesIn !== undefined) traffic["bytes_in"] = bytesIn;
  if (bytesOut !== undefined) traffic["bytes_out"] = bytesOut;
  if (bytesIn !== undefined && bytesOut !== undefined) traffic["bytes"] = bytesIn + bytesOut;
  const end = epochMillisOf(time);
  return {
    ...(Object.keys(traffic).length === 0 ? {} : { traffic }),
    ...(duration === undefined ? {} : { duration, start_time: end - duration, end_time: end }),
  };
}
