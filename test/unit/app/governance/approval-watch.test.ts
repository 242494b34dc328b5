import assert from "node:assert/strict";
import { syncBuiltinESMExports } from "node:module";
import { test, type TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ApprovalWatch, approvalsPath } from "../../../../router/app/governance/approval-watch.ts";
import { systemClock } from "../../../../router/app/clock.ts";
import type { EgressApproval } from "../../../../router/core/approval/approval.ts";
import { millis } from "../../../../router/core/base/quantity.ts";
import { ok } from "../../../../router/core/base/result.ts";
import type { KubeClient } from "../../../../router/edge/kubernetes/kube-client.ts";
import type { FakeKubeApi } from "../../../fakes/kube-api.ts";
import { apiFor, clientOf, until } from "../../edge/kubernetes/watch-fixture.ts";

const IDENTITY = { namespace: "test", agent: "agent", pod: "pod-0" };
const PATH = approvalsPath(IDENTITY);

interface Followed {
  readonly watch: ApprovalWatch;
  /** Names of what is approved and not revoked. */
  readonly inForce: () => readonly string[];
}

function follow(t: TestContext, client: KubeClient, random = 0.5): Followed {
  let approvals: readonly EgressApproval[] = [];
  const watch = new ApprovalWatch({
    client,
    clock: systemClock,
    random: () => random,
    identity: IDENTITY,
    log: { event: () => undefined } as never,
    apply: (all) => (approvals = all),
  });
  watch.begin();
  t.after(() => watch.close());
  const inForce = (): readonly string[] =>
    approvals.flatMap(({ name, answer, revoked }) => (answer?.approved === true && !revoked ? [name] : []));
  return { watch, inForce };
}

function approve(api: FakeKubeApi, name: string, metadata: object = {}): void {
  const action = { kind: "egress", host: `${name}.example`, port: 443, protocol: "tls" };
  const lastTransitionTime = new Date(1_700_000_000_000).toISOString();
  api.put(`${PATH}/${name}`, {
    apiVersion: "sluice.dev/v1alpha1",
    kind: "EgressApproval",
    metadata: { finalizers: ["example.com/hold"], ...metadata },
    spec: { action, reason: "r", requestedBy: "alice", duration: "1h" },
    status: { conditions: [{ type: "Approved", status: "True", lastTransitionTime }] },
  });
}

const deletions: readonly (readonly [name: string, deletionTimestamp: unknown, stands: boolean])[] = [
  ["a time", "2026-11-21T12:00:00Z", false],
  ["a time to come", "2999-01-01T00:00:00Z", false],
  ["an empty text", "", false],
  ["a number", 0, false],
  ["null", null, true],
];
for (const [name, deletionTimestamp, stands] of deletions) {
  test(`INV-KUBE-DELETED: an approval with a finalizer whose deletionTimestamp is ${name}: ${stands ? "stands" : "revoked"}`, async (t) => {
    const api = await apiFor(t);
    approve(api, "one");
    const { watch, inForce } = follow(t, clientOf(t, { url: api.url }));
    await until(() => api.watches === 1);
    assert.deepEqual(inForce(), ["one"]);
    approve(api, "one", { deletionTimestamp });
    approve(api, "two");
    await until(() => inForce().includes("two"));
    assert.deepEqual(inForce(), stands ? ["one", "two"] : ["two"]);
    assert.notEqual(watch.find("one"), undefined, "its name is not free yet");
    // The same as a list says it.
    const { inForce: listed } = follow(t, clientOf(t, { url: api.url }));
    await until(() => listed().includes("two"));
    assert.deepEqual(listed(), inForce());
    api.remove(`${PATH}/one`);
    await until(() => watch.find("one") === undefined);
  });
}

/** The n-th time that a server is asked that always answers so. */
const waits: readonly (readonly [name: string, status: number, retryAfter: number | undefined])[] = [
  ["429 with a Retry-After of five minutes", 429, 300_000],
  ["503 with a Retry-After of five minutes", 503, 300_000],
  ["403", 403, undefined],
  ["404", 404, undefined],
  ["500", 500, undefined],
];
for (const [name, status, retryAfter] of waits) {
  test(`INV-KUBE-CALM: an API server that answers ${name} is asked again within ten seconds, however often`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.timers.reset();
      syncBuiltinESMExports();
    });
    let asked = 0;
    const client = {
      request: async () => {
        asked += 1;
        return ok({ status, retryAfter: retryAfter === undefined ? undefined : millis(retryAfter), body: "" });
      },
    };
    follow(t, client as unknown as KubeClient, 1);
    for (let time = 1; time <= 12; time += 1) {
      for (let at = 0; at < 4; at += 1) await turn();
      assert.ok(asked >= time, `${asked} times after ${time - 1} waits of ten seconds`);
      t.mock.timers.tick(10_000);
    }
  });
}
