import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { otlpBody } from "../../../../router/core/export/otlp-body.ts";
import {
  SAMPLE_ACTOR,
  SAMPLE_STREAM,
  SAMPLE_TRACE,
  auditSample,
  sampleEvent,
  sampleOf,
} from "../../../fakes/audit-sample.ts";

const NOW = epochMillis(1_795_165_300_000);

interface Value {
  readonly stringValue?: string;
  readonly intValue?: string;
}

interface Log {
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: Value;
  readonly attributes: readonly { readonly key: string; readonly value: Value }[];
  readonly traceId?: string;
  readonly spanId?: string;
}

interface Request {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: Log["attributes"] };
    readonly scopeLogs: readonly { readonly scope: unknown; readonly logRecords: readonly Log[] }[];
  }[];
}

function requestOf(records: ReturnType<typeof sampleOf>): Request {
  const { contentType, body, unreadable } = otlpBody(records, "0.1.0", NOW);
  assert.equal(contentType, "application/json");
  assert.equal(unreadable, 0);
  return JSON.parse(body) as Request;
}

function logsOf(records: ReturnType<typeof sampleOf>): readonly Log[] {
  return requestOf(records).resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
}

function named(attributes: Log["attributes"]): Record<string, string | undefined> {
  assert.equal(new Set(attributes.map(({ key }) => key)).size, attributes.length, "keys are unique");
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));
}

const sample = auditSample();
const logs = logsOf(sample);

function logOf(name: string): Log {
  const log = logs[sample.findIndex((record) => record.name === name)];
  assert.ok(log !== undefined, name);
  return log;
}

/** Each path to a member, with [] for the items of a list. */
function paths(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => paths(item, `${path}[]`));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [`${path}.${key}`, ...paths(inner, `${path}.${key}`)]);
}

test("the shape is that of the published example", () => {
  const example: unknown = JSON.parse(
    readFileSync(new URL("../../../vectors/otlp/logs.json", import.meta.url), "utf8"),
  );
  const log = ".resourceLogs[].scopeLogs[].logRecords[]";
  // Fields of the message that the example does not use.
  const known = new Set([...paths(example), `${log}.severityNumber`, `${log}.eventName`]);
  const unknown = paths(requestOf(sample)).filter((path) => !known.has(path));
  assert.deepEqual(unknown, []);
});

test("one resource for all records of a pod, in their order", () => {
  const { resourceLogs } = requestOf(sample);
  assert.equal(resourceLogs.length, 1);
  assert.deepEqual(named(resourceLogs[0]?.resource.attributes ?? []), {
    "service.name": "sluice",
    "service.version": "0.1.0",
    "k8s.namespace.name": "research",
    "k8s.pod.name": "agent-7f9c8d-abcde",
    "sluice.agent": "researcher",
  });
  assert.deepEqual(resourceLogs[0]?.scopeLogs[0]?.scope, { name: "sluice.audit", version: "0.1.0" });
  assert.deepEqual(
    logs.map(({ attributes }) => named(attributes)["sluice.seq"]),
    sample.map((_, index) => `${index}`),
  );
});

test("another resource where another actor's records follow", () => {
  const stop = [["stop", sampleEvent("stop", "stop", "", {})]] as const;
  const actors = [
    SAMPLE_ACTOR,
    { ...SAMPLE_ACTOR, pod: "agent-2" },
    SAMPLE_ACTOR,
    { ...SAMPLE_ACTOR, namespace: "other" },
    SAMPLE_ACTOR,
    { ...SAMPLE_ACTOR, agent: "other" },
    SAMPLE_ACTOR,
  ];
  const { resourceLogs } = requestOf(actors.flatMap((actor) => sampleOf([...stop, ...stop], actor)));
  const found = resourceLogs.map(({ resource }) => {
    const { "k8s.namespace.name": namespace, "k8s.pod.name": pod, "sluice.agent": agent } = named(resource.attributes);
    return { namespace, pod, agent };
  });
  assert.deepEqual(found, actors);
});

test("each body hashes to its leaf, and 64-bit integers are decimal texts", () => {
  for (const [index, { name, kind, leaf }] of sample.entries()) {
    const log = logs[index];
    assert.ok(log !== undefined);
    const octets = Buffer.concat([Buffer.of(0), Buffer.from(log.body.stringValue ?? "")]);
    assert.equal(hash("sha256", octets, "hex"), leaf, name);
    assert.equal(named(log.attributes)["sluice.leaf"], leaf, name);
    assert.equal(log.eventName, `sluice.audit.${kind}`);
    assert.equal(log.observedTimeUnixNano, "1795165300000000000");
    assert.match(log.timeUnixNano, /^17951652[0-9]{11}$/);
    for (const { value } of log.attributes) assert.match(value.intValue ?? "0", /^(?:0|[1-9][0-9]*)$/);
  }
});

const severities: readonly [name: string, number: number, text: string][] = [
  ["start", 9, "INFO"],
  ["tunnel admitted", 9, "INFO"],
  ["tunnel reset by a peer", 9, "INFO"],
  ["host refused", 13, "WARN"],
  ["tunnel refused after admission", 13, "WARN"],
  ["policy refused", 17, "ERROR"],
  ["gap", 17, "ERROR"],
  ["recovery", 17, "ERROR"],
];

for (const [name, number, text] of severities) {
  test(`severity: ${name}`, () => {
    assert.deepEqual([logOf(name).severityNumber, logOf(name).severityText], [number, text]);
  });
}

