import assert from "node:assert/strict";
import { test } from "node:test";
import { ACTION_KINDS } from "../../../../router/core/governance/action-kind.ts";
import {
  ALERT_KINDS,
  GOVERNANCE_DECISIONS,
  REQUEST_OUTCOMES,
} from "../../../../router/edge/metrics/governance-families.ts";
import { Instruments } from "../../../../router/edge/metrics/instruments.ts";
import { idle, scrape } from "./scrape.ts";

const decisions = ACTION_KINDS.flatMap((action) =>
  GOVERNANCE_DECISIONS.map(
    (decision) => `sluice_governance_decisions_total{action="${action}",decision="${decision}"}`,
  ),
);
const alerts = ALERT_KINDS.map((kind) => `sluice_governance_alerts_total{kind="${kind}"}`);
const requests = REQUEST_OUTCOMES.map((outcome) => `sluice_kubernetes_requests_total{outcome="${outcome}"}`);
const gauges = ["sluice_approvals_active", "sluice_access_requests_pending", "sluice_governance_quarantined"];

test("the governance part of contract.md's list is there from the start, at 0", async () => {
  const samples = await scrape(new Instruments("1.2.3", idle));
  for (const name of [...decisions, ...alerts, ...requests, ...gauges]) assert.equal(samples.get(name), 0, name);
  assert.equal(decisions.length, 35);
  for (const none of ["sluice_peer_trust_score", "sluice_kubernetes_watch_synced"]) {
    assert.ok(![...samples.keys()].some((name) => name.startsWith(none)));
  }
});

test("each decision counts under its action, each alarm under its kind, and nothing else moves", async () => {
  const instruments = new Instruments("1.2.3", idle);
  instruments.judged("exec", "deny");
  instruments.judged("exec", "deny");
  instruments.judged("mesh.send", "rate_limit");
  instruments.judged("tool", "observe");
  instruments.alerted("off_hours");
  instruments.requested("dropped");
  const samples = await scrape(instruments);
  const moved = [...decisions, ...alerts, ...requests].filter((name) => samples.get(name) !== 0);
  assert.deepEqual(
    moved.map((name) => [name.replace(/^sluice_(?:governance_)?/, ""), samples.get(name)]),
    [
      ['decisions_total{action="exec",decision="deny"}', 2],
      ['decisions_total{action="tool",decision="observe"}', 1],
      ['decisions_total{action="mesh.send",decision="rate_limit"}', 1],
      ['alerts_total{kind="off_hours"}', 1],
      ['kubernetes_requests_total{outcome="dropped"}', 1],
    ],
  );
});

test("gauges are read at each scrape", async () => {
  const instruments = new Instruments("1.2.3", idle);
  let held = true;
  instruments.governance({
    approvals: () => 2,
    pending: () => 3,
    quarantined: () => held,
    kubernetesSynced: () => held,
    scores: () => [["billing", 612]],
  });
  const first = await scrape(instruments);
  assert.deepEqual(
    gauges.map((name) => first.get(name)),
    [2, 3, 1],
  );
  assert.equal(first.get('sluice_peer_trust_score{peer="billing"}'), 612);
  assert.equal(first.get('sluice_kubernetes_watch_synced{resource="egressapprovals"}'), 1);
  held = false;
  const second = await scrape(instruments);
  assert.equal(second.get("sluice_governance_quarantined"), 0);
  assert.equal(second.get('sluice_kubernetes_watch_synced{resource="egressapprovals"}'), 0);
});
