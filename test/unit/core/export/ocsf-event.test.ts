import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { AuditEvent } from "../../../../router/core/audit/audit-event.ts";
import { exportBody } from "../../../../router/core/export/export-body.ts";
import { auditSample, sampleEvent, sampleOf } from "../../../fakes/audit-sample.ts";
import { ocsfProblems } from "../../../fakes/ocsf-schema.ts";

type Json = Readonly<Record<string, unknown>>;

function eventsOf(records: ReturnType<typeof sampleOf>): readonly Json[] {
  const { contentType, body, unreadable } = exportBody("ocsf", records, "0.1.0");
  assert.equal(contentType, "application/json");
  assert.equal(unreadable, 0);
  return JSON.parse(body) as Json[];
}

const sample = auditSample();
const events = eventsOf(sample);

function eventOf(name: string): Json {
  const event = events[sample.findIndex((record) => record.name === name)];
  assert.ok(event !== undefined, name);
  return event;
}

for (const [index, { name, line, leaf }] of sample.entries()) {
  test(`a valid event of OCSF 1.8.0: ${name}`, () => {
    const event = events[index] ?? {};
    assert.deepEqual(ocsfProblems(event), []);
    assert.equal(event["raw_data"], line);
    assert.deepEqual(event["raw_data_hash"], {
      algorithm_id: 99,
      algorithm: "RFC 6962 leaf hash, SHA-256",
      value: leaf,
    });
  });
}

const kinds: readonly [name: string, type: string, severity: string, status: string, action: string | undefined][] = [
  ["segment", "API Activity: Create", "Informational", "Success", undefined],
  ["recovery at the start", "API Activity: Other", "High", "Success", undefined],
  ["start", "API Activity: Create", "Informational", "Success", undefined],
  ["guard", "API Activity: Read", "Informational", "Success", undefined],
  ["policy loaded", "API Activity: Update", "Informational", "Success", "Allowed"],
  ["policy refused", "API Activity: Update", "High", "Failure", "Denied"],
  ["policy refused, none in force", "API Activity: Update", "High", "Failure", "Denied"],
  ["tunnel admitted", "Network Activity: Open", "Informational", "Success", "Allowed"],
  ["tunnel completed", "Network Activity: Close", "Informational", "Success", "Allowed"],
  ["tunnel over IPv6 cut by us", "Network Activity: Reset", "Informational", "Failure", "Allowed"],
  ["tunnel reset by a peer", "Network Activity: Reset", "Informational", "Failure", "Allowed"],
  ["tunnel refused after admission", "Network Activity: Refuse", "Low", "Failure", "Denied"],
  ["origin unreachable", "Network Activity: Fail", "Low", "Failure", "Denied"],
  ["host refused", "Network Activity: Refuse", "Low", "Failure", "Denied"],
  ["unreadable request refused", "Network Activity: Refuse", "Low", "Failure", "Denied"],
  ["left before a decision", "Network Activity: Fail", "Informational", "Failure", "Observed"],
  ["request completed", "Network Activity: Close", "Informational", "Success", "Allowed"],
  ["hidden fields", "Network Activity: Close", "Informational", "Success", "Allowed"],
  ["gap", "API Activity: Other", "High", "Failure", undefined],
  ["clock", "API Activity: Other", "Informational", "Success", undefined],
  ["heartbeat", "API Activity: Other", "Informational", "Success", undefined],
  ["a kind of a later version", "API Activity: Other", "Low", "Failure", "Denied"],
  ["call admitted", "API Activity: Other", "Informational", "Success", "Allowed"],
  ["call completed", "API Activity: Other", "Informational", "Success", "Allowed"],
  ["call that the provider refused", "API Activity: Other", "Informational", "Failure", "Allowed"],
  ["call cut by a budget", "API Activity: Other", "Informational", "Failure", "Allowed"],
  ["call that the agent left", "API Activity: Other", "Informational", "Failure", "Allowed"],
  ["call refused by a budget", "API Activity: Other", "Low", "Failure", "Denied"],
  ["call that was not read", "API Activity: Other", "Low", "Failure", "Denied"],
  ["budgets after a crash", "API Activity: Update", "Low", "Success", undefined],
  ["budgets after a clock step", "API Activity: Update", "Low", "Success", undefined],
  ["stop", "API Activity: Delete", "Informational", "Success", undefined],
];

for (const [name, type, severity, status, action] of kinds) {
  test(`what it is: ${name}`, () => {
    const event = eventOf(name);
    assert.deepEqual(
      [event["type_name"], event["severity"], event["status"], event["action"]],
      [type, severity, status, action],
    );
  });
}

