import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import type { ReadRecord } from "../fakes/audit-records.ts";
import { PROVIDER_KEY } from "../fakes/model-policy.ts";
import { HANDSHAKE, type RealtimeWorld, SAMPLE_KEY, startRealtimeWorld } from "../fakes/realtime-world.ts";
import { fragments, frame } from "../fakes/websocket-frame.ts";
import { atRest, until } from "../fakes/until.ts";

let world: RealtimeWorld;
before(async () => {
  world = await startRealtimeWorld();
});
after(async () => world[Symbol.asyncDispose]());
beforeEach(() => {
  for (const origin of [world.main, world.azure, world.secure]) origin.script({});
});

const VOICE = "/v1/realtime?model=voice";
const outcomeOf = ({ decision, reason, detail }: ReadRecord): string =>
  `${decision} ${String(detail["outcome"])} ${reason ?? "-"}`;
const lastOf = <Item>(items: readonly Item[]): Item => items.at(-1) ?? assert.fail("nothing came");

test("an agent without a key talks to a provider that gets the router's", async () => {
  const from = await world.settled();
  const client = await world.connect("/v1/realtime?model=gpt-realtime", {
    protocols: ["realtime", "openai-insecure-api-key.agents-own", "openai-organization.org-1", "openai-project.p-1"],
    headers: {
      authorization: "Bearer agents-own",
      cookie: "a=b",
      "openai-organization": "org-1",
      "openai-beta": "realtime=v1",
      "x-custom": "kept",
    },
  });
  assert.equal(client.socket.protocol, "realtime");
  assert.equal(client.socket.extensions, "");
  client.socket.send("hello");
  assert.equal(await client.next(), "hello");
  client.socket.close(1000, "bye");
  assert.equal(await client.closed, 1000);

  const { url, headers } = lastOf(world.main.handshakes);
  assert.equal(url, "/v1/realtime?model=up-voice");
  assert.equal(headers.authorization, `Bearer ${PROVIDER_KEY}`);
  assert.equal(headers["sec-websocket-protocol"], "realtime");
  assert.equal(headers["sec-websocket-extensions"], undefined);
  assert.equal(headers.cookie, undefined);
  assert.equal(headers["openai-organization"], undefined);
  assert.equal(headers["openai-beta"], "realtime=v1");
  assert.equal(headers["x-custom"], "kept");
  assert.equal(headers.host, `127.0.0.1:${world.main.port}`);

  const end = await world.ended("voice", from);
  assert.equal(outcomeOf(end), "allow completed -");
  assert.equal(end.detail["status"], 101);
  assert.equal(end.detail["providerModel"], "up-voice");
  // A masked text of five octets and a masked close of five; the same unmasked.
  assert.equal(end.detail["bytesOut"], 22);
  assert.equal(end.detail["bytesIn"], 14);
  assert.ok(Number(end.detail["millis"]) >= 0);
  assert.ok(!("tokens" in end.detail) && !("usage" in end.detail), "what is not known is not zero");
  const admitted = world.records().filter(({ request }) => request === end.request);
  assert.deepEqual(
    admitted.map(({ kind, decision }) => `${kind} ${decision}`),
    ["inference.decision allow", "inference.end allow"],
  );
});

test("messages of many megabytes pass both ways unchanged, as they came", async () => {
  const client = await world.connect(VOICE);
  const large = randomBytes(8_000_001);
  const small = randomBytes(70_000);
  client.socket.send(large);
  client.socket.send(small);
  client.socket.send("end");
  assert.ok(large.equals(Buffer.from((await client.next()) as ArrayBuffer)));
  assert.ok(small.equals(Buffer.from((await client.next()) as ArrayBuffer)));
  assert.equal(await client.next(), "end");
  client.socket.close();
  await client.closed;
});

