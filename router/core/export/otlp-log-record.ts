import type { AuditValue } from "../audit/audit-event.ts";
import type { EpochMillis } from "../base/quantity.ts";
import { addressVersion, parseDestination } from "./destination.ts";
import { countOf, type ExportedRecord, membersOf, textOf } from "./exported-record.ts";
import { type Gravity, gravityOf } from "./gravity.ts";
import { type Attribute, countAttribute, textAttribute } from "./otlp-attribute.ts";
import { epochMillisOf } from "./record-time.ts";
import { traceOf } from "./trace-context.ts";

/** `LogRecord` (opentelemetry-proto 1.5 and later, logs/v1) in the JSON encoding. */
export interface OtlpRecord {
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: { readonly stringValue: string };
  readonly attributes: readonly Attribute[];
  readonly traceId?: string;
  readonly spanId?: string;
}

const SEVERITY: Readonly<Record<Gravity, readonly [number: number, text: string]>> = {
  information: [9, "INFO"],
  warning: [13, "WARN"],
  error: [17, "ERROR"],
};

export function otlpLogRecord(record: ExportedRecord, line: string, leaf: string, now: EpochMillis): OtlpRecord {
  const [severityNumber, severityText] = SEVERITY[gravityOf(record)];
  const trace = traceOf(record);
  return {
    timeUnixNano: unixNano(epochMillisOf(record.time)),
    observedTimeUnixNano: unixNano(now),
    severityNumber,
    severityText,
    eventName: `sluice.audit.${record.kind}`,
    body: { stringValue: line },
    attributes: attributesOf(record, leaf),
    ...trace,
  };
}

/** 2^64 nanoseconds, in milliseconds: in the year 2554. */
const END_OF_NANOS = 18_446_744_073_709;

/** A fixed64; 0, which stands for an unknown time, where it is out of range: one bad clock must not spoil a batch. */
function unixNano(time: number): string {
  const millis = Math.floor(time);
  return millis > 0 && millis < END_OF_NANOS ? `${millis}000000` : "0";
}

/** Names of ours, and those of the semantic conventions where they have one; an absent value has no attribute. */
function attributesOf(record: ExportedRecord, leaf: string): readonly Attribute[] {
  const { policy, detail } = record;
  const attributes: Attribute[] = [];
  const text = (key: string, value: AuditValue | undefined): void => {
    const found = textOf(value);
    if (found !== undefined) attributes.push(textAttribute(key, found));
  };
  const count = (key: string, value: AuditValue | undefined): void => {
    const found = countOf(value);
    if (found !== undefined) attributes.push(countAttribute(key, found));
  };
  text("sluice.kind", record.kind);
  text("sluice.action", record.action);
  text("sluice.target", record.target);
  text("sluice.decision", record.decision);
  text("sluice.reason", record.reason);
  text("sluice.rule", record.rule);
  text("sluice.request", record.request);
  text("sluice.stream", record.stream);
  attributes.push(countAttribute("sluice.seq", record.seq));
  text("sluice.leaf", leaf);
  if (policy !== null) {
    text("sluice.policy.name", policy.name);
    attributes.push(countAttribute("sluice.policy.version", policy.version));
    text("sluice.policy.digest", policy.digest);
  }
  const isCall = record.kind.startsWith("inference.");
  if (!isCall && !record.kind.startsWith("egress.")) return attributes;
  text("sluice.outcome", detail["outcome"]);
  count("sluice.bytes_out", detail["bytesOut"]);
  count("sluice.bytes_in", detail["bytesIn"]);
  count("sluice.duration_ms", detail["millis"]);
  if (isCall) {
    text("sluice.provider", detail["provider"]);
    text("gen_ai.request.model", detail["providerModel"]);
    const usage = membersOf(detail["usage"]);
    // What the router estimated is no count of a provider's: that is in `sluice.tokens` only.
    if (detail["estimated"] !== true) {
      count("gen_ai.usage.input_tokens", usage?.["input"]);
      count("gen_ai.usage.output_tokens", usage?.["output"]);
    }
    count("sluice.tokens", detail["tokens"]);
    count("sluice.cost_nano_usd", detail["costNanoUsd"]);
  } else {
    const destination = parseDestination(record.target);
    text("server.address", destination?.host);
    count("server.port", destination?.port);
  }
  const address = textOf(detail["address"]);
  if (address !== undefined && addressVersion(address) !== undefined) text("network.peer.address", address);
  text("http.request.method", methodOf(record.action));
  count("http.response.status_code", detail["status"]);
  text("error.type", record.reason);
  return attributes;
}

/** Those that the HTTP conventions list; any other is `_OTHER`, and stands in `sluice.action`. */
const METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
  "QUERY",
]);

function methodOf(action: string): string | undefined {
  if (!action.startsWith("http.")) return undefined;
  const method = action.slice("http.".length);
  return METHODS.has(method) ? method : "_OTHER";
}
