import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTENT_SIGNALS, contentSignal } from "../../../../router/core/telemetry/content-signal.ts";
import {
  ESTABLISHED_METRICS,
  LATEST_METRICS,
  prometheusName,
  SERVER_METRICS,
  USAGE_COUNTERS,
} from "../../../../router/core/telemetry/gen-ai-metrics.ts";

const signals: readonly [signal: string, expected: string][] = [
  ["hate.high", "hate.high"],
  ["protected_material_code.detected", "protected_material_code.detected"],
  ["hate.extreme", "hate.other"],
  ["hate", "other.other"],
  ["hate.", "hate.other"],
  ["gore.high", "other.high"],
  ["gore.extreme", "other.other"],
  [".high", "other.high"],
  ["", "other.other"],
  ["__proto__.constructor", "other.other"],
  ["hate.high.high", "hate.other"],
  ["x".repeat(100_000), "other.other"],
];

for (const [signal, expected] of signals) {
  test(`signal ${signal.slice(0, 40)} is counted as ${expected}`, () => {
    assert.equal(contentSignal(signal), expected);
    assert.ok(CONTENT_SIGNALS.has(expected));
  });
}

test("names for Prometheus, as the OpenTelemetry exporter writes them", () => {
  assert.equal(prometheusName(ESTABLISHED_METRICS.tokens, "histogram"), "gen_ai_client_token_usage");
  assert.equal(prometheusName(ESTABLISHED_METRICS.duration, "histogram"), "gen_ai_client_operation_duration_seconds");
  assert.equal(
    prometheusName(USAGE_COUNTERS.cacheRead, "counter"),
    "gen_ai_client_inference_usage_cache_read_input_tokens_total",
  );
});

test("every name is one metric's, in either set, and bounds rise", () => {
  for (const set of [ESTABLISHED_METRICS, { ...LATEST_METRICS, ...USAGE_COUNTERS }]) {
    const metrics = Object.values({ ...set, server: SERVER_METRICS.duration, first: SERVER_METRICS.firstToken });
    assert.equal(new Set(metrics.map(({ name }) => name)).size, metrics.length);
    for (const metric of metrics) {
      const bounds = "bounds" in metric ? metric.bounds : [];
      assert.deepEqual(
        bounds,
        bounds.toSorted((one, other) => one - other),
        metric.name,
      );
    }
  }
  assert.equal(ESTABLISHED_METRICS.tokens.bounds.at(-1), 67_108_864);
});
