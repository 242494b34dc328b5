import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditEvent } from "../../../../router/core/audit/audit-event.ts";
import { exportBody } from "../../../../router/core/export/export-body.ts";
import {
  SAMPLE_ACTOR,
  SAMPLE_STREAM,
  SAMPLE_TRACE,
  auditSample,
  sampleEvent,
  sampleOf,
} from "../../../fakes/audit-sample.ts";
import { cloudEventProblems } from "../../../fakes/cloud-event-schema.ts";

type Json = Readonly<Record<string, unknown>>;

function eventsOf(records: ReturnType<typeof sampleOf>): readonly Json[] {
  const { contentType, body, unreadable } = exportBody("cloudevents", records, "0.1.0");
  assert.equal(contentType, "application/cloudevents-batch+json");
  assert.equal(unreadable, 0);
  return JSON.parse(body) as Json[];
}

test("every kind of record is a CloudEvent by the published schema, with the record as its data", () => {
  const sample = auditSample();
  const events = eventsOf(sample);
  assert.equal(events.length, sample.length);
  for (const [index, { name, kind, line, leaf }] of sample.entries()) {
    const event = events[index] ?? {};
    assert.deepEqual(cloudEventProblems(event), [], name);
    assert.deepEqual(event["data"], JSON.parse(line), name);
    assert.equal(event["id"], `${SAMPLE_STREAM}/${index}`);
    assert.equal(event["type"], `dev.sluice.audit.${kind}.v1`);
    assert.equal(event["sluiceleaf"], leaf);
  }
});

test("the data of an event is the very text of the record", () => {
  const records = sampleOf([["odd keys", sampleEvent("clock", "step", "", { 9: 1, 10: 2, __proto__x: "\u2028" })]]);
  const [{ line } = { line: "" }] = records;
  assert.ok(exportBody("cloudevents", records, "0.1.0").body.endsWith(`,"data":${line}}]`));
  assert.ok(line.includes('{"10":2,"9":1,'));
});

test("the attributes of one event", () => {
  const records = auditSample();
  const index = records.findIndex(({ name }) => name === "request with a trace");
  const { data, ...attributes } = eventsOf(records)[index] ?? {};
  assert.equal(typeof data, "object");
  assert.deepEqual(attributes, {
    specversion: "1.0",
    id: `${SAMPLE_STREAM}/${index}`,
    source: `sluice.dev/audit/research/agent-7f9c8d-abcde/${SAMPLE_STREAM}`,
    type: "dev.sluice.audit.egress.end.v1",
    time: "2026-11-20T09:00:08.250Z",
    subject: "api.github.com:443",
    datacontenttype: "application/json",
    sequence: String(index).padStart(16, "0"),
    sluiceleaf: records[index]?.leaf,
    traceparent: `00-${SAMPLE_TRACE.trace}-${SAMPLE_TRACE.span}-00`,
  });
});

const hostile: readonly [name: string, target: string, subject: string | undefined][] = [
  ["no target", "", undefined],
  ["controls and noncharacters", "a\u0000\n\u0085\ufffe\u{1ffff}b", "a\ufffd\ufffd\ufffd\ufffd\ufffdb"],
  ["quotes and braces", '"},{"specversion":"9', '"},{"specversion":"9'],
  ["a line separator", "a\u2028b", "a\u2028b"],
];

for (const [name, target, subject] of hostile) {
  test(`a hostile target stays data: ${name}`, () => {
    const [event = {}] = eventsOf(sampleOf([[name, sampleEvent("policy.refused", "policy.load", target, {})]]));
    assert.deepEqual(cloudEventProblems(event), []);
    assert.equal(event["subject"], subject);
  });
}

const traces: readonly [name: string, detail: NonNullable<AuditEvent["detail"]>][] = [
  ["a whole field", { trace: `00-${SAMPLE_TRACE.trace}-${SAMPLE_TRACE.span}-01` }],
  ["no span", { trace: SAMPLE_TRACE.trace }],
  ["no trace", { span: SAMPLE_TRACE.span }],
  ["in upper case", { ...SAMPLE_TRACE, trace: SAMPLE_TRACE.trace.toUpperCase() }],
  ["a trace of zeros", { ...SAMPLE_TRACE, trace: "0".repeat(32) }],
  ["a span of zeros", { ...SAMPLE_TRACE, span: "0".repeat(16) }],
  ["hidden", { trace: `hmac-sha256:${"0a".repeat(32)}`, span: SAMPLE_TRACE.span }],
  ["with a line behind it", { ...SAMPLE_TRACE, span: `${SAMPLE_TRACE.span}\n` }],
  ["numbers", { trace: 7, span: 8 }],
  ["lists", { trace: [SAMPLE_TRACE.trace], span: [SAMPLE_TRACE.span] }],
];

for (const [name, detail] of traces) {
  test(`a trace that is none has no attribute: ${name}`, () => {
    const [event = {}] = eventsOf(sampleOf([[name, sampleEvent("clock", "step", "", detail)]]));
    assert.deepEqual(cloudEventProblems(event), []);
    assert.equal(Object.hasOwn(event, "traceparent"), false);
  });
}

test("a source is a URI reference whatever the pod is called", () => {
  const actor = { ...SAMPLE_ACTOR, namespace: "a b/c?d#e%", pod: "é:[\u{1f600}]" };
  const [event = {}] = eventsOf(sampleOf([["names", sampleEvent("stop", "stop", "", {})]], actor));
  assert.deepEqual(cloudEventProblems(event), []);
  assert.equal(event["source"], `sluice.dev/audit/a%20b/c%3Fd%23e%25/%C3%A9%3A%5B%F0%9F%98%80%5D/${SAMPLE_STREAM}`);
});

const good = eventsOf(auditSample())[7] ?? {};
const without = (name: string): Json => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));

const spoilt: readonly [name: string, event: unknown, problem: string][] = [
  ["a text", "x", "the event is no object"],
  ["no id", without("id"), "id: required"],
  ["an empty id", { ...good, id: "" }, "id: minLength"],
  ["a number as id", { ...good, id: 7 }, "id: type"],
  ["a source with a space", { ...good, source: "a b" }, "source: uri-reference"],
  ["a source with half an escape", { ...good, source: "a%2" }, "source: uri-reference"],
  ["an empty subject", { ...good, subject: "" }, "subject: minLength"],
  ["a time without a zone", { ...good, time: "2026-11-20T09:00:08.250" }, "time: date-time"],
  ["a month that is none", { ...good, time: "2026-13-20T09:00:08.250Z" }, "time: date-time"],
  ["another version", { ...good, specversion: "1.1" }, "specversion: not 1.0"],
  ["a dash in a name", { ...good, "sluice-leaf": "x" }, "sluice-leaf: not a name of an attribute"],
  ["a capital in a name", { ...good, sluiceLeaf: "x" }, "sluiceLeaf: not a name of an attribute"],
  ["an object as an attribute", { ...good, policy: {} }, "policy: not of an attribute's type"],
  ["a large number", { ...good, sequence: 2 ** 31 }, "sequence: not of an attribute's type"],
  ["a control character", { ...good, sluicex: "a\u0007" }, "sluicex: not of an attribute's type"],
  ["data in both forms", { ...good, data_base64: "AA==" }, "data: twice"],
];

for (const [name, event, problem] of spoilt) {
  test(`the check fails: ${name}`, () => assert.deepEqual(cloudEventProblems(event), [problem]));
}
