import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy, PROVIDER_KEY } from "../fakes/model-policy.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { sameDay } from "../fakes/same-day.ts";

before(() => sameDay());

const settings = ["limits: { drain: 200ms }"];
const secrets = { "provider-key": PROVIDER_KEY };
const messages = '"messages":[{"role":"user","content":"hi"}]';
const chat = `{"model":"test-model",${messages}}`;

function post(path: string, body: string, fields: readonly string[] = []): string {
  const head = [`POST ${path} HTTP/1.1`, "Host: localhost", "Content-Type: application/json", ...fields];
  return `${head.join("\r\n")}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

async function budget(sidecar: Sidecar): Promise<{ readonly used: number; readonly reserved: number }> {
  const response = await fetch(`http://127.0.0.1:${sidecar.agentPort}/budget`);
  const { budgets } = (await response.json()) as { budgets: readonly { used: number; reserved: number }[] };
  const [first = { used: Number.NaN, reserved: Number.NaN }] = budgets;
  return first;
}

/** Each is refused before anything is sent; the pattern is of the whole answer. */
const refused: readonly (readonly [name: string, request: string, answer: RegExp])[] = [
  ["no JSON", post("/v1/chat/completions", "model=test-model"), /^HTTP\/1\.1 400 [^]*"type":"invalid_request_error"/],
  ["an array", post("/v1/chat/completions", `[${chat}]`), /^HTTP\/1\.1 400 /],
  ["nothing", post("/v1/chat/completions", ""), /^HTTP\/1\.1 400 /],
  ["cut JSON", post("/v1/chat/completions", chat.slice(0, -1)), /^HTTP\/1\.1 400 /],
  ["more after it", post("/v1/chat/completions", `${chat}{}`), /^HTTP\/1\.1 400 /],
  ["10,000 deep", post("/v1/chat/completions", `{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}`), /^HTTP\/1\.1 400 /],
  ["model twice", post("/v1/chat/completions", `{"model":"test-model","model":"gpt-other",${messages}}`), / 400 /],
  [
    "model twice, escaped",
    post("/v1/chat/completions", `{"model":"test-model","mod\\u0065l":"x",${messages}}`),
    / 400 /,
  ],
  ["a Model", post("/v1/chat/completions", `{"Model":"gpt-other",${messages}}`), /^HTTP\/1\.1 400 /],
  ["a byte order mark", post("/v1/chat/completions", `\uFEFF${chat}`), /^HTTP\/1\.1 400 /],
  ["no model", post("/v1/chat/completions", `{${messages}}`), /^HTTP\/1\.1 400 [^]*"param":"model"/],
  ["a model of another type", post("/v1/chat/completions", `{"model":["test-model"],${messages}}`), /^HTTP\/1\.1 400 /],
  [
    "__proto__",
    post("/v1/chat/completions", `{"model":"__proto__",${messages}}`),
    /^HTTP\/1\.1 403 [^]*model_not_allowed/,
  ],
  ["another case", post("/v1/chat/completions", `{"model":"Test-Model",${messages}}`), /^HTTP\/1\.1 403 /],
  ["a blank behind", post("/v1/chat/completions", `{"model":"test-model ",${messages}}`), /^HTTP\/1\.1 403 /],
  ["stream as text", post("/v1/chat/completions", `{"model":"test-model","stream":"true",${messages}}`), / 400 /],
  ["max_tokens below 0", post("/v1/chat/completions", `{"model":"test-model","max_tokens":-1,${messages}}`), / 400 /],
  [
    "max_tokens endless",
    post("/v1/chat/completions", `{"model":"test-model","max_tokens":1e309,${messages}}`),
    / 400 /,
  ],
  ["n of 1,000", post("/v1/chat/completions", `{"model":"test-model","n":1000,${messages}}`), /^HTTP\/1\.1 400 /],
  [
    "too long",
    `POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 33554433\r\n\r\n`,
    /^HTTP\/1\.1 413 [^]*"type":"request_too_large"/,
  ],
  [
    "two lengths",
    `POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde`,
    / 400 /,
  ],
  [
    "length and coding",
    `POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    / 400 /,
  ],
  [
    "a gzip of who knows what",
    post("/v1/chat/completions", "\u001f\u008b\u0008", ["Content-Encoding: gzip"]),
    /^HTTP\/1\.1 400 /,
  ],
  ["a path upwards", post("/v1/../v1/chat/completions", chat), /^HTTP\/1\.1 400 /],
  ["a path escaped", post("/v1/chat%2Fcompletions", chat), /^HTTP\/1\.1 404 /],
  ["files", post("/v1/files", "{}"), /^HTTP\/1\.1 404 [^]*metered/],
  ["batches", post("/v1/messages/batches", "{}"), /^HTTP\/1\.1 404 [^]*"type":"not_found_error"/],
  ["a proxy's request", `GET http://127.0.0.1/v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, /^HTTP\/1\.1 400 /],
  ["CONNECT", `CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: 127.0.0.1:443\r\n\r\n`, /^HTTP\/1\.1 400 /],
  [
    "in the background",
    post("/v1/responses", '{"model":"test-model","input":"hi","background":true}'),
    /^HTTP\/1\.1 400 [^]*metered/,
  ],
  [
    "h2c among others",
    `GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c, x\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
    / 400 /,
  ],
];

test("INV-CALL-REFUSED: what is malformed, ambiguous or not allowed is refused in the caller's own shape, and nothing is sent or held", async () => {
  await using origin = await startModelOrigin();
  const models = modelPolicy(origin, { budgets: ["{ id: day, scope: pod, window: day, tokens: 100000 }"] });
  await using sidecar = await startSidecar({ allow: [], settings, secrets, models });
  for (const [name, request, answer] of refused) {
    const { text } = await rawRequest(sidecar.agentPort, request, { quiet: 300 });
    assert.match(text, answer, name);
    assert.doesNotMatch(text, new RegExp(PROVIDER_KEY), name);
    assert.doesNotMatch(text, /gpt-other|__proto__/, name);
    assert.deepEqual(await budget(sidecar), { ...(await budget(sidecar)), used: 0, reserved: 0 }, name);
  }
  assert.equal(origin.requests.length, 0);
});

test("INV-CALL-REFUSED: no page that a browser has from elsewhere is served, on any path of the agent API", async () => {
  await using origin = await startModelOrigin();
  await using sidecar = await startSidecar({ allow: [], settings, secrets, models: modelPolicy(origin) });
  const heads = [
    "Host: evil.example",
    "Host: evil.example\r\nOrigin: http://evil.example",
    "Host: 127.0.0.1\r\nOrigin: https://evil.example",
    "Host: localhost\r\nOrigin: null",
  ];
  for (const path of ["/v1/models", "/budget", "/egress/v1/fetch", "/governance/v1/evaluate", "/egress/v1/requests"]) {
    for (const head of heads) {
      const { text } = await rawRequest(sidecar.agentPort, `POST ${path} HTTP/1.1\r\n${head}\r\n\r\n`);
      assert.match(text, /^HTTP\/1\.1 403 [^]*Only callers of this pod's own are served/, `${path} ${head}`);
    }
    const own = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:3000\r\nConnection: close\r\n\r\n`;
    assert.doesNotMatch((await rawRequest(sidecar.agentPort, own)).text, /Only callers/, path);
  }
});

