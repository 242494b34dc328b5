import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestContext } from "node:test";
import type { ControllerConfig } from "../../../../controller/config/controller-config.ts";
import { openReconciler, type Reconciler } from "../../../../controller/reconcile/open-reconciler.ts";
import { systemClock } from "../../../../router/app/clock.ts";
import { millis } from "../../../../router/core/base/quantity.ts";
import { fail } from "../../../../router/core/base/result.ts";
import { createKubeClient } from "../../../../router/edge/kubernetes/kube-client.ts";
import type { KubeSecret } from "../../../../router/edge/kubernetes/kube-endpoint.ts";
import { controllerConfig } from "../../../cluster/reconcile-world.ts";
import { type FakeKubeApi, type FakeKubeOptions, startFakeKubeApi } from "../../../fakes/kube-api.ts";
import { testSigner, writeTrust } from "../../../fakes/signing.ts";

export interface World {
  readonly api: FakeKubeApi;
  readonly reconciler: Reconciler;
  readonly outcomes: string[];
}

/** A reconciler that leads, before an API server that does as it is told. */
export async function fakeWorld(
  t: TestContext,
  options: FakeKubeOptions = {},
  settings: Partial<ControllerConfig> = {},
  ca?: KubeSecret,
): Promise<World> {
  const api = await startFakeKubeApi(options);
  const trustDirectory = mkdtempSync(join(tmpdir(), "sluice-reconcile-"));
  writeTrust(trustDirectory, testSigner());
  const client = createKubeClient(
    { url: api.url, ca: undefined, credential: { kind: "none" } },
    { clock: systemClock, random: () => 0.5, timeout: millis(1_000), total: millis(2_000), connections: 32 },
  );
  assert.ok(client.ok);
  const outcomes: string[] = [];
  const reconciler = openReconciler({
    config: controllerConfig({ trustDirectory, ...settings }),
    client: client.value,
    clock: systemClock,
    random: () => 0.5,
    log: { event: () => undefined },
    reconciled: (kind, outcome) => void outcomes.push(`${kind} ${outcome}`),
    identity: "one",
    ca,
    ask: async () => fail("nobody answers here"),
    leaderTimes: { lease: millis(600), deadline: millis(400), retry: millis(30) },
    watchTimes: { firstRetry: millis(20), longestRetry: millis(60), slowRetry: millis(60) },
  });
  t.after(async () => {
    await reconciler.close();
    client.value.close();
    await api[Symbol.asyncDispose]();
    rmSync(trustDirectory, { recursive: true });
  });
  return { api, reconciler, outcomes };
}

export function label(api: FakeKubeApi, name: string, labels: object = { "sluice.dev/enforce": "true" }): void {
  api.put(`/api/v1/namespaces/${name}`, { metadata: { name, labels } });
}

export async function until(what: string, check: () => boolean, within = 15_000): Promise<void> {
  const end = performance.now() + within;
  while (!check()) {
    if (performance.now() > end) throw new Error(`it did not come to that: ${what}`);
    await sleep(5);
  }
}
