import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { portOf } from "../../../../router/core/base/quantity.ts";
import { type AnswerDns, bindDnsListener } from "../../../../router/edge/listeners/dns-listener.ts";
import { freePort } from "../../../fakes/ports.ts";
import { queryOctets } from "../../../fuzz/wire/dns-octets.ts";
import { ip } from "../../core/policy/policy-fixture.ts";

interface Bound extends AsyncDisposable {
  readonly port: number;
  readonly bound: readonly string[];
  readonly failed: readonly unknown[];
}

async function listen(answer: AnswerDns, addresses: readonly string[] = ["127.0.0.1"]): Promise<Bound> {
  const port = portOf(await freePort());
  assert.ok(port !== undefined);
  const failed: unknown[] = [];
  const listener = await bindDnsListener({ addresses: addresses.map(ip), port }, answer, (thrown) =>
    failed.push(thrown),
  );
  return {
    port,
    bound: listener.bound,
    failed,
    async [Symbol.asyncDispose]() {
      listener.close();
      await pause(0);
    },
  };
}

/** Says what it was asked, and over what. */
const echo: AnswerDns = async (query, over) => Buffer.concat([query, Buffer.from(over)]);

async function overUdp(host: string, port: number, query: Uint8Array): Promise<string> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    socket.send(query, port, host);
    const [reply, from] = (await once(socket, "message")) as [Buffer, { readonly port: number }];
    assert.equal(from.port, port);
    return reply.toString("latin1");
  } finally {
    socket.close();
  }
}

function framed(query: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([query.length >> 8, query.length & 0xff]), query]);
}

async function connected(port: number): Promise<{ readonly socket: Socket; readonly received: () => Buffer }> {
  const socket = connect({ port, host: "127.0.0.1" });
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => parts.push(part)).on("error", () => undefined);
  await once(socket, "connect");
  return { socket, received: () => Buffer.concat(parts) };
}

async function until(what: () => boolean): Promise<void> {
  const deadline = performance.now() + 2_000;
  while (!what()) {
    assert.ok(performance.now() < deadline, "it did not come to that");
    await pause(2);
  }
}

