import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { before, test } from "node:test";
import { auditRecords } from "../fakes/audit-records.ts";
import { startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy, PROVIDER_KEY } from "../fakes/model-policy.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { until } from "../fakes/until.ts";
import { sameDay } from "../fakes/same-day.ts";

before(() => sameDay());

/** What an adversarial review of issue 4 found; each row failed before it was mended. */
const settings = ["limits: { drain: 200ms }"];
const secrets = { "provider-key": PROVIDER_KEY };

function post(sidecar: Sidecar, body: unknown, signal?: AbortSignal, path = "chat/completions"): Promise<Response> {
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(body), ...(signal === undefined ? {} : { signal }) };
  return fetch(`http://127.0.0.1:${sidecar.agentPort}/v1/${path}`, init);
}

async function used(sidecar: Sidecar): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${sidecar.agentPort}/budget`);
  const { budgets } = (await response.json()) as { budgets: readonly { used: number; reserved: number }[] };
  return (budgets[0]?.used ?? 0) + (budgets[0]?.reserved ?? 0);
}

const messages = [{ role: "user", content: "hi" }];

test("INV-CALL-LEAVE: an agent that leaves with the whole answer does not get around the usage behind it", async () => {
  const chunk = (choice: unknown): string =>
    `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", choices: [choice] })}\n\n`;
  const usage = { prompt_tokens: 11, completion_tokens: 900, total_tokens: 911 };
  await using origin = await startModelOrigin(() => ({
    headers: { "content-type": "text/event-stream" },
    frames: [
      chunk({ index: 0, delta: { content: "42" }, finish_reason: null }),
      chunk({ index: 0, delta: {}, finish_reason: "stop" }),
      `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", choices: [], usage })}\n\ndata: [DONE]\n\n`,
    ],
    delayBetween: 300,
  }));
  const models = modelPolicy(origin, { budgets: ["{ id: day, scope: pod, window: day, tokens: 100000 }"] });
  await using sidecar = await startSidecar({ allow: [], settings, secrets, models });
  const abort = new AbortController();
  const response = await post(sidecar, { model: "test-model", messages, stream: true }, abort.signal);
  const reader = response.body?.getReader();
  let text = "";
  while (!text.includes('"stop"')) text += Buffer.from((await reader?.read())?.value ?? []).toString();
  abort.abort();
  await until(async () => (await used(sidecar)) === 911);
});

test("INV-CALL-STORED: items that the provider has stored are held as all that the model may read", async () => {
  const usage = { input_tokens: 90_000, output_tokens: 5, total_tokens: 90_005 };
  await using origin = await startModelOrigin(() => ({
    delayHead: 300,
    body: { id: "resp_1", object: "response", status: "completed", model: "m", output: [], usage },
  }));
  const limit = 250_000;
  const models = modelPolicy(origin, { budgets: [`{ id: day, scope: pod, window: day, tokens: ${limit} }`] });
  await using sidecar = await startSidecar({ allow: [], settings, secrets, models });
  const stored = { model: "test-model", max_output_tokens: 16, input: [{ type: "item_reference", id: "msg_1" }] };
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(sidecar, stored, undefined, "responses")));
  const served = answers.filter(({ status }) => status === 200).length;
  assert.equal(origin.requests.length, served);
  assert.ok(served > 0 && served <= 2, `${served} were served`);
  assert.equal(await used(sidecar), served * 90_005);
});

test("INV-CALL-FAILOVER: targets that break after the request hold their own share of the budget, and never more than it has", async () => {
  await using origin = await startModelOrigin(() => ({ raw: (socket) => socket.resetAndDestroy() }));
  const limit = 3_000;
  const [head = "", provider = ""] = modelPolicy(origin);
  const targets = ["a", "b", "c", "d"].map((name) => `{ provider: main, model: ${name} }`).join(", ");
  const models = [
    head,
    provider,
    "models:",
    `  - { name: test-model, maxOutput: 1000, targets: [${targets}] }`,
    "budgets:",
    `  - { id: day, scope: pod, window: day, tokens: ${limit} }`,
  ];
  await using sidecar = await startSidecar({ allow: [], settings, secrets, models });
  const body = { model: "test-model", messages: [{ role: "user", content: "x".repeat(1_200) }], max_tokens: 500 };
  await Promise.all(Array.from({ length: 4 }, () => post(sidecar, body)));
  assert.ok((await used(sidecar)) <= limit, `${await used(sidecar)}`);
});

test("INV-CALL-SWAP: nothing is sent by a policy that was replaced while a guardrail was asked", async () => {
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
  const { promise: replaced, resolve: isReplaced } = Promise.withResolvers<void>();
  const hook = createServer((_request, response) => {
    isAsked();
    void replaced.then(() => response.writeHead(200, { "content-type": "application/json" }).end('{"action":"allow"}'));
  });
  await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
  const { port } = hook.address() as AddressInfo;
  await using first = await startModelOrigin();
  await using second = await startModelOrigin();
  const guardrails = [`{ id: asked, on: [input], webhook: { url: "http://127.0.0.1:${port}/" }, timeout: 20s }`];
  await using sidecar = await startSidecar({
    allow: [],
    settings,
    secrets,
    models: modelPolicy(first, { guardrails }),
  });
  const answer = post(sidecar, { model: "test-model", messages });
  await asked;
  sidecar.publishModels(modelPolicy(second, { guardrails }));
  const loads = (): number => auditRecords(sidecar.auditDirectory).filter(({ kind }) => kind === "policy.load").length;
  await until(() => loads() >= 3);
  isReplaced();
  const { status } = await answer;
  hook.closeAllConnections();
  hook.close();
  assert.equal(status, 503);
  assert.equal(first.requests.length, 0);
});
