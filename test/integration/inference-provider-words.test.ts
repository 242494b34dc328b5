import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { type ModelOrigin, type ModelReply, startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy } from "../fakes/model-policy.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { HANDSHAKE } from "../fakes/realtime-world.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";

/** What a provider says that an agent must not hear, and an agent that a provider must not. */
const KEY = "AZ+key/with+base64==0123456789";
const JSON_TYPE = { "content-type": "application/json" };
const unicode = (text: string): string =>
  Array.from(text, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");

/** As encoders write it: .NET, Gson, PHP, and those of whoever wants it out. */
const SPELLINGS: readonly (readonly [name: string, text: string])[] = [
  ["equals signs", KEY.replaceAll("=", "\\u003d")],
  ["plus signs in lower case", KEY.replaceAll("+", "\\u002b")],
  ["slashes and plus signs", KEY.replaceAll("/", "\\/").replaceAll("+", "\\u002B")],
  ["all", unicode(KEY)],
  ["every other one", Array.from(KEY, (one, at) => (at % 2 === 0 ? one : unicode(one))).join("")],
  ["JSON within JSON", KEY.replaceAll("=", "\\\\u003d").replaceAll("/", "\\\\/")],
];

let origin: ModelOrigin;
let sockets: Server;
let sidecar: Sidecar;
/** Names and values of the last WebSocket handshake. */
let handshake: readonly string[] = [];
/** Each call has a model of its own, and so a breaker. */
let next = 0;

before(async () => {
  origin = await startModelOrigin();
  sockets = createServer((_, response) => response.writeHead(500).end());
  sockets.on("upgrade", ({ rawHeaders }, socket) => {
    socket.on("error", () => undefined);
    handshake = rawHeaders;
    socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  });
  await once(sockets.listen(0, "127.0.0.1"), "listening");
  const { port } = sockets.address() as AddressInfo;
  const [providers = "", main = ""] = modelPolicy(origin);
  const models = Array.from(
    { length: 80 },
    (_, at) => `{ name: m${at}, context: 1000, maxOutput: 100, targets: [{ provider: main, model: up${at} }] }`,
  );
  sidecar = await startSidecar({
    allow: [],
    settings: ["limits: { drain: 200ms }"],
    secrets: { "provider-key": KEY },
    models: [
      providers,
      main,
      `  - { id: live, api: openai, endpoint: "http://127.0.0.1:${port}/v1", credential: { file: provider-key }, addresses: ["127.0.0.1:${port}"] }`,
      "models:",
      ...models.map((model) => `  - ${model}`),
      "  - { name: live, context: 1000, maxOutput: 100, targets: [{ provider: live, model: up }] }",
    ],
  });
});

after(async () => {
  await sidecar[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
  sockets.closeAllConnections();
  sockets.close();
});

interface Heard {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function ask(reply: ModelReply, { model = `m${next++}`, headers = {}, stream = false } = {}): Promise<Heard> {
  origin.script(() => reply);
  const answer = await fetch(`http://127.0.0.1:${sidecar.agentPort}/v1/chat/completions`, {
    method: "POST",
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "hi" }] }),
  });
  // An answer that was cut is what came of it.
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const octets of answer.body ?? []) text += decoder.decode(octets as Uint8Array, { stream: true });
  } catch {
    assert.equal(answer.status, 200);
  }
  return { status: answer.status, headers: answer.headers, text };
}

/** What readers of the text may take it for: with its escapes read once, and again. */
function readings(text: string): readonly string[] {
  const read = (one: string): string =>
    one.replace(/\\(?:u([0-9a-f]{4})|(.))/gi, (_, code: string | undefined, other: string) =>
      code === undefined ? other : String.fromCharCode(Number.parseInt(code, 16)),
    );
  return [text, read(text), read(read(text))];
}

for (const [name, spelled] of SPELLINGS) {
  test(`INV-MODEL-LEAK: the key does not reach the agent with escapes: ${name}`, async () => {
    const message = `invalid key ${spelled} given`;
    for (const status of [400, 403, 404]) {
      const heard = await ask({ status, headers: JSON_TYPE, body: `{"error":{"message":"${message}","n":1.0}}` });
      assert.equal(heard.status, status);
      assert.ok(
        readings(heard.text).every((text) => !text.includes(KEY)),
        heard.text,
      );
      assert.equal(heard.text, '{"error":{"message":"invalid key [redacted] given","n":1.0}}');
    }
    const usage = '"usage":{"prompt_tokens":1,"completion_tokens":1}';
    const whole = await ask({ headers: JSON_TYPE, body: `{"id":"${message}","choices":[],${usage}}` });
    assert.notEqual(whole.status, 200);
    assert.ok(
      readings(whole.text).every((text) => !text.includes(KEY)),
      whole.text,
    );
    const frame = (text: string): string =>
      `data: {"id":"x","choices":[{"index":0,"delta":{"content":"${text}"}}]}\n\n`;
    const streamed = await ask(
      { headers: { "content-type": "text/event-stream" }, frames: [frame("a"), frame(message)], splitEvery: 5 },
      { stream: true },
    );
    assert.ok(
      readings(streamed.text).every((text) => !text.includes(KEY)),
      streamed.text,
    );
    assert.ok(!streamed.text.includes(spelled.slice(0, 12)), streamed.text);
  });
}