/** Lets what is on its way arrive, while the clock stands still. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const hasIpv6 = await new Promise<boolean>((resolve) => {
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen(0, "::1", () => server.close(() => resolve(true)));
});

test("DNS is served over UDP and TCP, of both families where there are two", async () => {
  await using listener = await listen(echo, ["127.0.0.1", "::1"]);
  assert.equal(listener.bound.length, hasIpv6 ? 2 : 1);
  for (const host of hasIpv6 ? ["127.0.0.1", "::1"] : ["127.0.0.1"]) {
    assert.equal(await overUdp(host, listener.port, Buffer.from("query")), "queryudp");
  }
  const { socket, received } = await connected(listener.port);
  socket.write(framed(Buffer.from("query")));
  await until(() => received().length === 10);
  assert.equal(received().toString("latin1", 2), "querytcp");
  socket.destroy();
});

test("an address that is taken is fatal, and nothing stays bound", async () => {
  const port = portOf(await freePort());
  assert.ok(port !== undefined);
  const taken = createSocket("udp4");
  taken.bind(port, "127.0.0.1");
  await once(taken, "listening");
  const config = { addresses: [ip("127.0.0.1")], port };
  await assert.rejects(
    bindDnsListener(config, echo, () => undefined),
    { code: "EADDRINUSE" },
  );
  taken.close();
  await once(taken, "close");
  const listener = await bindDnsListener(config, echo, () => undefined);
  listener.close();
});

test("INV-DNS-LISTENER: silence and a bug cost one answer over UDP, and the connection over TCP", async () => {
  await using listener = await listen(async (query, over) => {
    const text = Buffer.from(query).toString("latin1");
    if (text === "bug") throw new Error("a bug");
    return text === "silence" ? undefined : echo(query, over);
  });
  const socket = createSocket("udp4");
  for (const query of ["bug", "silence", "last"]) socket.send(query, listener.port, "127.0.0.1");
  const [reply] = (await once(socket, "message")) as [Buffer];
  socket.close();
  assert.equal(reply.toString("latin1"), "lastudp");
  assert.equal(listener.failed.length, 1);
  for (const query of ["bug", "silence"]) {
    const client = await connected(listener.port);
    client.socket.write(framed(Buffer.from(query)));
    await once(client.socket, "close");
    assert.equal(client.received().length, 0);
  }
});

test("INV-DNS-LISTENER: queries in pieces and in a row are answered as they come; at the client's end the rest is still said", async () => {
  const slow = Promise.withResolvers<void>();
  await using listener = await listen(async (query, over) => {
    if (query[0] === 0x73) await slow.promise;
    return echo(query, over);
  });
  const { socket, received } = await connected(listener.port);
  const queries = ["slow", "one", "two"].map((text) => framed(Buffer.from(text)));
  const all = Buffer.concat(queries);
  for (const octet of all) {
    socket.write(Buffer.from([octet]));
    if (octet === 0) await pause(1);
  }
  socket.end();
  await until(() => received().length === 2 * 8);
  slow.resolve();
  await once(socket, "end");
  const said = ["onetcp", "twotcp", "slowtcp"].map((text) => framed(Buffer.from(text)).toString("latin1")).join("");
  assert.equal(received().toString("latin1"), said);
});

test("INV-DNS-LISTENER: no more than sixteen queries of a connection at the same time", async () => {
  let open = 0;
  let most = 0;
  await using listener = await listen(async (query, over) => {
    open += 1;
    most = Math.max(most, open);
    await pause(2);
    open -= 1;
    return echo(query, over);
  });
  const { socket, received } = await connected(listener.port);
  const query = queryOctets("a.example");
  socket.write(Buffer.concat(Array.from({ length: 100 }, () => framed(query))));
  await until(() => received().length === 100 * (query.length + 5));
  assert.equal(most, 16);
  socket.destroy();
});

test("INV-DNS-LISTENER: a query of more than 4096 octets ends the connection before it is read", async () => {
  await using listener = await listen(echo);
  const { socket, received } = await connected(listener.port);
  socket.write(Buffer.from([0x10, 0x01, 1]));
  await until(() => socket.destroyed);
  assert.equal(received().length, 0);
});

test("INV-DNS-LISTENER: 64 connections and no more; one that ends makes room", async () => {
  await using listener = await listen(echo);
  const clients = [];
  for (let index = 0; index < 64; index++) clients.push(await connected(listener.port));
  const [first] = clients;
  assert.ok(first !== undefined);
  first.socket.write(framed(Buffer.from("x")));
  await until(() => first.received().length > 0);
  const turnedAway = connect({ port: listener.port, host: "127.0.0.1" });
  await assert.rejects(once(turnedAway, "close"), { code: "ECONNRESET" });
  first.socket.destroy();
  await once(first.socket, "close");
  await pause(50);
  const next = await connected(listener.port);
  next.socket.write(framed(Buffer.from("y")));
  await until(() => next.received().length > 0);
  for (const { socket } of [...clients, next]) socket.destroy();
});

test("INV-DNS-LISTENER: who is silent or sends by the octet is cut after ten seconds", async (context) => {
  await using listener = await listen(echo);
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { socket: silent } = await connected(listener.port);
  const { socket: slow } = await connected(listener.port);
  slow.write(Buffer.from([0, 5, 1]));
  await turns();
  context.mock.timers.tick(9_000);
  slow.write(Buffer.from([2]));
  await turns();
  assert.equal(slow.destroyed || silent.destroyed, false);
  context.mock.timers.tick(1_000);
  await Promise.all([once(silent, "close"), once(slow, "close")]);
});

test("INV-DNS-LISTENER: who asks and does not read is cut", async () => {
  let answered = 0;
  await using listener = await listen(async () => {
    answered += 1;
    return new Uint8Array(60_000);
  });
  const { socket } = await connected(listener.port);
  socket.pause();
  socket.write(Buffer.concat(Array.from({ length: 1_000 }, () => framed(Buffer.from("q")))));
  let before = -1;
  for (; answered === 0 || answered !== before; await pause(50)) before = answered;
  assert.ok(answered < 500, `${answered}`);
  socket.destroy();
});

test("INV-DNS-LISTENER: no more than 512 queries over UDP wait for an answer", async () => {
  const waiting = Promise.withResolvers<void>();
  let asked = 0;
  await using listener = await listen(async (query, over) => {
    asked += 1;
    await waiting.promise;
    return echo(query, over);
  });
  const socket = createSocket("udp4");
  // In handfuls, so that none is lost on the way.
  for (let sent = 0; sent < 512; sent += 32) {
    for (let count = 0; count < 32; count++) socket.send(Buffer.from("q"), listener.port, "127.0.0.1");
    await until(() => asked === sent + 32);
  }
  for (let count = 0; count < 32; count++) socket.send(Buffer.from("q"), listener.port, "127.0.0.1");
  await pause(20);
  assert.equal(asked, 512);
  waiting.resolve();
  socket.close();
  assert.equal(await overUdp("127.0.0.1", listener.port, Buffer.from("again")), "againudp");
});

test("closing ends connections that are open", async () => {
  const port = portOf(await freePort());
  assert.ok(port !== undefined);
  const listener = await bindDnsListener({ addresses: [ip("127.0.0.1")], port }, echo, () => undefined);
  const { socket } = await connected(port);
  socket.write(framed(Buffer.from("x")));
  await once(socket, "data");
  listener.close();
  await until(() => socket.destroyed);
});
