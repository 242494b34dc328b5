import assert from "node:assert/strict";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy, PROVIDER_KEY } from "../fakes/model-policy.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { soonest } from "../fakes/soonest.ts";
import { startValkey, VALKEY } from "../fakes/valkey.ts";
import { requirement } from "../require.ts";
import { sameDay } from "../fakes/same-day.ts";

before(() => sameDay());

const needs = requirement("valkey", VALKEY !== undefined, "no valkey-server or redis-server (apt: redis-server)");
const settings = ["limits: { drain: 200ms }"];
const secrets = { "provider-key": PROVIDER_KEY };

async function chat(
  { agentPort }: Sidecar,
  maxTokens = 10,
): Promise<{ status: number; text: string; retry: string | null }> {
  const response = await fetch(`http://127.0.0.1:${agentPort}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "test-model", max_tokens: maxTokens, messages: [{ role: "user", content: "hi" }] }),
  });
  return { status: response.status, text: await response.text(), retry: response.headers.get("retry-after") };
}

/** Some at a time, as that many agents would. */
async function calls(count: number, abreast: number, one: (index: number) => Promise<number>): Promise<number[]> {
  const statuses: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: abreast }, async () => {
      while (next < count) {
        const index = next;
        next += 1;
        statuses.push(await one(index));
      }
    }),
  );
  return statuses;
}

test(
  "INV-SHARED-BOUND: 1,000 calls over two routers against a budget for 100: 100 reach the provider",
  needs,
  async () => {
    await using valkey = await startValkey();
    await using origin = await startModelOrigin();
    const models = modelPolicy(origin, {
      budgets: [
        "{ id: hundred, requests: 100, window: day, scope: agent }",
        "{ id: tokens, tokens: 9000000, window: 6h, scope: namespace }",
      ],
    });
    const inference = [`sharedLedger: { endpoint: "http://127.0.0.1:${valkey.port}" }`];
    const options = { allow: [], settings, secrets, models, inference };
    await using one = await startSidecar(options);
    await using two = await startSidecar(options);
    const statuses = await calls(1_000, 64, async (index) => {
      // 503: the ledger did not answer in time, on a busy machine. An agent asks again.
      for (let tries = 1; ; tries += 1) {
        const { status } = await chat(index % 2 === 0 ? one : two);
        if (status !== 503 || tries === 20) return status;
      }
    });
    const count = (status: number): number => statuses.filter((seen) => seen === status).length;
    assert.deepEqual([count(200), count(429)], [100, 900]);
    assert.equal(origin.requests.length, 100);
    for (const sidecar of [one, two]) {
      const response = await fetch(`http://127.0.0.1:${sidecar.agentPort}/budget`);
      const { budgets } = (await response.json()) as { budgets: { id: string; used: number; remaining: number }[] };
      const requests = budgets.find(({ id }) => id === "hundred");
      assert.deepEqual([requests?.used, requests?.remaining], [100, 0], "each shows what both used");
    }
    const used = () => valkey.cli("HGET", "sluice:{test}:1:namespace:tokens:tokens:rolling~003a21600000", "r");
    for (let tries = 0; tries < 200 && used() !== "0"; tries += 1) await sleep(10);
    assert.equal(used(), "0", "everything that was held is settled");
  },
);

test("without its ledger a router refuses, in the caller's own form, and goes on when it is back", needs, async () => {
  await using valkey = await startValkey({ durable: true });
  await using origin = await startModelOrigin();
  const models = modelPolicy(origin, { budgets: ["{ id: daily, tokens: 100000, window: day, scope: agent }"] });
  const inference = [`sharedLedger: { endpoint: "http://127.0.0.1:${valkey.port}" }`];
  await using sidecar = await startSidecar({ allow: [], settings, secrets, models, inference });
  assert.equal((await chat(sidecar)).status, 200);
  await valkey.kill();
  await sleep(50);
  let refused = await chat(sidecar);
  const took = await soonest(250, async () => {
    const began = performance.now();
    refused = await chat(sidecar);
    return performance.now() - began;
  });
  assert.ok(took < 250, `${took} ms`);
  assert.equal(refused.status, 503);
  assert.match(refused.text, /the ledger that counts it does not answer/);
  assert.ok(Number(refused.retry) >= 1);
  const ready = await fetch(`http://127.0.0.1:${sidecar.adminPort}/readyz`);
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /shared budgets/);
  await valkey.restart();
  for (let tries = 0; tries < 300 && (await chat(sidecar)).status !== 200; tries += 1) await sleep(20);
  assert.equal((await chat(sidecar)).status, 200);
  assert.equal(Number(valkey.cli("HGET", "sluice:{test}:1:agent:agent-1:daily:tokens:day", "u")) % 18, 0);
});
