import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import type { Webhook } from "../../../../controller/admission/admission-server.ts";
import { allow, refuse } from "../../../../controller/admission/answer.ts";
import { millis } from "../../../../router/core/base/quantity.ts";
import { NAMES, type OpenWebhook, openWebhook, reviewOf, servedPair } from "./webhook-client.ts";

const patch = [{ op: "add", path: "/metadata/labels", value: {} }] as const;
const webhooks: ReadonlyMap<string, Webhook> = new Map<string, Webhook>([
  ["/mutate", { name: "mutate", handle: () => allow(patch, ["careful"]) }],
  ["/validate", { name: "validate", handle: () => refuse(403, [{ code: "x", path: "spec", message: "No." }]) }],
  [
    "/throws",
    {
      name: "throws",
      handle: () => {
        throw new Error("a bug with a secret in it");
      },
    },
  ],
]);
const body = JSON.stringify(reviewOf());

async function tls({ server, ca }: OpenWebhook, options: object = {}): Promise<TLSSocket> {
  const socket = connect({ port: server.port, host: "127.0.0.1", ca, servername: NAMES[0] ?? "", ...options });
  await once(socket, "secureConnect");
  return socket;
}

/** Ended by a reset or not. */
function closed(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => {
    socket.once("close", resolve).resume();
  });
}

async function textOf(socket: TLSSocket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}

const head = (length: number, more = ""): string =>
  `POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n${more}\r\n`;