test("a tunnel that is over: endpoints, traffic, times, policy, rule", () => {
  const event = eventOf("tunnel completed");
  const policy = { name: "research-agent", uid: `sha256:${"ab".repeat(32)}`, version: "7", is_applied: true };
  assert.deepEqual(event["src_endpoint"], { name: "agent-7f9c8d-abcde", uid: "research/agent-7f9c8d-abcde" });
  assert.deepEqual(event["dst_endpoint"], { hostname: "api.github.com", port: 443, ip: "140.82.121.6" });
  assert.deepEqual(event["traffic"], { bytes_in: 56_789, bytes_out: 1_234, bytes: 58_023 });
  assert.deepEqual(
    [event["start_time"], event["end_time"], event["duration"]],
    [1_795_165_202_500, 1_795_165_204_250, 1_750],
  );
  assert.deepEqual(event["policy"], policy);
  assert.deepEqual(event["authorizations"], [{ decision: "allow", policy }]);
  assert.deepEqual(event["firewall_rule"], { uid: "github", name: "github" });
  assert.equal(event["message"], "connect api.github.com:443: completed");
});

test("how an exchange was made", () => {
  const tcp = { direction_id: 2, direction: "Outbound", protocol_name: "tcp", protocol_num: 6 };
  assert.deepEqual(eventOf("tunnel completed")["connection_info"], { ...tcp, protocol_ver_id: 4 });
  assert.deepEqual(eventOf("tunnel over IPv6 cut by us")["connection_info"], { ...tcp, protocol_ver_id: 6 });
  assert.deepEqual(eventOf("host refused")["connection_info"], tcp);
  assert.equal(eventOf("request completed")["app_protocol_name"], "http");
  assert.equal(Object.hasOwn(eventOf("tunnel completed"), "app_protocol_name"), false);
});

test("what an agent did not send: operation, request, error, resource", () => {
  const service = { name: "sluice", version: "0.1.0" };
  const later = eventOf("a kind of a later version");
  assert.deepEqual(later["api"], {
    operation: "chat",
    service,
    request: { uid: "r-9" },
    response: { error: "budget_exhausted" },
  });
  assert.deepEqual(later["resources"], [{ name: "openai/gpt", type: "inference" }]);
  assert.equal(later["activity_name"], "chat");
  assert.deepEqual(eventOf("stop")["api"], { operation: "stop", service });
  assert.equal(Object.hasOwn(eventOf("stop"), "resources"), false);
});

test("an inference call: provider, model, tokens, times, and nothing that was said", () => {
  const event = eventOf("call completed");
  assert.deepEqual(event["api"], {
    operation: "inference.chat",
    service: { name: "azure-eu" },
    request: { uid: "3f9a1c22-18" },
    response: { code: 200 },
  });
  assert.deepEqual(event["ai_model"], { name: "gpt-4o-mini", ai_provider: "azure-eu" });
  assert.deepEqual(event["message_context"], {
    application: { name: "researcher" },
    prompt_tokens: 120,
    completion_tokens: 41,
    total_tokens: 161,
  });
  assert.deepEqual(event["actor"], { app_name: "researcher" });
  assert.deepEqual(event["resources"], [{ name: "fast", type: "model" }]);
  assert.deepEqual(event["dst_endpoint"], { ip: "20.50.1.2", svc_name: "azure-eu" });
  assert.deepEqual(
    [event["start_time"], event["end_time"], event["duration"]],
    [1_795_165_211_500, 1_795_165_213_250, 1_750],
  );
  assert.deepEqual((event["metadata"] as Json)["profiles"], ["ai_operation", "security_control"]);
  assert.equal(event["message"], "inference.chat fast: completed");
});

test("an inference call that did not go as it should", () => {
  const cut = eventOf("call cut by a budget");
  assert.deepEqual((cut["api"] as Json)["response"], {
    code: 200,
    error: "budget_exhausted",
    error_message: "The stream reached what was held for it.",
  });
  assert.deepEqual(cut["firewall_rule"], { uid: "daily", name: "daily" });
  assert.equal(Object.hasOwn(cut, "message_context"), false, "an estimate is no count of a provider's");
  const refused = eventOf("call refused by a budget");
  assert.deepEqual(refused["api"], {
    operation: "inference.chat",
    service: { name: "sluice", version: "0.1.0" },
    request: { uid: "3f9a1c22-18" },
    response: { error: "budget_exhausted", error_message: "Nothing is left." },
  });
  for (const name of ["ai_model", "dst_endpoint", "message_context", "duration"]) {
    assert.equal(Object.hasOwn(refused, name), false, name);
  }
  assert.equal(Object.hasOwn(eventOf("call that was not read"), "resources"), false);
  assert.deepEqual((eventOf("call that the provider refused")["api"] as Json)["response"], { code: 429 });
  const hidden = eventOf("call with hidden fields");
  assert.equal(Object.hasOwn(hidden, "dst_endpoint") || Object.hasOwn(hidden, "message_context"), false);
});