test("what the responses say that they used is on record", async () => {
  const from = await world.settled();
  const response = { usage: { input_tokens: 132, output_tokens: 121, input_token_details: { cached_tokens: 64 } } };
  world.main.script({
    serve: (peer) => {
      peer.onMessage = () => {
        peer.send(JSON.stringify({ type: "response.created", response: {} }));
        peer.socket.write(fragments(JSON.stringify({ type: "response.done", response }), 50));
      };
    },
  });
  const client = await world.connect(VOICE);
  for (let turn = 0; turn < 2; turn += 1) {
    client.socket.send("{}");
    await client.next();
    await client.next();
  }
  client.socket.close();
  await client.closed;
  const { detail } = await world.ended("voice", from);
  assert.deepEqual([detail["tokens"], detail["estimated"]], [506, false]);
  const usage = detail["usage"] as Record<string, number>;
  assert.deepEqual([usage["input"], usage["cacheRead"], usage["output"]], [264, 128, 242]);
  assert.ok(Number(detail["costNanoUsd"]) > 0);
});

test("OpenAI's own client", async () => {
  // It speaks wss only, and the agent API is on loopback without TLS: here what it opens is opened in clear.
  const Native = globalThis.WebSocket;
  globalThis.WebSocket = class extends Native {
    constructor(url: string | URL, protocols?: ConstructorParameters<typeof WebSocket>[1]) {
      super(String(url).replace("wss:", "ws:"), protocols);
    }
  };
  try {
    world.main.script({
      serve: (peer) => {
        peer.send('{"type":"session.created","event_id":"e1","session":{}}');
        peer.onMessage = () => peer.send('{"type":"session.updated","event_id":"e2","session":{}}');
      },
    });
    const openai = new OpenAI({ baseURL: `http://127.0.0.1:${world.sidecar.agentPort}/v1`, apiKey: "agents-own" });
    const realtime = new OpenAIRealtimeWebSocket({ model: "voice" }, openai);
    const created = new Promise<string>((resolve) =>
      realtime.on("session.created", ({ event_id }) => resolve(event_id)),
    );
    const updated = new Promise<string>((resolve) =>
      realtime.on("session.updated", ({ event_id }) => resolve(event_id)),
    );
    assert.equal(await created, "e1");
    realtime.send({ type: "session.update", session: { type: "realtime", instructions: "be brief" } });
    assert.equal(await updated, "e2");
    realtime.close();
    const { headers } = lastOf(world.main.handshakes);
    assert.equal(headers["sec-websocket-protocol"], "realtime");
    assert.equal(headers.authorization, `Bearer ${PROVIDER_KEY}`);
  } finally {
    globalThis.WebSocket = Native;
  }
});

const azurePaths: readonly (readonly [asked: string, sent: string])[] = [
  ["/openai/v1/realtime?model=on-azure", "/openai/v1/realtime?model=up-on-azure"],
  ["/v1/realtime?model=on-azure", "/openai/v1/realtime?model=up-on-azure"],
  [
    "/openai/realtime?api-version=2024-12-17&deployment=on-azure&api-key=agents-own",
    "/openai/realtime?api-version=2024-12-17&deployment=up-on-azure",
  ],
];
for (const [asked, sent] of azurePaths) {
  test(`Azure: ${asked}`, async () => {
    const client = await world.connect(asked, { headers: { "api-key": "agents-own" } });
    client.socket.send("hello");
    assert.equal(await client.next(), "hello");
    client.socket.close();
    await client.closed;
    const { url, headers } = lastOf(world.azure.handshakes);
    assert.equal(url, sent);
    assert.equal(headers["api-key"], PROVIDER_KEY);
    assert.equal(headers.authorization, undefined);
  });
}

test("over TLS: verified, both ways, closed properly", async () => {
  const from = await world.settled();
  const client = await world.connect("/v1/realtime?model=on-tls");
  const large = randomBytes(2_000_001);
  client.socket.send(large);
  assert.ok(large.equals(Buffer.from((await client.next()) as ArrayBuffer)));
  client.socket.close();
  await client.closed;
  assert.equal(outcomeOf(await world.ended("on-tls", from)), "allow completed -");
  assert.equal(lastOf(world.secure.handshakes).headers.host, `provider.test:${world.secure.port}`);
});

test("over TLS: an agent that is gone ends the provider's connection at once", async () => {
  const from = await world.settled();
  const client = await agentSocket("/v1/realtime?model=on-tls");
  const peer = lastOf(world.secure.peers);
  client.resetAndDestroy();
  assert.match(await peer.gone, /fin|close|ECONNRESET/);
  assert.equal(outcomeOf(await world.ended("on-tls", from)), "allow aborted -");
});

