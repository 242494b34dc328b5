import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { type Reason, REASONS } from "../../../../router/core/base/reason.ts";
import type { Outcome } from "../../../../router/core/outcome/outcome.ts";
import { Instruments } from "../../../../router/edge/metrics/instruments.ts";
import { idle, scrape } from "./scrape.ts";

function outcome(
  how: { kind: "completed" } | { kind: "refused"; reason: Reason } | { kind: "aborted"; reason: Reason | undefined },
  connect?: number,
): Outcome {
  const start = {
    request: "r",
    action: "connect",
    host: undefined,
    port: undefined,
    at: epochMillis(0),
    trace: undefined,
  };
  const facts = {
    address: undefined,
    bytesOut: 0,
    bytesIn: 0,
    status: undefined,
    resolve: undefined,
    connect: connect === undefined ? undefined : millis(connect),
    total: millis(1),
  };
  const common = { start, policy: undefined, rule: undefined, facts };
  return how.kind === "completed" ? { ...common, kind: "completed" } : { ...common, ...how, detail: undefined };
}

test("the egress and policy part of contract.md's list is there from the start, at 0", async () => {
  const samples = await scrape(new Instruments("1.2.3", idle));
  const rows: readonly (readonly [string, number])[] = [
    ...Object.keys(REASONS).map(
      (reason) => [`sluice_egress_decisions_total{decision="deny",reason="${reason}"}`, 0] as const,
    ),
    ['sluice_egress_decisions_total{decision="allow",reason="none"}', 0],
    ['sluice_egress_decisions_total{decision="none",reason="none"}', 0],
    ['sluice_egress_bytes_total{direction="in"}', 0],
    ['sluice_egress_bytes_total{direction="out"}', 0],
    ["sluice_egress_tunnels", 0],
    ["sluice_egress_connect_seconds_count", 0],
    ["sluice_egress_connect_seconds_sum", 0],
    ['sluice_egress_connect_seconds_bucket{le="+Inf"}', 0],
    ["sluice_egress_decision_seconds_count", 0],
    ['sluice_policy_version{kind="EgressPolicy"}', 0],
    ['sluice_policy_version{kind="SignerPolicy"}', 0],
    ['sluice_policy_loaded_timestamp_seconds{kind="EgressPolicy"}', 0],
    ['sluice_policy_expires_timestamp_seconds{kind="EgressPolicy"}', 0],
    ['sluice_policy_reloads_total{kind="EgressPolicy",outcome="accepted"}', 0],
    ['sluice_policy_reloads_total{kind="EgressPolicy",outcome="refused"}', 0],
    ['sluice_policy_reloads_total{kind="SignerPolicy",outcome="refused"}', 0],
    ['sluice_audit_records_total{outcome="written"}', 0],
    ['sluice_audit_records_total{outcome="refused"}', 0],
    ['sluice_audit_records_total{outcome="dropped"}', 0],
    ['sluice_audit_records_total{outcome="unrecorded"}', 0],
    ["sluice_audit_sync_seconds_count", 0],
    ["sluice_audit_checkpoint_age_seconds", 0],
    ["sluice_audit_outputs_failing", 0],
    ["sluice_guard_verified", 0],
    [`sluice_build_info{version="1.2.3",node="${process.version}"}`, 1],
  ];
  for (const [name, value] of rows) assert.equal(samples.get(name), value, name);
  assert.ok(samples.has("process_resident_memory_bytes"), "the process defaults keep their usual names");
  assert.ok(
    !samples.has('sluice_policy_expires_timestamp_seconds{kind="SignerPolicy"}'),
    "what cannot expire has no series",
  );
});

test("each outcome is counted once, by what was decided and why", async () => {
  const instruments = new Instruments("1", idle);
  const rows: readonly (readonly [Outcome, boolean, string])[] = [
    [outcome({ kind: "completed" }), true, 'decision="allow",reason="none"'],
    [outcome({ kind: "aborted", reason: undefined }), true, 'decision="allow",reason="none"'],
    [outcome({ kind: "aborted", reason: "byte_limit" }), true, 'decision="allow",reason="byte_limit"'],
    [outcome({ kind: "refused", reason: "host_not_allowed" }), false, 'decision="deny",reason="host_not_allowed"'],
    [outcome({ kind: "refused", reason: "sni_mismatch" }), true, 'decision="deny",reason="sni_mismatch"'],
    [outcome({ kind: "aborted", reason: undefined }), false, 'decision="none",reason="none"'],
  ];
  const expected = new Map<string, number>();
  for (const [settled, admitted, labels] of rows) {
    instruments.settled(settled, admitted);
    expected.set(labels, (expected.get(labels) ?? 0) + 1);
  }
  const samples = await scrape(instruments);
  for (const [labels, value] of expected)
    assert.equal(samples.get(`sluice_egress_decisions_total{${labels}}`), value, labels);
  let total = 0;
  for (const [name, value] of samples) if (name.startsWith("sluice_egress_decisions_total")) total += value;
  assert.equal(total, rows.length);
});

