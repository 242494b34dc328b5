import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { electLeader, type Leader } from "../../../../controller/reconcile/leader.ts";
import { systemClock } from "../../../../router/app/clock.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { FakeKubeApi } from "../../../fakes/kube-api.ts";
import { apiFor, clientOf } from "../../edge/kubernetes/watch-fixture.ts";
import { soonest } from "../../../fakes/soonest.ts";

const LEASE = "/apis/coordination.k8s.io/v1/namespaces/sluice-system/leases/sluice-controller";
const TIMES = { lease: millis(600), deadline: millis(400), retry: millis(40) };

interface Candidate {
  readonly leader: Leader;
  readonly told: string[];
}

function candidate(t: TestContext, api: FakeKubeApi, identity: string, skew = 0): Candidate {
  const told: string[] = [];
  const leader = electLeader({
    client: clientOf(t, { url: api.url }),
    clock: { now: () => epochMillis(Date.now() + skew), monotonic: () => systemClock.monotonic() },
    random: () => 0.5,
    namespace: "sluice-system",
    name: "sluice-controller",
    identity,
    times: TIMES,
    gained: () => void told.push("gained"),
    lost: async () => void told.push("lost"),
  });
  t.after(async () => leader.close());
  return { leader, told };
}

async function until(check: () => boolean, within = 10_000): Promise<void> {
  const end = performance.now() + within;
  while (!check()) {
    if (performance.now() > end) throw new Error("it did not come to that");
    await sleep(5);
  }
}

test("one leads, and hands over at its end", async (t) => {
  const took = await soonest(200, async () => {
    const api = await apiFor(t);
    const one = candidate(t, api, "one");
    await until(() => one.leader.isLeader);
    // An hour off: what a Lease says of the time is not believed.
    const other = candidate(t, api, "other", -3_600_000);
    await sleep(800);
    assert.deepEqual([one.leader.isLeader, other.leader.isLeader], [true, false]);
    const began = performance.now();
    await one.leader.close();
    await until(() => other.leader.isLeader);
    const millis = performance.now() - began;
    assert.deepEqual([one.told, other.told], [["gained", "lost"], ["gained"]]);
    assert.equal((api.get(LEASE) as { spec?: { leaseTransitions?: number } } | undefined)?.spec?.leaseTransitions, 1);
    return millis;
  });
  assert.ok(took < 200, `a lease that was given back is not waited for: ${took} ms`);
});

test("a holder that is gone is waited for as long as its lease lasts, whatever its clock said", async (t) => {
  const times = ["1970-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z", "garbage"];
  const waited = times.map(async (renewTime) => {
    const api = await apiFor(t);
    api.put(LEASE, { metadata: {}, spec: { holderIdentity: "gone", leaseDurationSeconds: 1, renewTime } });
    const began = performance.now();
    const { leader } = candidate(t, api, "after");
    await until(() => leader.isLeader);
    assert.ok(performance.now() - began >= 990, renewTime);
  });
  await Promise.all(waited);
});

test("INV-RECONCILE-LEADER: whoever cannot renew stops before another may begin", async (t) => {
  const took = await soonest(TIMES.lease, async () => {
    const api = await apiFor(t);
    const one = candidate(t, api, "one");
    await until(() => one.leader.isLeader);
    // It hangs: only the watchdog can tell.
    api.delay(1_000);
    const began = performance.now();
    await until(() => !one.leader.isLeader);
    const millis = performance.now() - began;
    assert.deepEqual(one.told, ["gained", "lost"]);
    api.delay(0);
    await until(() => one.leader.isLeader);
    return millis;
  });
  assert.ok(took < TIMES.lease, `later than the others would begin: ${took} ms`);
});

test("a Lease that cannot be written is a problem in words", async (t) => {
  const api = await apiFor(t, {
    refuse: (method) => (method === "GET" ? undefined : { code: 403, reason: "Forbidden", message: "no" }),
  });
  const { leader } = candidate(t, api, "one");
  await until(() => leader.problem !== "");
  assert.equal(leader.problem, "Writing the Lease was answered 403.");
  assert.equal(leader.isLeader, false);
});