test("where a record stands in its log", () => {
  const [index, { name, line } = { name: "", line: "" }] = [10, sample[10]];
  const { prev, stream } = JSON.parse(line) as Json;
  const event = eventOf(name);
  assert.deepEqual(event["metadata"], {
    version: "1.8.0",
    product: { name: "Sluice", vendor_name: "Sluice", uid: "sluice", version: "0.1.0" },
    profiles: ["host", "security_control"],
    uid: `${String(stream)}/${index}`,
    correlation_uid: "3f9a1c22-17",
    event_code: "egress.end",
    sequence: index,
    original_time: "2026-11-20T09:00:04.250Z",
    log_name: `sluice.dev/audit/research/agent-7f9c8d-abcde/${String(stream)}`,
    log_provider: "sluice",
    log_version: "1",
  });
  const { prev: kept, leaf } = event["unmapped"] as Json;
  assert.deepEqual([kept, leaf], [prev, sample[index]?.leaf]);
});

test("what is not known is not made up", () => {
  for (const name of ["unreadable request refused", "hidden fields"]) {
    assert.equal(Object.hasOwn(eventOf(name), "dst_endpoint"), false, name);
  }
  assert.equal(Object.hasOwn(eventOf("policy refused, none in force"), "policy"), false);
  assert.deepEqual(eventOf("tunnel admitted, several addresses")["dst_endpoint"], {
    hostname: "api.github.com",
    port: 443,
  });
  assert.equal(Object.hasOwn(eventOf("left before a decision"), "authorizations"), false);
  for (const name of ["host refused", "tunnel admitted"]) {
    assert.equal(Object.hasOwn(eventOf(name), "traffic"), false, name);
    assert.equal(Object.hasOwn(eventOf(name), "duration"), false, name);
  }
});

const details: readonly [name: string, detail: NonNullable<AuditEvent["detail"]>][] = [
  ["counts that are none", { bytesIn: -1, bytesOut: 0.5, millis: 1e300, status: "200" }],
  ["counts beyond what is exact", { bytesIn: 2 ** 53 - 1, bytesOut: 2 ** 53 - 1, millis: 2 ** 53 - 1 }],
  ["the largest counts", { bytesIn: 2 ** 52 - 1, bytesOut: 2 ** 52 - 1, millis: 2 ** 52 - 1 }],
  ["addresses that are none", { address: "999.1.1.1", addresses: [["192.0.2.1"]] }],
  ["a zone in an address", { address: "fe80::1%eth0" }],
  ["an object for a text", { outcome: {}, detail: [], address: { a: 1 } }],
  ["names of the language", JSON.parse('{"__proto__":{"a":1},"constructor":2}') as Record<string, number>],
  ["more than a record holds", { text: "x".repeat(20_000) }],
];

for (const [name, detail] of details) {
  test(`a detail of any form makes a valid event: ${name}`, () => {
    const [record] = sampleOf([[name, sampleEvent("egress.end", "connect", "example.org:443", detail)]]);
    const [event = {}] = eventsOf(record === undefined ? [] : [record]);
    assert.deepEqual(ocsfProblems(event), []);
    assert.equal(Object.hasOwn(event, "traffic"), name === "the largest counts");
    assert.deepEqual(event["dst_endpoint"], { hostname: "example.org", port: 443 });
  });
}