test("a header that holds the key in escapes is not passed on", async () => {
  const echo = `{"key":"${KEY.replaceAll("=", "\\u003d")}"}`;
  const heard = await ask({ headers: { "x-echo": echo, "x-other": "1" } });
  assert.deepEqual([heard.status, heard.headers.get("x-echo"), heard.headers.get("x-other")], [200, null, "1"]);
  const refused = await ask({ status: 400, headers: { "x-request-id": echo, "x-should-retry": KEY } });
  assert.equal(refused.headers.get("x-request-id"), '{"key":"[redacted]"}');
  assert.equal(refused.headers.get("x-should-retry"), null);
});

const inHours = new Date(Date.now() + 36_000_000).toUTCString();
const waits: readonly (readonly [given: Record<string, string>, told: Record<string, string>])[] = [
  [{ "retry-after": "43200" }, { "x-should-retry": "false" }],
  [{ "retry-after": inHours, "x-should-retry": "true" }, { "x-should-retry": "false" }],
  [{ "retry-after": "2", "retry-after-ms": "43200000" }, { "x-should-retry": "false" }],
  [{ "retry-after": "61" }, { "x-should-retry": "false" }],
  [{ "retry-after": "43200,5" }, {}],
  [{ "retry-after": "1e9" }, {}],
  [{ "retry-after": "60" }, { "retry-after": "60" }],
  [
    { "retry-after-ms": "20", "x-should-retry": "true" },
    { "retry-after-ms": "20", "x-should-retry": "true" },
  ],
];
for (const [given, told] of waits) {
  test(`a provider's wait: ${JSON.stringify(given)}`, async () => {
    const { status, headers } = await ask({ status: 429, headers: given });
    const names = ["retry-after", "retry-after-ms", "x-should-retry"];
    const heard = Object.fromEntries(names.flatMap((name) => (headers.has(name) ? [[name, headers.get(name)]] : [])));
    assert.deepEqual([status, heard], [429, told]);
  });
}

test("while a provider is left alone by its own word, the agent is told so, with a wait that holds", async () => {
  const model = `m${next++}`;
  await ask({ status: 429, headers: { "retry-after": "50" } }, { model });
  const before = origin.requests.length;
  const heard = await ask({}, { model });
  assert.equal(origin.requests.length, before);
  assert.deepEqual([heard.status, heard.headers.get("sluice-reason")], [429, "rate_limited"]);
  const wait = Number(heard.headers.get("retry-after"));
  assert.ok(wait > 20 && wait <= 50, String(wait));
});

/** Of an agent, what chooses whom the provider takes it for, or what is asked of it. */
const UNWANTED = [
  "x-portkey-config",
  "helicone-target-url",
  "x-forwarded-for",
  "forwarded",
  "via",
  "range",
  "if-match",
  "x-goog-fieldmask",
  "x-litellm-model",
  "x_custom_thing",
  "cf-aig-authorization",
  "cf-aig-cache-key",
  "cf-access-client-id",
  "cf-access-client-secret",
  "x-vertex-ai-llm-request-type",
];

test("neither door passes on what chooses another provider, price or caller", async () => {
  const extra = Object.fromEntries(UNWANTED.map((name) => [name, "bytes=0-1"]));
  await ask({}, { headers: { ...extra, "x-wanted": "1" } });
  const plain = origin.requests.at(-1)?.headers ?? {};
  assert.equal(plain["x-wanted"], "1");
  const lines = [...HANDSHAKE, "X-Wanted: 1", ...UNWANTED.map((name) => `${name}: bytes=0-1`)];
  await rawRequest(sidecar.agentPort, `GET /v1/realtime?model=live HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
  const names = new Set(handshake.map((name) => name.toLowerCase()));
  assert.ok(names.has("x-wanted"), handshake.join(" | "));
  for (const name of UNWANTED) {
    assert.equal(plain[name], undefined, name);
    assert.ok(!names.has(name), `${name} over the WebSocket`);
  }
});