test("over TLS: a provider that sends the router's credential is cut", async () => {
  const from = await world.settled();
  world.secure.script({ serve: (peer) => void (peer.onMessage = () => peer.send(`x${PROVIDER_KEY}`)) });
  const client = await world.connect("/v1/realtime?model=on-tls");
  client.socket.send("go");
  assert.equal(await client.closed, 1006);
  assert.equal(outcomeOf(await world.ended("on-tls", from)), "allow aborted upstream_invalid");
  assert.match(await lastOf(world.secure.peers).gone, /ECONNRESET|close/);
});

test("the next target, where the first cannot be reached", async () => {
  const from = await world.settled();
  const client = await world.connect("/v1/realtime?model=fails-over");
  client.socket.send("hello");
  assert.equal(await client.next(), "hello");
  client.socket.close();
  await client.closed;
  const { detail } = await world.ended("fails-over", from);
  assert.deepEqual([detail["provider"], detail["attempts"]], ["main", 2]);
});

const noKey = HANDSHAKE.filter((line) => !line.startsWith("Sec-WebSocket-Key"));
const refusals: readonly (readonly [
  name: string,
  path: string,
  status: number,
  reason: string,
  lines?: readonly string[],
])[] = [
  ["a model that policy does not name", "/v1/realtime?model=gpt-4o", 403, "model_not_allowed"],
  ["the provider's own name of a model", "/v1/realtime?model=up-voice", 403, "model_not_allowed"],
  ["no model", "/v1/realtime", 400, "malformed_request"],
  ["an empty model", "/v1/realtime?model=", 400, "malformed_request"],
  ["two models", "/v1/realtime?model=voice&model=metered", 400, "malformed_request"],
  ["another's call", "/v1/realtime?model=voice&call_id=rtc_1", 403, "path_not_allowed"],
  ["a transcription, whose model a message names", "/v1/realtime?intent=transcription", 403, "path_not_allowed"],
  ["a model whose tokens a budget counts", "/v1/realtime?model=metered", 403, "path_not_allowed"],
  ["a model whose tokens a rate limit counts", "/v1/realtime?model=rated", 403, "path_not_allowed"],
  ["a model with a guardrail", "/v1/realtime?model=guarded", 403, "path_not_allowed"],
  ["a provider without Realtime", "/v1/realtime?model=on-ollama", 403, "model_not_allowed"],
  ["a credential that is not there", "/v1/realtime?model=keyless", 502, "upstream_unreachable"],
  ["no upgrade", VOICE, 400, "malformed_request", ["Host: localhost"]],
  ["no key", VOICE, 400, "malformed_request", noKey],
  ["two keys", VOICE, 400, "malformed_request", [...HANDSHAKE, `Sec-WebSocket-Key: ${SAMPLE_KEY}`]],
  ["a key of another length", VOICE, 400, "malformed_request", [...noKey, "Sec-WebSocket-Key: c2hvcnQ="]],
  ["an unknown version", VOICE, 400, "malformed_request", [...HANDSHAKE, "Sec-WebSocket-Version: 8"]],
  ["a sub-protocol that is no token", VOICE, 400, "malformed_request", [...HANDSHAKE, "Sec-WebSocket-Protocol: a b"]],
  ["a body", VOICE, 400, "malformed_request", [...HANDSHAKE, "Content-Length: 5"]],
  ["another upgrade", VOICE, 400, "malformed_request", HANDSHAKE.map((line) => line.replace("websocket", "h2c"))],
  ["a path beside it", "/v1/realtime/sessions?model=voice", 404, "path_not_allowed", ["Host: localhost"]],
];
for (const [name, path, status, reason, lines] of refusals) {
  test(`INV-REALTIME-REFUSED: refused before anything is dialled: ${name}`, async () => {
    const connections = world.main.connections;
    const { text } = await world.ask(path, lines, /\}\s*$/);
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `), text);
    assert.match(text, new RegExp(`Sluice-Reason: ${reason}\r\n`), text);
    assert.match(text, /"error":\{/);
    assert.equal(world.main.connections, connections);
  });
}

test("a refusal says which budget is in force", async () => {
  const { text } = await world.ask("/v1/realtime?model=metered", HANDSHAKE, /\}\s*$/);
  assert.match(text, /cannot be metered while a budget is in force/);
  assert.match(text, /"rule":"tokens"/);
});

interface Lie {
  readonly name: string;
  readonly reply: Parameters<RealtimeWorld["main"]["script"]>[0];
  readonly status: number;
  readonly reason: string | undefined;
  readonly lines?: readonly string[];
  /** The model with short timeouts. */
  readonly impatient?: boolean;
}

const accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const lies: readonly Lie[] = [
  {
    name: "another accept",
    reply: { accept: "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
    status: 502,
    reason: "upstream_invalid",
  },
  {
    name: "no accept",
    reply: { raw: "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" },
    status: 502,
    reason: "upstream_invalid",
  },
  {
    name: "a switch to something else",
    reply: {
      raw: `HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    },
    status: 502,
    reason: "upstream_invalid",
  },
  {
    name: "a sub-protocol where none was offered",
    reply: { protocol: "realtime" },
    status: 502,
    reason: "upstream_invalid",
  },
  {
    name: "a sub-protocol that was not offered",
    reply: { protocol: "other" },
    lines: [...HANDSHAKE, "Sec-WebSocket-Protocol: realtime"],
    status: 502,
    reason: "upstream_invalid",
  },
  {
    name: "the agent's own key as the sub-protocol",
    reply: { protocol: "openai-insecure-api-key.agents-own" },
    lines: [...HANDSHAKE, "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.agents-own"],
    status: 502,
    reason: "upstream_invalid",
  },
  {
    name: "two sub-protocols",
    reply: { lines: ["Sec-WebSocket-Protocol: realtime"] },
    lines: [...HANDSHAKE, "Sec-WebSocket-Protocol: realtime"],
    status: 502,
    reason: "upstream_invalid",
  },
  {
    name: "an extension that was not offered",
    reply: { lines: ["Sec-WebSocket-Extensions: permessage-deflate"] },
    lines: [...HANDSHAKE, "Sec-WebSocket-Extensions: permessage-deflate"],
    status: 502,
    reason: "upstream_invalid",
  },
  { name: "200 instead of 101", reply: { status: 200, body: "welcome" }, status: 502, reason: "upstream_invalid" },
  {
    name: "a redirect",
    reply: { status: 302, lines: ["Location: http://169.254.169.254/"] },
    status: 502,
    reason: "upstream_invalid",
  },
  { name: "no HTTP", reply: { raw: "\u0000\u0000" }, status: 502, reason: "upstream_invalid" },
  { name: "nothing, and its end", reply: { raw: "" }, status: 502, reason: "upstream_unreachable" },
  { name: "nothing at all", reply: { hang: true }, status: 504, reason: "idle_timeout", impatient: true },
  {
    name: "its opinion of the router's key",
    reply: { status: 401, body: PROVIDER_KEY },
    status: 502,
    reason: "upstream_invalid",
  },
  {
    name: "a refusal of its own",
    reply: { status: 404, body: `no model, ${PROVIDER_KEY}` },
    status: 404,
    reason: undefined,
  },
  {
    name: "a refusal without end",
    reply: { status: 404, body: "x".repeat(70_000) },
    status: 502,
    reason: "upstream_invalid",
  },
];
for (const { name, reply, status, reason, lines, impatient } of lies) {
  test(`INV-REALTIME-ACCEPT: a provider that answers a handshake with ${name}`, async () => {
    world.main.script(reply);
    const from = await world.settled();
    const model = impatient === true ? "impatient" : "voice";
    const { text } = await world.ask(`/v1/realtime?model=${model}`, lines, /\r\n\r\n./s);
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `), text);
    if (reason !== undefined) assert.match(text, new RegExp(`Sluice-Reason: ${reason}\r\n`), text);
    assert.ok(!text.includes(PROVIDER_KEY) && !text.includes("169.254"), text);
    const end = await world.ended(model, from);
    assert.equal(outcomeOf(end), reason === undefined ? "allow completed -" : `allow aborted ${reason}`);
    // So that the provider is not left alone for the next test.
    world.main.script({});
    const client = await world.connect(VOICE);
    client.socket.close();
    await client.closed;
  });
}

test("frames right behind a 101 are the agent's", async () => {
  world.main.script({ early: Buffer.concat([frame("one"), frame("two"), frame("three").subarray(0, 3)]) });
  const { text } = await world.ask(VOICE, HANDSHAKE, /two..t/s);
  assert.match(text, /^HTTP\/1\.1 101 .*\r\n\r\n\u0081\u0003one\u0081\u0003two\u0081\u0005t/s);
  assert.match(text, new RegExp(`Sec-WebSocket-Accept: ${accept.replace("+", "\\+")}`));
});

const cuts: readonly (readonly [name: string, sent: Buffer, reason: string])[] = [
  ["the router's credential", frame(`{"echo":"${PROVIDER_KEY}"}`), "upstream_invalid"],
  ["the router's credential in fragments", fragments(`{"echo":"${PROVIDER_KEY}"}`, 5), "upstream_invalid"],
  ["a compressed frame", frame("x", { reserved: 0x40 }), "upstream_invalid"],
  ["what is no frame", Buffer.from("HTTP/1.1 200 OK\r\n\r\n"), "upstream_invalid"],
];
for (const [name, sent, reason] of cuts) {
  test(`a provider that sends ${name} is cut, and nothing of it is out`, async () => {
    const from = await world.settled();
    world.main.script({ serve: (peer) => void (peer.onMessage = () => void peer.socket.write(sent)) });
    const client = await world.connect(VOICE);
    client.socket.send("go");
    assert.equal(await client.closed, 1006);
    const end = await world.ended("voice", from);
    assert.equal(outcomeOf(end), `allow aborted ${reason}`);
    assert.equal(await lastOf(world.main.peers).gone, "ECONNRESET");
  });
}

test("a credential in the 101 does not reach the agent", async () => {
  world.main.script({ lines: [`X-Echo: Bearer ${PROVIDER_KEY}`, "Set-Cookie: a=b", "X-Fine: yes"] });
  const { text } = await world.ask(VOICE);
  assert.match(text, /^HTTP\/1\.1 101 /);
  assert.match(text, /X-Fine: yes/);
  assert.ok(!text.includes(PROVIDER_KEY) && !/cookie/i.test(text), text);
});

/** A connection that was switched, as a bare socket. */
async function agentSocket(path: string): Promise<ReturnType<typeof connect>> {
  const socket = connect({ port: world.sidecar.agentPort, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\n${HANDSHAKE.join("\r\n")}\r\n\r\n`);
  const [head] = (await once(socket, "data")) as [Buffer];
  assert.match(head.toString("latin1"), /^HTTP\/1\.1 101 /);
  return socket;
}

test("frames that came with the handshake are the provider's", async () => {
  const socket = connect({ port: world.sidecar.agentPort, host: "127.0.0.1" });
  const sent = frame("early bird", { mask: Buffer.from([1, 2, 3, 4]) });
  const head = Buffer.from(`GET ${VOICE} HTTP/1.1\r\n${HANDSHAKE.join("\r\n")}\r\n\r\n`);
  socket.write(Buffer.concat([head, sent]));
  let text = "";
  for await (const chunk of socket) {
    text += (chunk as Buffer).toString("latin1");
    if (text.includes("early bird")) break;
  }
  assert.match(text, /^HTTP\/1\.1 101 .*early bird$/s);
});

test("an agent that leaves during the handshake: the provider is left at once, and nothing stays held", async () => {
  const from = await world.settled();
  world.main.script({ hang: true });
  const handshakes = world.main.handshakes.length;
  const socket = connect({ port: world.sidecar.agentPort, host: "127.0.0.1" });
  socket.on("error", () => undefined);
  socket.write(`GET /v1/realtime?model=single HTTP/1.1\r\n${HANDSHAKE.join("\r\n")}\r\n\r\n`);
  while (world.main.handshakes.length === handshakes) await new Promise((resolve) => setTimeout(resolve, 5));
  const began = performance.now();
  socket.resetAndDestroy();
  assert.equal(outcomeOf(await world.ended("single", from)), "allow aborted -");
  assert.ok(performance.now() - began < 1_000, "long before any deadline");
});

test("an agent that does not read holds the provider back, and loses nothing", async () => {
  const message = Buffer.alloc(64 * 1024, "x");
  const messages = 1_000;
  world.main.script({
    serve: (peer) => {
      for (let sent = 0; sent < messages; sent += 1) peer.send(message, 2);
    },
  });
  const before = world.main.peers.length;
  const socket = connect({ port: world.sidecar.agentPort, host: "127.0.0.1", allowHalfOpen: true });
  socket.pause();
  socket.write(`GET ${VOICE} HTTP/1.1\r\n${HANDSHAKE.join("\r\n")}\r\n\r\n`);
  await until(() => world.main.peers.length > before);
  const waiting = await atRest(() => lastOf(world.main.peers).socket.writableLength, 500);
  assert.ok(waiting > (messages * message.length) / 2, `${waiting} octets wait at the provider`);
  const expected = messages * (message.length + 10);
  let received = 0;
  for await (const chunk of socket) {
    received += (chunk as Buffer).length;
    if (received > expected) break;
  }
  // With the head of the 101, which is shorter than a message.
  assert.ok(received > expected && received < expected + 1_000, `${received} octets came`);
});

test("an agent that is reset ends the provider's connection at once", async () => {
  const from = await world.settled();
  const socket = await agentSocket(VOICE);
  const peer = lastOf(world.main.peers);
  socket.resetAndDestroy();
  assert.equal(await peer.gone, "ECONNRESET");
  assert.equal(outcomeOf(await world.ended("voice", from)), "allow aborted -");
});

test("an agent that has only closed its end is heard at once, and waited for a second", async () => {
  world.main.script({ serve: (peer) => void (peer.onMessage = () => undefined) });
  const from = await world.settled();
  const socket = await agentSocket(VOICE);
  const peer = lastOf(world.main.peers);
  // A server that takes no end for an end, and goes on.
  peer.socket.allowHalfOpen = true;
  const began = performance.now();
  socket.end();
  assert.equal(await peer.gone, "fin");
  // Whoever waits for the second to be over hears it after that.
  assert.ok(performance.now() - began < 950);
  assert.equal(outcomeOf(await world.ended("voice", from)), "allow aborted -");
  assert.ok(performance.now() - began < 4_000);
});

test("a provider that is reset ends the agent's connection with a break", async () => {
  const from = await world.settled();
  world.main.script({ serve: (peer) => void (peer.onMessage = () => void peer.socket.resetAndDestroy()) });
  const client = await world.connect(VOICE);
  client.socket.send("go");
  assert.equal(await client.closed, 1006);
  const end = await world.ended("voice", from);
  assert.equal(outcomeOf(end), "allow aborted -");
  assert.match(String(end.detail["detail"]), /provider/);
});

test("a connection that carries nothing, and one that lives too long", async () => {
  const from = await world.settled();
  world.main.script({
    serve: (peer) => {
      const timer = setInterval(() => peer.socket.write(frame("", { opcode: 9 })), 50);
      void peer.gone.then(() => clearInterval(timer));
    },
  });
  const long = await world.connect("/v1/realtime?model=short");
  world.main.script({});
  const silent = await world.connect("/v1/realtime?model=impatient");
  assert.equal(await silent.closed, 1006);
  assert.equal(await long.closed, 1006);
  assert.equal(outcomeOf(await world.ended("impatient", from)), "allow aborted idle_timeout");
  assert.equal(outcomeOf(await world.ended("short", from)), "allow aborted lifetime_limit");
});

test("a connection is one call of a request budget, and a refused one is none", async () => {
  const refused = await world.ask("/v1/realtime?model=counted&call_id=x", HANDSHAKE, /\}\s*$/);
  assert.match(refused.text, /^HTTP\/1\.1 403 /);
  for (let call = 0; call < 2; call += 1) {
    const client = await world.connect("/v1/realtime?model=counted");
    client.socket.send("hello");
    await client.next();
    client.socket.close();
    await client.closed;
  }
  const { text } = await world.ask("/v1/realtime?model=counted", HANDSHAKE, /\}\s*$/);
  assert.match(text, /^HTTP\/1\.1 429 /);
  assert.match(text, /Sluice-Reason: budget_exhausted/);
  assert.match(text, /"rule":"twice"/);
});