/** What a provider may send; each ends in an error of the caller's API or a break, never in a clean end. */
const lies = [
  [
    "garbage instead of events",
    { body: "\u0000\u0001garbage\n\nmore", headers: { "content-type": "text/event-stream" } },
  ],
  ["JSON cut short", { body: '{"id":"x","choices":[' }],
  ["a length that lies", { contentLength: 10_000 }],
  ["gzip", { gzip: true }],
  ["101 unasked", { raw: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" }],
  ["no HTTP", { raw: "SSH-2.0-OpenSSH\r\n\r\n" }],
  ["two lengths", { raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}" }],
  [
    "the router's own key",
    { body: { id: "x", echo: PROVIDER_KEY, choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } } },
  ],
] as const;

test("INV-CALL-LIES: a provider that lies costs an error, the charge of an estimate, and nothing else", async () => {
  for (const stream of [false, true]) {
    await using origin = await startModelOrigin();
    const models = modelPolicy(origin, { budgets: ["{ id: day, scope: pod, window: day, tokens: 100000 }"] });
    await using sidecar = await startSidecar({ allow: [], settings, secrets, models });
    for (const [name, reply] of lies) {
      origin.script([reply]);
      const body = `{"model":"test-model","stream":${stream},${messages}}`;
      const { text } = await rawRequest(sidecar.agentPort, post("/v1/chat/completions", body), { quiet: 800 });
      assert.doesNotMatch(text, new RegExp(PROVIDER_KEY), `${name} ${stream}`);
      assert.doesNotMatch(text, /^HTTP\/1\.1 200 [^]*\r\n0\r\n\r\n$/, `${name} ${stream}`);
      const { reserved } = await budget(sidecar);
      assert.equal(reserved, 0, `${name} ${stream}`);
    }
    const { used } = await budget(sidecar);
    assert.ok(used > 0);
  }
});

test("INV-CALL-USAGE: usage that is negative, huge, fractional or said twice is never taken for less than an estimate, nor for more than any call", async () => {
  for (const [name, usage, least] of [
    ["negative", { prompt_tokens: -5, completion_tokens: -5 }, 1],
    ["fractional", { prompt_tokens: 1.5, completion_tokens: 2.5 }, 1],
    ["text", { prompt_tokens: "11", completion_tokens: "7" }, 1],
    ["zero", { prompt_tokens: 0, completion_tokens: 0 }, 1],
    ["missing", undefined, 1],
    ["huge", { prompt_tokens: 1e300, completion_tokens: 7 }, 1],
    ["as large as can be", { prompt_tokens: 9_007_199_254_740_991, completion_tokens: 7 }, 7],
    ["larger than any call", { prompt_tokens: 1e15, completion_tokens: 1e15 }, 1],
  ] as const) {
    const choices = [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" }];
    await using origin = await startModelOrigin([{ body: { id: "x", object: "chat.completion", choices, usage } }]);
    const models = modelPolicy(origin, { budgets: ["{ id: day, scope: pod, window: day, tokens: 100000 }"] });
    await using sidecar = await startSidecar({ allow: [], settings, secrets, models });
    const { text } = await rawRequest(sidecar.agentPort, post("/v1/chat/completions", chat), { quiet: 500 });
    assert.match(text, /^HTTP\/1\.1 200 /, name);
    const { used, reserved } = await budget(sidecar);
    assert.ok(used >= least && used < 10_000, `${name}: ${used}`);
    assert.equal(reserved, 0, name);
  }
});

test("INV-CALL-HOSTED: tools that a provider runs are the policy's to allow, and a call without a known cap is not metered", async () => {
  await using origin = await startModelOrigin();
  const budgets = ["{ id: day, scope: pod, window: day, tokens: 1000000 }"];
  await using sidecar = await startSidecar({ allow: [], settings, secrets, models: modelPolicy(origin, { budgets }) });
  const hosted = '{"model":"test-model","input":"hi","tools":[{"type":"web_search"}]}';
  const { text } = await rawRequest(sidecar.agentPort, post("/v1/responses", hosted), { quiet: 300 });
  assert.match(text, /^HTTP\/1\.1 403 [^]*hostedTools/);
  const prompts = `{"model":"test-model","prompt":["a","b","c"],"max_tokens":10}`;
  const many = await rawRequest(sidecar.agentPort, post("/v1/completions", prompts), { quiet: 300 });
  assert.match(many.text, /^HTTP\/1\.1 200 /);
  assert.equal(origin.requests.length, 1);
});

test("INV-CALL-BODY: a body of another type or charset is refused, and what goes on says JSON", async () => {
  await using origin = await startModelOrigin();
  await using sidecar = await startSidecar({ allow: [], settings, secrets, models: modelPolicy(origin) });
  for (const type of ["text/plain", "application/json; charset=shift_jis", "application/x-www-form-urlencoded"]) {
    const request = post("/v1/chat/completions", chat).replace("application/json", type);
    const { text } = await rawRequest(sidecar.agentPort, request, { quiet: 300 });
    assert.match(text, /^HTTP\/1\.1 415 /, type);
  }
  const request = post("/v1/chat/completions", chat, ["Range: bytes=0-1", "X_Api_Key: mine", "If-None-Match: x"]);
  await rawRequest(sidecar.agentPort, request, { quiet: 300 });
  const headers = origin.requests[0]?.headers;
  assert.equal(headers?.["content-type"], "application/json");
  for (const name of ["range", "x_api_key", "if-none-match"]) assert.equal(headers?.[name], undefined, name);
});
