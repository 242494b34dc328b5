import assert from "node:assert/strict";
import { test } from "node:test";
import { ACTION_KINDS } from "../../../../router/core/governance/action-kind.ts";
import { ALERT_KINDS, GOVERNANCE_DECISIONS } from "../../../../router/edge/metrics/governance-families.ts";
import { Instruments } from "../../../../router/edge/metrics/instruments.ts";
import { idle, scrape } from "./scrape.ts";

const decisions = ACTION_KINDS.flatMap((action) =>
  GOVERNANCE_DECISIONS.map(
    (decision) => `sluice_governance_decisions_total{action="${action}",decision="${decision}"}`,
  ),
);
const alerts = ALERT_KINDS.map((kind) => `sluice_governance_alerts_total{kind="${kind}"}`);
const gauges = ["sluice_approvals_active", "sluice_access_requests_pending", "sluice_governance_quarantined"];

test("the governance part of contract.md's list is there from the start, at 0", async () => {
  const samples = await scrape(new Instruments("1.2.3", idle));
  for (const name of [...decisions, ...alerts, ...gauges]) assert.equal(samples.get(name), 0, name);
  assert.equal(decisions.length, 35);
  assert.ok(![...samples.keys()].some((name) => name.startsWith("sluice_peer_trust_score")));
});

test("each decision counts under its action, each alarm under its kind, and nothing else moves", async () => {
  const instruments = new Instruments("1.2.3", idle);
  instruments.judged("exec", "deny");
  instruments.judged("exec", "deny");
  instruments.judged("mesh.send", "rate_limit");
  instruments.judged("tool", "observe");
  instruments.alerted("off_hours");
  const samples = await scrape(instruments);
  const moved = [...decisions, ...alerts].filter((name) => samples.get(name) !== 0);
  assert.deepEqual(
    moved.map((name) => [name.slice("sluice_governance_".length), samples.get(name)]),
    [
      ['decisions_total{action="exec",decision="deny"}', 2],
      ['decisions_total{action="tool",decision="observe"}', 1],
      ['decisions_total{action="mesh.send",decision="rate_limit"}', 1],
      ['alerts_total{kind="off_hours"}', 1],
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
    scores: () => [["billing", 612]],
  });
  const first = await scrape(instruments);
  assert.deepEqual(
    gauges.map((name) => first.get(name)),
    [2, 3, 1],
  );
  assert.equal(first.get('sluice_peer_trust_score{peer="billing"}'), 612);
  held = false;
  assert.equal((await scrape(instruments)).get("sluice_governance_quarantined"), 0);
});
