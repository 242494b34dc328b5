import assert from "node:assert/strict";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { type GaugeSources, POLICY_KINDS } from "../../../../router/edge/metrics/families.ts";
import type { Instruments } from "../../../../router/edge/metrics/instruments.ts";

/** A router in which nothing happens. */
export const idle: GaugeSources = {
  tunnels: () => 0,
  guardVerified: () => false,
  checkpointAge: () => 0,
  outputsFailing: () => 0,
  exports: () => [],
  policies: () =>
    POLICY_KINDS.map((kind) => ({
      kind,
      version: 0,
      loadedAt: epochMillis(0),
      expiresAt: kind === "EgressPolicy" ? epochMillis(0) : undefined,
    })),
};

/** Every sample of an exposition, after the text as a whole has been held against the format. */
export async function scrape(instruments: Instruments): Promise<ReadonlyMap<string, number>> {
  const { contentType, body } = await instruments.exposition();
  assert.equal(contentType, "text/plain; version=0.0.4; charset=utf-8");
  assert.ok(body.endsWith("\n"));
  const samples = new Map<string, number>();
  const typed = new Set<string>();
  for (const line of body.split("\n")) {
    const type = /^# TYPE (\S+) (?:counter|gauge|histogram)$/.exec(line);
    if (type?.[1] !== undefined) {
      assert.ok(!typed.has(type[1]), `two families ${type[1]}`);
      typed.add(type[1]);
    }
    if (line === "" || line.startsWith("#")) continue;
    const sample = /^([a-z_:][a-z0-9_:]*(?:\{[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*\})?) (\S+)$/i.exec(line);
    assert.ok(sample?.[1] !== undefined, `not a sample: ${line}`);
    assert.ok(!samples.has(sample[1]), `two samples ${sample[1]}`);
    // prom-client writes "Nan" for a mean of nothing, in its own event loop gauges.
    assert.ok(Number.isFinite(Number(sample[2])) || sample[1].startsWith("nodejs_eventloop"), line);
    const family = (sample[1].split("{")[0] ?? "").replace(/_(?:bucket|sum|count)$/, "");
    assert.ok(typed.has(family) || typed.has(sample[1].split("{")[0] ?? ""), `no TYPE before ${line}`);
    samples.set(sample[1], Number(sample[2]));
  }
  return samples;
}
