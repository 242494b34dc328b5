/** That the chart's alerts and dashboard ask for what routers and controller serve: nothing in a cluster would say otherwise. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { knownMetrics } from "./known-metrics.ts";
import { readPromql } from "./promql.ts";

const CHART = join(import.meta.dirname, "../../../charts/sluice");
const read = (path: string): string => readFileSync(join(CHART, path), "utf8");

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}
const ALERTS = (parse(read("files/alerts.yaml")) as { groups: { rules: Alert[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
const DASHBOARD = JSON.parse(read("files/dashboards/sluice.json")) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
};

const known = await knownMetrics();

function problems(expression: string): readonly string[] {
  const { selectors, grouping } = readPromql(expression.replaceAll("$(certificateSeconds)", "1"));
  const missing = selectors.flatMap(({ metric, labels }) => {
    const has = known.get(metric);
    if (has === undefined) return [`nobody serves ${metric}`];
    return labels.filter((label) => !has.has(label)).map((label) => `${metric} has no label ${label}`);
  });
  const labels = new Set(selectors.flatMap(({ metric }) => [...(known.get(metric) ?? [])]));
  return [...missing, ...grouping.filter((label) => !labels.has(label)).map((label) => `none has ${label}`)];
}

/** Labels that the result of an alert has: those of the last grouping, or those of the metric. */
function labelsOf(expression: string): ReadonlySet<string> {
  const { selectors } = readPromql(expression.replaceAll("$(certificateSeconds)", "1"));
  const aggregated = /^\s*(?:sum|count|max|min|histogram_quantile)\b.*?by \(([^)]*)\)/s.exec(expression);
  if (aggregated !== null) return new Set((aggregated[1] ?? "").split(/,\s*/));
  return known.get(selectors[0]?.metric ?? "") ?? new Set();
}

const REFUSED: readonly (readonly [expression: string, problem: RegExp])[] = [
  ["sum(rate(sluice_egress_decision_total[5m]))", /nobody serves sluice_egress_decision_total/],
  ['sluice_guard_verified{reason="x"} == 0', /has no label reason/],
  ["sum by (colour) (sluice_guard_verified)", /none has colour/],
  ["histogram_quantile(0.9, sluice_admission_seconds)", /nobody serves sluice_admission_seconds$/],
  ["sum(sluice_guard_verified", /too few/],
  ["sum(sluice_guard_verified))", /too many/],
  ["summ(sluice_guard_verified)", /no such function/],
  ["rate(sluice_egress_bytes_total[5 minutes])", /unreadable/],
  ['sluice_guard_verified{pod="a" namespace="b"}', /no matcher/],
];

for (const [expression, problem] of REFUSED) {
  test(`this check finds fault with ${expression}`, () => {
    let found = "";
    try {
      found = problems(expression).join("; ");
    } catch (error) {
      found = String(error);
    }
    assert.match(found, problem);
  });
}

for (const { alert, expr, labels, annotations } of ALERTS) {
  test(`alert ${alert}`, () => {
    assert.deepEqual(problems(expr), []);
    assert.match(alert, /^Sluice[A-Z][A-Za-z]+$/);
    assert.ok(["critical", "warning", "info"].includes(labels.severity), labels.severity);
    assert.ok(annotations.summary.endsWith("."), annotations.summary);
    const has = labelsOf(expr);
    for (const [, label = ""] of annotations.summary.matchAll(/\$labels\.(\w+)/g)) assert.ok(has.has(label), label);
    assert.match(read("README.md"), new RegExp(`^#### ${alert}$`, "m"), "its runbook is in the README");
  });
}

test("each alert is there once, and each runbook has its alert", () => {
  const names = ALERTS.map(({ alert }) => alert);
  assert.ok(names.length > 15);
  assert.deepEqual(names, [...new Set(names)]);
  const runbooks = [...read("README.md").matchAll(/^#### (Sluice\w+)$/gm)].map(([, name = ""]) => name);
  assert.deepEqual(runbooks.toSorted(), names.toSorted());
});

test("every panel of the dashboard asks for what is served", () => {
  const shown = DASHBOARD.panels.filter(({ type }) => type !== "row");
  assert.ok(shown.length > 25);
  for (const { title, description, targets = [] } of shown) {
    assert.ok(description !== undefined && description.endsWith("."), `${title} says what it shows`);
    assert.ok(targets.length > 0, title);
    for (const { expr, legendFormat } of targets) {
      assert.deepEqual(problems(expr), [], title);
      const { grouping } = readPromql(expr);
      for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.ok(grouping.includes(label), `${title}: the legend's ${label}`);
      }
    }
  }
  for (const { definition } of DASHBOARD.templating.list) {
    const metric = /^label_values\((\w+)/.exec(definition ?? "")?.[1];
    if (definition !== undefined) assert.ok(known.has(metric ?? ""), definition);
  }
});

test("what an operator looks for first is on the dashboard", () => {
  const asked = DASHBOARD.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join("\n");
  for (const metric of [
    "sluice_egress_decisions_total",
    "sluice_inference_tokens_total",
    "sluice_inference_cost_usd_total",
    "sluice_budget_remaining",
    "sluice_audit_records_total",
    "sluice_audit_checkpoint_age_seconds",
    "sluice_policy_loaded_timestamp_seconds",
    "sluice_approvals_active",
    "sluice_guard_verified",
    "sluice_dns_queries_total",
    "sluice_blocklist_entries",
    "sluice_blocklist_age_seconds",
    "sluice_egress_learning",
    "sluice_inspection_handshakes_total",
    "sluice_admission_seconds_bucket",
    "sluice_admission_requests_total",
    "sluice_webhook_certificate_expires_timestamp_seconds",
  ])
    assert.ok(asked.includes(metric), metric);
});

test("the dashboard's panels have their own ids and do not lie over each other", () => {
  const { panels } = DASHBOARD;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const cells = new Set<string>();
  for (const { title, gridPos } of panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        assert.ok(!cells.has(`${x},${y}`), `${title} lies over another`);
        cells.add(`${x},${y}`);
      }
    }
  }
});
