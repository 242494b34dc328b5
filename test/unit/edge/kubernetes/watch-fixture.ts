import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import { systemClock } from "../../../../router/app/clock.ts";
import { createKubeClient, type KubeClient } from "../../../../router/edge/kubernetes/kube-client.ts";
import type { KubeEndpoint } from "../../../../router/edge/kubernetes/kube-endpoint.ts";
import { type KubeWatch, type WatchOptions, watchResource } from "../../../../router/edge/kubernetes/watch-resource.ts";
import { type FakeKubeApi, type FakeKubeOptions, startFakeKubeApi } from "../../../fakes/kube-api.ts";

export const PATH = "/apis/sluice.dev/v1alpha1/namespaces/test/egressapprovals";

export function clientOf(
  t: TestContext,
  endpoint: Partial<KubeEndpoint> & { url: string },
  timeout = 1_000,
): KubeClient {
  const client = createKubeClient(
    { ca: undefined, credential: { kind: "none" }, ...endpoint },
    { clock: systemClock, random: () => 0.5, timeout: millis(timeout), total: millis(4_000) },
  );
  assert.ok(client.ok);
  t.after(() => client.value.close());
  return client.value;
}

export async function apiFor(t: TestContext, options: FakeKubeOptions = {}): Promise<FakeKubeApi> {
  const api = await startFakeKubeApi(options);
  t.after(() => api[Symbol.asyncDispose]());
  return api;
}

export interface Seen {
  readonly api: FakeKubeApi;
  readonly watch: KubeWatch;
  /** What is there by what was handed on: names and their `spec.n`. */
  readonly set: Map<string, unknown>;
  /** `synced`, `ADDED a` ... in their order. */
  readonly calls: string[];
  /** `state reason` of each change. */
  readonly conditions: string[];
}

interface Kept {
  readonly name: string;
  readonly n: unknown;
}

/** A watch of one collection of the fake. */
export function follow(t: TestContext, api: FakeKubeApi, changes: Partial<WatchOptions<Kept>> = {}): Seen {
  const set = new Map<string, unknown>();
  const calls: string[] = [];
  const conditions: string[] = [];
  const watch = watchResource<Kept>({
    client: clientOf(t, { url: api.url }),
    clock: systemClock,
    random: () => 0.5,
    path: PATH,
    project: ({ metadata, spec }) => ({ name: metadata.name, n: (spec as { n?: unknown } | undefined)?.n }),
    synced(objects) {
      set.clear();
      for (const { name, n } of objects) set.set(name, n);
      calls.push("synced");
    },
    changed(type, { name, n }) {
      if (type === "DELETED") set.delete(name);
      else set.set(name, n);
      calls.push(`${type} ${name}`);
    },
    conditionChanged: ({ state, reason }) => conditions.push(`${state} ${reason}`.trim()),
    ...changes,
    times: {
      firstRetry: millis(10),
      longestRetry: millis(80),
      slowRetry: millis(60),
      idle: millis(5_000),
      ...changes.times,
    },
  });
  t.after(() => watch.close());
  return { api, watch, set, calls, conditions };
}

export async function until(isSo: () => boolean, what = "it did not become so"): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

export const put = (api: FakeKubeApi, name: string, n: number): void =>
  void api.put(`${PATH}/${name}`, { kind: "EgressApproval", spec: { n } });