test("a review is answered, patched or refused, and counted", async (t) => {
  const webhook = await openWebhook(t, webhooks);
  const patched = await webhook.post("/mutate?timeout=5s", body);
  assert.equal(patched.status, 200);
  assert.equal(patched.headers["content-type"], "application/json");
  const { response } = JSON.parse(patched.text) as { response: Record<string, unknown> };
  assert.equal(response["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
  assert.deepEqual(response["warnings"], ["careful"]);
  const refused = await webhook.post("/validate", body, { "content-type": "Application/JSON; charset=utf-8" });
  assert.equal((JSON.parse(refused.text) as { response: { allowed: boolean } }).response.allowed, false);
  await delay(20);
  assert.deepEqual(
    webhook.observed.map(({ webhook: name, outcome, code }) => [name, outcome, code]),
    [
      ["mutate", "patched", 200],
      ["validate", "refused", 403],
    ],
  );
  const { requests, heldOctets } = webhook.server.load();
  assert.deepEqual([requests, heldOctets], [0, 0]);
});

test("INV-ADMISSION-JUDGED: what is no review is an error, and never allowed", async (t) => {
  const webhook = await openWebhook(t, webhooks, { body: 4096 });
  const cases: readonly (readonly [string, string | Uint8Array, Record<string, string>, number, RegExp])[] = [
    ["/mutate", "{", {}, 400, /not JSON/],
    ["/mutate", body.replace("admission.k8s.io/v1", "v1"), {}, 400, /apiVersion/],
    ["/mutate", body, { "content-type": "text/plain" }, 415, /application\/json/],
    ["/mutate", "x".repeat(5000), {}, 413, /too large/],
    ["/mutate/", body, {}, 404, /not found/],
    ["/MUTATE", body, {}, 404, /not found/],
    ["/throws", body, {}, 500, /^internal error\n$/],
  ];
  for (const [path, sent, headers, status, text] of cases) {
    const answer = await webhook.post(path, sent, headers);
    assert.equal(answer.status, status, path);
    assert.match(answer.text, text);
  }
  assert.equal(webhook.faults.length, 1);
  await delay(20);
  assert.ok(webhook.observed.every(({ outcome }) => outcome === "failed"));
  assert.deepEqual(webhook.server.load().requests, 0);
});

test("only POST is answered", async (t) => {
  const webhook = await openWebhook(t, webhooks);
  const socket = await tls(webhook);
  socket.write("GET /mutate HTTP/1.1\r\nHost: x\r\n\r\n");
  const text = await textOf(socket);
  assert.match(text, /^HTTP\/1\.1 405 /);
  assert.match(text, /^Allow: POST\r$/m);
});

test("TLS 1.3 and 1.2 with forward secrecy, and nothing below", async (t) => {
  const webhook = await openWebhook(t, webhooks);
  const versions = [
    [{}, "TLSv1.3"],
    [{ maxVersion: "TLSv1.2" }, "TLSv1.2"],
  ] as const;
  for (const [options, version] of versions) {
    const socket = await tls(webhook, options);
    assert.equal(socket.getProtocol(), version);
    assert.match(socket.getCipher().name, /^(?:TLS_|ECDHE-.*(?:GCM|CHACHA20))/);
    socket.destroy();
  }
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
  await assert.rejects(tls(webhook, old));
  await assert.rejects(tls(webhook, { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" }));
  // The same after a new certificate: what is not said again would go back to the defaults.
  const { ca, pair } = await servedPair();
  webhook.server.serve(pair);
  await assert.rejects(tls({ ...webhook, ca }, { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" }));
  await assert.rejects(tls({ ...webhook, ca }, old));
});

test("a new certificate is served to new connections, and open ones stay", async (t) => {
  const webhook = await openWebhook(t, webhooks);
  const open = await tls(webhook);
  const { ca, pair } = await servedPair();
  webhook.server.serve(pair);
  await assert.rejects(tls(webhook), /self-signed|unable to verify|signature/);
  const fresh = await tls({ ...webhook, ca });
  for (const socket of [open, fresh]) {
    socket.write(`${head(Buffer.byteLength(body), "Connection: close\r\n")}${body}`);
    assert.match(await textOf(socket), /^HTTP\/1\.1 200 /);
  }
});

test("requests in a pipeline are answered in their order", async (t) => {
  const webhook = await openWebhook(t, webhooks);
  const socket = await tls(webhook);
  const asked = ["a", "b", "c", "d"].map((uid) => JSON.stringify(reviewOf({ uid })));
  const last = asked.length - 1;
  socket.write(
    asked
      .map((text, index) => `${head(Buffer.byteLength(text), index === last ? "Connection: close\r\n" : "")}${text}`)
      .join(""),
  );
  const text = await textOf(socket);
  assert.deepEqual(
    [...text.matchAll(/"uid":"(.)"/g)].map(([, uid]) => uid),
    ["a", "b", "c", "d"],
  );
});

test("a pipeline that is left in the middle leaves nothing behind", async (t) => {
  const webhook = await openWebhook(t, webhooks);
  for (let round = 0; round < 20; round++) {
    const socket = await tls(webhook);
    socket.on("error", () => {});
    const one = `${head(Buffer.byteLength(body))}${body}`;
    socket.write(one.repeat(30) + head(4000) + body.slice(0, 50));
    socket.resume();
    await delay(1);
    socket.destroy();
  }
  await delay(100);
  assert.deepEqual(webhook.server.load(), { connections: 0, requests: 0, heldOctets: 0 });
});

test("a body that ends early, and one that never ends, are let go of", async (t) => {
  const webhook = await openWebhook(t, webhooks, { request: millis(200) });
  const early = await tls(webhook);
  early.on("error", () => {}).end(`${head(1000)}{"half`);
  await closed(early);
  const never = await tls(webhook);
  const began = performance.now();
  never.on("error", () => {});
  never.write(`${head(1000)}{"half`);
  await closed(never);
  assert.ok(performance.now() - began < 1500);
  await delay(20);
  assert.deepEqual(webhook.server.load(), { connections: 0, requests: 0, heldOctets: 0 });
  assert.deepEqual(
    webhook.observed.map(({ outcome }) => outcome),
    ["failed", "failed"],
  );
});

test("a head that trickles and a handshake that is not made end in time", async (t) => {
  const webhook = await openWebhook(t, webhooks, { head: millis(200) });
  const began = performance.now();
  const slow = await tls(webhook);
  slow.on("error", () => {}).write("POST /mutate HTTP/1.1\r\nX: ");
  const drip = setInterval(() => slow.write("a"), 20);
  const silent = connectTcp(webhook.server.port, "127.0.0.1");
  silent.on("error", () => {});
  t.after(() => clearInterval(drip));
  await Promise.all([closed(slow), closed(silent)]);
  clearInterval(drip);
  assert.ok(performance.now() - began < 2000);
  assert.equal(webhook.server.load().connections, 0);
});

test("INV-ADMISSION-FLOOD: peers that hold requests open do not keep the API server out", async (t) => {
  const webhook = await openWebhook(t, webhooks, { requests: 8, connections: 64 });
  const holders: TLSSocket[] = [];
  for (let count = 0; count < 8; count++) {
    const socket = await tls(webhook);
    socket.on("error", () => {}).write(`${head(1000)}{`);
    holders.push(socket);
    while (webhook.server.load().requests < holders.length) await delay(1);
  }
  assert.equal(webhook.server.load().requests, 8);
  const answer = await webhook.post("/mutate", body);
  assert.equal(answer.status, 200);
  const evicted = await textOf(holders[0] as TLSSocket);
  assert.match(evicted, /^HTTP\/1\.1 503 /);
  assert.match(evicted, /^Retry-After: 1\r$/m);
  for (const socket of holders) socket.destroy();
});

test("peers that hold connections do not keep the API server out", async (t) => {
  const webhook = await openWebhook(t, webhooks, { connections: 4 });
  assert.equal((await webhook.post("/mutate", body)).status, 200);
  const idle = Array.from({ length: 10 }, () => connectTcp(webhook.server.port, "127.0.0.1"));
  for (const socket of idle) socket.on("error", () => {});
  await delay(50);
  assert.ok(webhook.server.load().connections <= 4);
  assert.equal((await webhook.post("/mutate", body)).status, 200);
  for (const socket of idle) socket.destroy();
});

test("bodies are bounded together: the one that is being sent for the longest makes room", async (t) => {
  const webhook = await openWebhook(t, webhooks, { body: 600_000, heldBodies: 1_000_000 });
  const holders = await Promise.all([tls(webhook), tls(webhook)]);
  for (const socket of holders) {
    socket.on("error", () => {}).write(head(600_000) + "x".repeat(450_000));
    await delay(30);
  }
  assert.ok(webhook.server.load().heldOctets <= 1_000_000);
  const padded = JSON.stringify({ ...reviewOf(), padding: "y".repeat(400_000) });
  assert.equal((await webhook.post("/mutate", padded)).status, 200);
  assert.match(await textOf(holders[0]), /^HTTP\/1\.1 503 /);
  holders[1].destroy();
  await delay(30);
  assert.equal(webhook.server.load().heldOctets, 0);
});

test("a chunked body is bounded too, and so is a head", async (t) => {
  const webhook = await openWebhook(t, webhooks, { body: 1000 });
  const chunked = await tls(webhook);
  chunked.on("error", () => {});
  chunked.write(
    "POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
  chunked.write(`800\r\n${"x".repeat(2048)}\r\n`);
  assert.match(await textOf(chunked), /^HTTP\/1\.1 413 /);
  const long = await tls(webhook);
  long.on("error", () => {}).write(`POST /mutate HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`);
  assert.match(await textOf(long), /^HTTP\/1\.1 431 /);
});

test("the last reviews are answered while the server closes", async (t) => {
  const webhook = await openWebhook(t, webhooks);
  const socket = await tls(webhook);
  socket.write(head(Buffer.byteLength(body)) + body.slice(0, 10));
  await delay(30);
  const closed = webhook.server[Symbol.asyncDispose]();
  await delay(10);
  socket.write(body.slice(10));
  const text = await textOf(socket);
  assert.match(text, /^HTTP\/1\.1 200 /);
  assert.match(text, /^Connection: close\r$/m);
  await closed;
});

test("2,000 reviews with 64 under way: none fails, nothing is left", async (t) => {
  const webhook = await openWebhook(t, webhooks);
  let left = 2_000;
  let failed = 0;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await webhook.post("/mutate", body);
      if (answer.status !== 200 || !answer.text.includes('"allowed":true')) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  assert.equal(failed, 0);
  await delay(50);
  assert.equal(webhook.observed.length, 2_000);
  assert.deepEqual([webhook.server.load().requests, webhook.server.load().heldOctets], [0, 0]);
});