test("text of any form makes a valid event, in a bounded size", () => {
  const units = fc.array(fc.oneof(fc.nat(0x7f), fc.nat(0xff_ff)), { maxLength: 40 });
  const text = units.map((codes) => String.fromCharCode(...codes));
  const kind = fc.constantFrom(
    "egress.decision",
    "egress.end",
    "inference.decision",
    "inference.end",
    "budget",
    "policy.load",
    "gap",
    "constructor",
    "x.y",
  );
  fc.assert(
    fc.property(
      kind,
      text,
      text,
      fc.option(text),
      fc.constantFrom("allow", "deny", "none"),
      (name, action, target, rule, decision) => {
        const event = {
          ...sampleEvent(name, action, target, {
            detail: action,
            address: target,
            provider: action,
            providerModel: target,
          }),
          rule,
          decision,
        };
        const records = sampleOf([["any", event]]);
        for (const one of eventsOf(records)) assert.deepEqual(ocsfProblems(one), []);
      },
    ),
    { numRuns: 200 },
  );
  const worst = '"'.repeat(1_024);
  const records = sampleOf([["worst", sampleEvent("x", worst, worst, { text: '"'.repeat(4_090) })]]);
  const [{ line } = { line: "" }] = records;
  assert.ok(exportBody("ocsf", records, "0.1.0").body.length < 1_024 + 4 * line.length);
});

const good = eventOf("tunnel completed");
const api = eventOf("policy loaded");
const without = (event: Json, name: string): Json =>
  Object.fromEntries(Object.entries(event).filter(([key]) => key !== name));
const inside = (name: string, change: Json): Json => ({ ...good, [name]: { ...(good[name] as Json), ...change } });

const spoilt: readonly [name: string, event: unknown, problem: RegExp][] = [
  ["no object", [], /no object/],
  ["no class", without(good, "class_uid"), /class_uid: unknown class/],
  ["a class that is not ours", { ...good, class_uid: 4002 }, /class_uid: unknown class/],
  ["no time", without(good, "time"), /^time: required/],
  ["no metadata", without(good, "metadata"), /^metadata: required/],
  ["no severity", without(good, "severity_id"), /^severity_id: required/],
  ["no actor in an API activity", without(api, "actor"), /^actor: required/],
  ["no source in an API activity", without(api, "src_endpoint"), /^src_endpoint: required/],
  ["no operation", { ...api, api: {} }, /^api\.operation: required/],
  ["no version of the schema", inside("metadata", { version: "1.7.0" }), /metadata\.version: not the schema's/],
  ["a time as text", { ...good, time: "2026-11-20T09:00:04.250Z" }, /^time: not a timestamp_t/],
  ["half a millisecond", { ...good, duration: 0.5 }, /^duration: not a long_t/],
  ["an attribute that is none", { ...good, verdict: "allow" }, /^verdict: unknown attribute/],
  ["one in an object", inside("dst_endpoint", { host: "x" }), /^dst_endpoint\.host: unknown attribute/],
  ["an attribute of a class beside", { ...api, traffic: {} }, /^traffic: unknown attribute/],
  ["an activity that is none", { ...good, activity_id: 8, type_uid: 400_108 }, /^activity_id: not in the enum/],
  ["a type of another activity", { ...good, type_uid: 400_101 }, /^type_uid: not class_uid/],
  ["another caption", { ...good, action: "Blocked" }, /^action_id: action is not its caption/],
  [
    "99 without a name",
    { ...good, raw_data_hash: { algorithm_id: 99, value: "x" } },
    /raw_data_hash\.algorithm_id: 99 needs algorithm/,
  ],
  ["a port beyond", inside("dst_endpoint", { port: 65_536 }), /^dst_endpoint\.port: not a port_t/],
  ["an address that is none", inside("dst_endpoint", { ip: "example.org" }), /^dst_endpoint\.ip: not a ip_t/],
  ["an endpoint with nothing", { ...good, dst_endpoint: { port: 443 } }, /^dst_endpoint\.: at least one of/],
  ["an actor that is nobody", { ...good, actor: {} }, /^actor\.: at least one of/],
  ["neither endpoint", without(without(good, "dst_endpoint"), "src_endpoint"), /^event: at least one of/],
  ["a list that is none", { ...good, authorizations: { decision: "allow" } }, /^authorizations: not an array/],
  [
    "a profile that is not applied",
    inside("metadata", { profiles: ["host"] }),
    /^action_id: profile security_control is not applied/,
  ],
  [
    "a profile that the class has not",
    inside("metadata", { profiles: ["host", "security_control", "trace"] }),
    /metadata\.profiles: no trace/,
  ],
  [
    "a profile's required attribute",
    inside("metadata", { profiles: ["host", "security_control", "cloud"] }),
    /^cloud: required/,
  ],
  ["an object that is not kept", { ...good, tls: { version: "1.3" } }, /^tls: object tls is not kept/],
];

for (const [name, event, problem] of spoilt) {
  test(`the check fails: ${name}`, () => {
    assert.ok(
      ocsfProblems(event).some((text) => problem.test(text)),
      ocsfProblems(event).join("; "),
    );
  });
}