test("durations fall into the bucket whose bound they do not exceed, in seconds", async () => {
  const instruments = new Instruments("1", idle);
  for (const connect of [1, 1.001, 10_000, 60_000, 0, -5, Number.NaN]) {
    instruments.settled(outcome({ kind: "completed" }, connect), true);
  }
  instruments.decisionTook(millis(0.0009));
  instruments.auditSyncTook(millis(2));
  const samples = await scrape(instruments);
  const rows: readonly (readonly [string, number])[] = [
    ['sluice_egress_connect_seconds_bucket{le="0.001"}', 4],
    ['sluice_egress_connect_seconds_bucket{le="0.0025"}', 5],
    ['sluice_egress_connect_seconds_bucket{le="5"}', 5],
    ['sluice_egress_connect_seconds_bucket{le="10"}', 6],
    ['sluice_egress_connect_seconds_bucket{le="+Inf"}', 7],
    ["sluice_egress_connect_seconds_count", 7],
    ['sluice_egress_decision_seconds_bucket{le="0.000001"}', 1],
    ['sluice_audit_sync_seconds_bucket{le="0.001"}', 0],
    ['sluice_audit_sync_seconds_bucket{le="0.0025"}', 1],
  ];
  for (const [name, value] of rows) assert.equal(samples.get(name), value, name);
  assert.ok(Math.abs((samples.get("sluice_egress_connect_seconds_sum") ?? 0) - 70.002_001) < 1e-9);
});

test("gauges say what is so at the scrape; counters count", async () => {
  let tunnels = 3;
  const instruments = new Instruments("1", {
    tunnels: () => tunnels,
    guardVerified: () => true,
    checkpointAge: () => 12.5,
    outputsFailing: () => 2,
    exports: () => [{ name: "siem", delivered: 7, rejected: 1, lagSeconds: 1.5 }],
    policies: () => [
      { kind: "EgressPolicy", version: 7, loadedAt: epochMillis(1_500), expiresAt: epochMillis(2_000_000) },
    ],
  });
  instruments.relayed("out", 10);
  instruments.relayed("out", 5);
  instruments.relayed("in", 1);
  instruments.reloaded("EgressPolicy", "accepted");
  instruments.reloaded("EgressPolicy", "refused");
  instruments.reloaded("EgressPolicy", "refused");
  instruments.recorded("written", 64);
  await scrape(instruments);
  tunnels = 1;
  const samples = await scrape(instruments);
  const rows: readonly (readonly [string, number])[] = [
    ["sluice_egress_tunnels", 1],
    ["sluice_audit_checkpoint_age_seconds", 12.5],
    ["sluice_audit_outputs_failing", 2],
    ['sluice_audit_exported_records_total{export="siem",outcome="delivered"}', 7],
    ['sluice_audit_exported_records_total{export="siem",outcome="rejected"}', 1],
    ['sluice_audit_export_lag_seconds{export="siem"}', 1.5],
    ["sluice_guard_verified", 1],
    ['sluice_egress_bytes_total{direction="out"}', 15],
    ['sluice_egress_bytes_total{direction="in"}', 1],
    ['sluice_policy_version{kind="EgressPolicy"}', 7],
    ['sluice_policy_loaded_timestamp_seconds{kind="EgressPolicy"}', 1.5],
    ['sluice_policy_expires_timestamp_seconds{kind="EgressPolicy"}', 2000],
    ['sluice_policy_reloads_total{kind="EgressPolicy",outcome="accepted"}', 1],
    ['sluice_policy_reloads_total{kind="EgressPolicy",outcome="refused"}', 2],
    ['sluice_audit_records_total{outcome="written"}', 64],
  ];
  for (const [name, value] of rows) assert.equal(samples.get(name), value, name);
});

test("INV-MET-1: nothing that a request brings along makes a series", async () => {
  const instruments = new Instruments("1", idle);
  const names = async (): Promise<readonly string[]> =>
    [...(await scrape(instruments)).keys()].filter((name) => name.startsWith("sluice_"));
  const before = await names();
  // What a compiler would not let through, should it ever come.
  const forged = 'x"} 1\nevil' as Reason;
  instruments.settled(outcome({ kind: "refused", reason: forged }), false);
  instruments.settled(outcome({ kind: "aborted", reason: forged }), true);
  for (const reason of Object.keys(REASONS) as Reason[])
    instruments.settled(outcome({ kind: "refused", reason }), false);
  assert.deepEqual(await names(), before);
});

test("two scrapes at once, and two instruments in one process, do not disturb each other", async () => {
  const first = new Instruments("1", idle);
  const second = new Instruments("1", idle);
  await Promise.all([first.prepare(), first.prepare(), second.prepare()]);
  first.relayed("out", 1);
  const [a, b, c] = await Promise.all([scrape(first), scrape(first), scrape(second)]);
  assert.equal(a.get('sluice_egress_bytes_total{direction="out"}'), 1);
  assert.equal(b.get('sluice_egress_bytes_total{direction="out"}'), 1);
  assert.equal(c.get('sluice_egress_bytes_total{direction="out"}'), 0);
});