test("a connection counts as a call in progress for as long as it is open", async () => {
  world.main.script({ accept: "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" });
  const lied = await world.ask("/v1/realtime?model=single", HANDSHAKE, /\}\s*$/);
  assert.match(lied.text, /^HTTP\/1\.1 502 /);
  world.main.script({});
  const from = await world.settled();
  const first = await world.connect("/v1/realtime?model=single");
  const { text } = await world.ask("/v1/realtime?model=single", HANDSHAKE, /\}\s*$/);
  assert.match(text, /^HTTP\/1\.1 429 /);
  first.socket.close();
  await first.closed;
  await world.ended("single", from);
  const second = await world.connect("/v1/realtime?model=single");
  second.socket.close();
  await second.closed;
});

test("a call that was sent to nobody holds nothing", async () => {
  for (let call = 0; call < 2; call += 1) {
    const { text } = await world.ask("/v1/realtime?model=keyless", HANDSHAKE, /\}\s*$/);
    assert.match(text, /^HTTP\/1\.1 502 /, text);
  }
});

test("a host that is denied while it is being dialled is sent nothing", async () => {
  const { sidecar, secure } = world;
  const gate = Promise.withResolvers<void>();
  secure.hold(gate.promise);
  const handshakes = secure.handshakes.length;
  const waiting = world.ask("/v1/realtime?model=on-tls", HANDSHAKE, /\}\s*$/);
  const loaded = async (version: number): Promise<void> => {
    const line = new RegExp(`"EgressPolicy","name":"test","version":${version},.*policy loaded`);
    while (!line.test(sidecar.output())) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  sidecar.publish([], ["{ id: not-there, hosts: [provider.test] }"]);
  await loaded(2);
  gate.resolve();
  const { text } = await waiting;
  assert.match(text, /^HTTP\/1\.1 403 .*Sluice-Reason: address_not_allowed/s);
  assert.equal(secure.handshakes.length, handshakes);
  sidecar.publish([]);
  await loaded(3);
});

