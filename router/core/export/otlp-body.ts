import type { EpochMillis } from "../base/quantity.ts";
import { type DurableRecord, type ExportedRecord, readRecord } from "./exported-record.ts";
import type { ExportBody } from "./export-body.ts";
import { type OtlpRecord, otlpLogRecord } from "./otlp-log-record.ts";
import { type Attribute, textAttribute } from "./otlp-attribute.ts";

/** `ResourceLogs` (opentelemetry-proto, logs/v1), of which there is one for each run of records of one actor. */
interface ResourceLogs {
  readonly resource: { readonly attributes: readonly Attribute[] };
  readonly scopeLogs: readonly [
    { readonly scope: { readonly name: string; readonly version: string }; readonly logRecords: OtlpRecord[] },
  ];
}

/**
 * An `ExportLogsServiceRequest` for OTLP/HTTP in the JSON encoding: 64-bit integers are decimal texts, trace and span
 * ids are hex, enums are numbers. Each body is the record's line, so that a receiver can hash it. `now` is the time of
 * observation, and `version` that of this build.
 */
export function otlpBody(records: readonly DurableRecord[], version: string, now: EpochMillis): ExportBody {
  const resourceLogs: ResourceLogs[] = [];
  let current: { readonly actor: ExportedRecord["actor"]; readonly logs: ResourceLogs } | undefined;
  let unreadable = 0;
  for (const { line, leaf } of records) {
    const record = readRecord(line);
    if (record === undefined) {
      unreadable += 1;
      continue;
    }
    if (current === undefined || !sameActor(current.actor, record.actor)) {
      current = { actor: record.actor, logs: logsOf(record.actor, version) };
      resourceLogs.push(current.logs);
    }
    current.logs.scopeLogs[0].logRecords.push(otlpLogRecord(record, line, leaf, now));
  }
  return { contentType: "application/json", body: JSON.stringify({ resourceLogs }), unreadable };
}

function logsOf({ namespace, pod, agent }: ExportedRecord["actor"], version: string): ResourceLogs {
  const attributes = [
    textAttribute("service.name", "sluice"),
    textAttribute("service.version", version),
    textAttribute("k8s.namespace.name", namespace),
    textAttribute("k8s.pod.name", pod),
    textAttribute("sluice.agent", agent),
  ];
  return { resource: { attributes }, scopeLogs: [{ scope: { name: "sluice.audit", version }, logRecords: [] }] };
}

function sameActor(one: ExportedRecord["actor"], other: ExportedRecord["actor"]): boolean {
  return one.pod === other.pod && one.namespace === other.namespace && one.agent === other.agent;
}
