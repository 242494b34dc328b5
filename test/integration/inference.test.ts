import assert from "node:assert/strict";
import { before, test } from "node:test";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy, PROVIDER_KEY } from "../fakes/model-policy.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { sameDay } from "../fakes/same-day.ts";

before(() => sameDay());

const settings = ["limits: { drain: 200ms }"];
const secrets = { "provider-key": PROVIDER_KEY };
const hi = [{ role: "user", content: "hi" }];

interface Asked {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function ask(
  sidecar: Sidecar,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Asked> {
  const response = await fetch(`http://127.0.0.1:${sidecar.agentPort}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

interface ReportedBudget {
  readonly id: string;
  readonly used: number | string;
  readonly reserved: number | string;
  readonly remaining: number | string;
}

async function budgets(sidecar: Sidecar): Promise<readonly ReportedBudget[]> {
  const response = await fetch(`http://127.0.0.1:${sidecar.agentPort}/budget`);
  return ((await response.json()) as { budgets: readonly ReportedBudget[] }).budgets;
}

const day = (tokens: number): string => `{ id: day, scope: pod, window: day, tokens: ${tokens} }`;

test("a chat call gets the router's credential, its answer and its usage", async () => {
  await using origin = await startModelOrigin();
  await using sidecar = await startSidecar({
    allow: [],
    settings,
    secrets,
    models: modelPolicy(origin, { budgets: [day(10_000)] }),
  });
  const answer = await ask(
    sidecar,
    "/v1/chat/completions",
    { model: "test-model", messages: hi, unknown_member: 1 },
    { authorization: "Bearer agents-own", cookie: "a=b" },
  );
  assert.equal(answer.status, 200, answer.text);
  assert.equal((JSON.parse(answer.text) as { usage: { prompt_tokens: number } }).usage.prompt_tokens, 11);
  const [seen] = origin.requests;
  assert.equal(seen?.headers.authorization, `Bearer ${PROVIDER_KEY}`);
  assert.equal(seen?.headers.cookie, undefined);
  const sent = JSON.parse(seen?.body.toString() ?? "") as Record<string, unknown>;
  assert.equal(sent["model"], "upstream-model");
  assert.equal(sent["unknown_member"], 1);
  assert.equal(sent["max_tokens"], 1_000);
  const [budget] = await budgets(sidecar);
  assert.deepEqual([budget?.used, budget?.reserved], [18, 0]);
});

test("a chat stream is metered, and the usage chunk that nobody asked for is taken out", async () => {
  await using origin = await startModelOrigin();
  await using sidecar = await startSidecar({
    allow: [],
    settings,
    secrets,
    models: modelPolicy(origin, { budgets: [day(10_000)] }),
  });
  const plain = await ask(sidecar, "/v1/chat/completions", { model: "test-model", messages: hi, stream: true });
  assert.match(plain.text, /data: \[DONE\]\n\n$/);
  assert.doesNotMatch(plain.text, /"prompt_tokens"/);
  const asked = { model: "test-model", messages: hi, stream: true, stream_options: { include_usage: true } };
  const withUsage = await ask(sidecar, "/v1/chat/completions", asked);
  assert.match(withUsage.text, /"prompt_tokens":11/);
  for (const request of origin.requests) assert.match(request.body.toString(), /"include_usage":true/);
  const [budget] = await budgets(sidecar);
  assert.deepEqual([budget?.used, budget?.reserved], [36, 0]);
});

test("both families reach either provider, streamed and not", async () => {
  const anthropic = { model: "test-model", messages: hi, max_tokens: 100 };
  for (const [api, path, body, whole, streamed] of [
    ["anthropic", "/v1/messages", anthropic, /"input_tokens":11/, /event: message_stop/],
    ["anthropic", "/v1/chat/completions", { model: "other-name", messages: hi }, /"prompt_tokens":11/, /\[DONE\]/],
    ["openai", "/v1/messages", anthropic, /"input_tokens":11/, /event: message_stop/],
  ] as const) {
    await using origin = await startModelOrigin();
    const models = modelPolicy(origin, { api, budgets: [day(10_000)] });
    await using sidecar = await startSidecar({ allow: [], settings, secrets, models });
    const answer = await ask(sidecar, path, body);
    assert.equal(answer.status, 200, `${api} ${path}: ${answer.text}`);
    assert.match(answer.text, whole);
    const stream = await ask(sidecar, path, { ...body, stream: true });
    assert.equal(stream.status, 200, `${api} ${path}: ${stream.text}`);
    assert.match(stream.text, streamed, `${api} ${path}`);
    const [budget] = await budgets(sidecar);
    assert.deepEqual([budget?.used, budget?.reserved], [36, 0], `${api} ${path}`);
    const header = origin.requests[0]?.headers[api === "anthropic" ? "x-api-key" : "authorization"];
    assert.equal(header, api === "anthropic" ? PROVIDER_KEY : `Bearer ${PROVIDER_KEY}`);
  }
});

test("INV-CALL-BUDGET: 1,000 calls at once against a budget for 100 never use more than it", async () => {
  await using origin = await startModelOrigin(() => ({ delayHead: 5 }));
  const budget = 100 * 18;
  const models = modelPolicy(origin, {
    budgets: [day(budget), "{ id: calls, scope: pod, window: day, requests: 100 }"],
  });
  await using sidecar = await startSidecar({ allow: [], settings, secrets, models });
  const body = { model: "test-model", messages: hi, max_tokens: 7 };
  const statuses: number[] = [];
  for (let wave = 0; wave < 10; wave += 1) {
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(sidecar, "/v1/chat/completions", body)));
    for (const answer of answers) {
      statuses.push(answer.status);
      if (answer.status === 200) continue;
      assert.equal(answer.status, 429, answer.text);
      assert.equal(answer.headers.get("x-should-retry"), "false");
      assert.equal(answer.headers.get("retry-after"), null);
      assert.equal(answer.headers.get("sluice-reason"), "budget_exhausted");
    }
    for (const { id, used, reserved } of await budgets(sidecar)) {
      assert.ok(Number(used) + Number(reserved) <= (id === "day" ? budget : 100), `${id}: ${used}`);
    }
  }
  const served = statuses.filter((status) => status === 200).length;
  assert.equal(origin.requests.length, served);
  assert.ok(served > 0 && served <= 100, `${served} were served`);
  const tokens = (await budgets(sidecar)).find(({ id }) => id === "day");
  assert.equal(tokens?.used, served * 18);
});

test("INV-CALL-RESTART: what was used is not given back by a restart, kill -9 in the middle of a call included", async () => {
  await using origin = await startModelOrigin((_request, index) => (index === 1 ? { hang: true } : {}));
  const models = modelPolicy(origin, { budgets: [day(10_000)] });
  const first = await startSidecar({ allow: [], settings, secrets, models });
  await using _first = first;
  const body = { model: "test-model", messages: hi, max_tokens: 50 };
  await ask(first, "/v1/chat/completions", body);
  const hanging = ask(first, "/v1/chat/completions", body).catch(() => undefined);
  await origin.seen(2);
  const [before] = await budgets(first);
  assert.ok(Number(before?.reserved) > 50);
  first.child.kill("SIGKILL");
  await first.exited();
  await hanging;
  await using second = await startSidecar({
    allow: [],
    settings,
    secrets,
    models,
    directory: first.directory,
    signer: first.signer,
    again: true,
  });
  const [after] = await budgets(second);
  assert.equal(after?.used, Number(before?.used) + Number(before?.reserved));
  assert.equal(after?.reserved, 0);
});

test("INV-CALL-RECORD: every call is on record before it is sent and when it has ended, without its content", async () => {
  await using origin = await startModelOrigin();
  await using sidecar = await startSidecar({ allow: [], settings, secrets, models: modelPolicy(origin) });
  await ask(sidecar, "/v1/chat/completions", {
    model: "test-model",
    messages: [{ role: "user", content: "secret words" }],
  });
  await ask(sidecar, "/v1/chat/completions", { model: "nobodys-model", messages: hi });
  await auditRecord(sidecar.auditDirectory, ({ reason }) => reason === "model_not_allowed");
  const records = auditRecords(sidecar.auditDirectory).filter(({ kind }) => kind.startsWith("inference."));
  assert.deepEqual(
    records.map(({ kind, decision, reason }) => [kind, decision, reason]),
    [
      ["inference.decision", "allow", null],
      ["inference.end", "allow", null],
      ["inference.decision", "deny", "model_not_allowed"],
    ],
  );
  assert.equal(records[1]?.detail["tokens"], 18);
  assert.doesNotMatch(JSON.stringify(records), /secret words|nobodys-model/);
});

test("INV-CALL-GUARD: guardrails refuse or mask what goes in and what comes out, streams included", async () => {
  const words = ["The key is sk-abcd", "efghijklmnopqrstuvwxyz", "0123456789ABCDEFGHIJ", " so keep it."];
  await using origin = await startModelOrigin(() => ({ words }));
  const rails = (action: string): readonly string[] => [
    `{ id: keys, on: [input, output], patterns: { builtIn: [api_key] }, action: ${action} }`,
  ];
  const models = modelPolicy(origin, { guardrails: rails("block") });
  await using sidecar = await startSidecar({ allow: [], settings, secrets, models });
  const key = "sk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ";
  const path = "/v1/chat/completions";
  const inward = await ask(sidecar, path, { model: "test-model", messages: [{ role: "user", content: key }] });
  assert.equal(inward.status, 403, inward.text);
  assert.equal(inward.headers.get("sluice-reason"), "guardrail_blocked");
  assert.equal(origin.requests.length, 0);
  const outward = await ask(sidecar, path, { model: "test-model", messages: hi });
  assert.equal(outward.status, 403, outward.text);
  assert.doesNotMatch(outward.text, /sk-abcd/);
  const stream = await ask(sidecar, path, { model: "test-model", messages: hi, stream: true }).catch(String);
  assert.doesNotMatch(JSON.stringify(stream), /sk-abcd|efghijkl|DONE/);

  sidecar.publishModels(modelPolicy(origin, { guardrails: rails("mask") }));
  await auditRecord(
    sidecar.auditDirectory,
    ({ kind, detail }) =>
      kind === "policy.load" &&
      detail["kind"] === "InferencePolicy" &&
      auditRecords(sidecar.auditDirectory).filter((one) => one.kind === "policy.load").length >= 3,
  );
  const masked = await ask(sidecar, path, {
    model: "test-model",
    messages: [{ role: "user", content: `use ${key} now` }],
  });
  assert.equal(masked.status, 200, masked.text);
  assert.match(origin.requests.at(-1)?.body.toString() ?? "", /use \[api_key\] now/);
  assert.match(masked.text, /The key is \[api_key\] so keep it\./);
  const maskedStream = await ask(sidecar, path, { model: "test-model", messages: hi, stream: true });
  assert.doesNotMatch(maskedStream.text, /sk-abcd|efghijkl/);
  assert.match(maskedStream.text, /\[api_key\]/);
  assert.match(maskedStream.text, /\[DONE\]/);
});

test("INV-CALL-COMMIT: the next target is asked while nothing has reached the agent, and never afterwards", async () => {
  for (const [name, reply, stream, served] of [
    ["503", { status: 503 }, false, true],
    ["429", { status: 429, headers: { "retry-after": "1" } }, true, true],
    ["reset before the head", { raw: (socket: { resetAndDestroy(): void }) => socket.resetAndDestroy() }, false, true],
    ["cut before the first token", { cut: { after: 0, by: "rst" } }, true, true],
    ["400", { status: 400, code: "context_length_exceeded" }, false, false],
    ["cut after two frames", { cut: { after: 3, by: "rst" } }, true, false],
    ["ended without its end", { cut: { after: 3, by: "fin" } }, true, false],
  ] as const) {
    await using bad = await startModelOrigin([reply]);
    await using good = await startModelOrigin();
    const [first = "", provider = ""] = modelPolicy(bad);
    const models = [
      first,
      provider,
      provider.replace("id: main", "id: spare").replaceAll(String(bad.port), String(good.port)),
      "models:",
      "  - { name: test-model, maxOutput: 100, targets: [{ provider: main, model: m }, { provider: spare, model: m }] }",
    ];
    await using sidecar = await startSidecar({ allow: [], settings, secrets, models });
    const body = { model: "test-model", messages: hi, stream };
    const answer = await ask(sidecar, "/v1/chat/completions", body).catch((error: unknown) => String(error));
    assert.equal(good.requests.length, served ? 1 : 0, name);
    if (served) assert.equal(typeof answer === "string" ? answer : answer.status, 200, name);
    else if (stream) assert.ok(typeof answer === "string" || !answer.text.includes("[DONE]"), name);
    else assert.equal(typeof answer === "string" ? answer : answer.status, 400, name);
  }
});

test("INV-CALL-CONNECT: a provider's host is not reachable by CONNECT", async () => {
  await using origin = await startModelOrigin();
  const allow = [`{ id: all, addresses: ["127.0.0.1:${origin.port}"], protocol: tcp }`];
  await using sidecar = await startSidecar({ allow, settings, secrets, models: modelPolicy(origin) });
  const authority = `127.0.0.1:${origin.port}`;
  const { text } = await rawRequest(sidecar.port, `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  assert.match(text, /^HTTP\/1\.1 403 [^]*Sluice-Reason: inference_only/);
});