test("a policy under which it could not be opened ends it at once; others are left alone", async () => {
  const from = await world.settled();
  const guarded = await world.connect(VOICE);
  const left = await world.connect("/v1/realtime?model=fails-over");
  world.main.script({ hang: true });
  const handshakes = world.main.handshakes.length;
  const waiting = world.ask(VOICE, HANDSHAKE, /\}\s*$/);
  while (world.main.handshakes.length === handshakes) await new Promise((resolve) => setTimeout(resolve, 5));
  world.publish("  - { id: late, on: [input], action: block, patterns: { builtIn: [jwt] }, models: [voice] }");
  assert.equal(await guarded.closed, 1006);
  assert.match((await waiting).text, /^HTTP\/1\.1 403 .*Sluice-Reason: path_not_allowed/s);
  const first = await world.ended("voice", from);
  await world.ended("voice", first.seq);
  const ends = world
    .records()
    .filter(({ kind, target, seq }) => kind === "inference.end" && target === "voice" && seq > from);
  assert.deepEqual(ends.map(outcomeOf), ["allow aborted path_not_allowed", "allow aborted path_not_allowed"]);
  left.socket.send("still here");
  assert.equal(await left.next(), "still here");
  const { text } = await world.ask(VOICE, HANDSHAKE, /\}\s*$/);
  assert.match(text, /"rule":"late"/);
  left.socket.close();
  await left.closed;
});

test("a drain ends it, on record", async () => {
  const from = await world.settled();
  const client = await world.connect("/v1/realtime?model=fails-over");
  world.sidecar.child.kill("SIGTERM");
  assert.equal(await client.closed, 1006);
  assert.equal(await world.sidecar.exited(), 0);
  assert.equal(outcomeOf(await world.ended("fails-over", from)), "allow aborted draining");
});