test("the attributes of a request", () => {
  const { "sluice.leaf": leaf, "sluice.seq": seq, ...attributes } = named(logOf("request completed").attributes);
  assert.match(leaf ?? "", /^[0-9a-f]{64}$/);
  assert.match(seq ?? "", /^[0-9]+$/);
  assert.deepEqual(attributes, {
    "sluice.kind": "egress.end",
    "sluice.action": "http.GET",
    "sluice.target": "api.github.com:443",
    "sluice.decision": "allow",
    "sluice.rule": "github",
    "sluice.request": "3f9a1c22-17",
    "sluice.stream": SAMPLE_STREAM,
    "sluice.policy.name": "research-agent",
    "sluice.policy.version": "7",
    "sluice.policy.digest": `sha256:${"ab".repeat(32)}`,
    "sluice.outcome": "completed",
    "sluice.bytes_out": "90",
    "sluice.bytes_in": "512",
    "sluice.duration_ms": "1750",
    "server.address": "api.github.com",
    "server.port": "443",
    "network.peer.address": "140.82.121.6",
    "http.request.method": "GET",
    "http.response.status_code": "404",
  });
});

test("the attributes of refusals", () => {
  const refused = named(logOf("host refused").attributes);
  assert.deepEqual([refused["sluice.reason"], refused["error.type"]], ["host_not_allowed", "host_not_allowed"]);
  assert.equal(named(logOf("request with a method of its own").attributes)["http.request.method"], "_OTHER");
  const unreadable = named(logOf("unreadable request refused").attributes);
  assert.deepEqual([unreadable["server.address"], unreadable["sluice.target"]], [undefined, "-"]);
  const hidden = named(logOf("hidden fields").attributes);
  assert.deepEqual([hidden["server.address"], hidden["network.peer.address"]], [undefined, undefined]);
  assert.equal(named(logOf("tunnel over IPv6 cut by us").attributes)["server.address"], "2606:50c0:8000::154");
});

test("the attributes of an inference call", () => {
  const attributes = named(logOf("call completed").attributes);
  for (const [name, value] of [
    ["sluice.kind", "inference.end"],
    ["sluice.action", "inference.chat"],
    ["sluice.target", "fast"],
    ["sluice.outcome", "completed"],
    ["sluice.provider", "azure-eu"],
    ["gen_ai.request.model", "gpt-4o-mini"],
    ["gen_ai.usage.input_tokens", "120"],
    ["gen_ai.usage.output_tokens", "41"],
    ["sluice.tokens", "161"],
    ["sluice.cost_nano_usd", "42000"],
    ["sluice.duration_ms", "1750"],
    ["network.peer.address", "20.50.1.2"],
    ["http.response.status_code", "200"],
    ["server.address", undefined],
    ["http.request.method", undefined],
    ["error.type", undefined],
  ] as const) {
    assert.equal(attributes[name], value, name);
  }
  const cut = named(logOf("call cut by a budget").attributes);
  assert.deepEqual(
    [cut["gen_ai.usage.input_tokens"], cut["sluice.tokens"], cut["error.type"]],
    [undefined, "900", "budget_exhausted"],
  );
  const admitted = logOf("call admitted");
  assert.deepEqual({ trace: admitted.traceId, span: admitted.spanId }, SAMPLE_TRACE);
  assert.deepEqual(
    [logOf("budgets after a crash").severityText, logOf("call refused by a budget").severityText],
    ["WARN", "WARN"],
  );
  const hidden = named(logOf("call with hidden fields").attributes);
  assert.deepEqual([hidden["network.peer.address"], hidden["gen_ai.usage.input_tokens"]], [undefined, undefined]);
});

test("the attributes of what no agent sent", () => {
  const {
    "sluice.leaf": leaf,
    "sluice.seq": seq,
    ...attributes
  } = named(logOf("a kind of a later version").attributes);
  assert.ok(leaf !== undefined && seq !== undefined);
  assert.deepEqual(attributes, {
    "sluice.kind": "inference",
    "sluice.action": "chat",
    "sluice.target": "openai/gpt",
    "sluice.decision": "deny",
    "sluice.reason": "budget_exhausted",
    "sluice.rule": "daily",
    "sluice.request": "r-9",
    "sluice.stream": SAMPLE_STREAM,
    "sluice.policy.name": "research-agent",
    "sluice.policy.version": "7",
    "sluice.policy.digest": `sha256:${"ab".repeat(32)}`,
  });
});

test("a trace is the record's", () => {
  const { traceId, spanId } = logOf("request with a trace");
  assert.deepEqual({ trace: traceId, span: spanId }, SAMPLE_TRACE);
  assert.equal(Object.hasOwn(logOf("stop"), "traceId"), false);
});

const clocks: readonly [name: string, time: string, nanos: string][] = [
  ["before 1970", "1969-12-31T23:59:59.999Z", "0"],
  ["1970", "1970-01-01T00:00:00.000Z", "0"],
  ["the first millisecond", "1970-01-01T00:00:00.001Z", "1000000"],
  ["the last that fits", "2554-07-21T23:34:33.708Z", "18446744073708000000"],
  ["beyond 64 bits", "2554-07-21T23:34:33.709Z", "0"],
  ["the last of all", "9999-12-31T23:59:59.999Z", "0"],
];

for (const [name, time, nanos] of clocks) {
  test(`a clock that is wrong spoils no batch: ${name}`, () => {
    const [record] = sampleOf([["clock", sampleEvent("clock", "step", "", {})]]);
    assert.ok(record !== undefined);
    const line = record.line.replace("2026-11-20T09:00:00.250Z", time);
    const [log] = logsOf([{ ...record, line }]);
    assert.equal(log?.timeUnixNano, nanos);
  });
}
