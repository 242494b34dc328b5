import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { millis } from "../../router/core/base/quantity.ts";
import type { ModelClientOptions } from "../../router/edge/upstream/model-client.ts";
import { endLine, modelClient, received } from "../fakes/model-call.ts";
import { startModelOrigin } from "../fakes/model-origin.ts";
import { fakeOrigin } from "../fakes/origin-server.ts";
import { testCa } from "../fakes/origins.ts";
import { soonest } from "../fakes/soonest.ts";
import { until } from "../fakes/until.ts";

function over(ca: string | undefined, serverName?: string): Partial<ModelClientOptions> {
  return { scheme: "https", tls: { ca, serverName } };
}

test("calls over TLS: one connection, the provider's name and no HTTP/2", async () => {
  await using origin = await startModelOrigin([{ echo: true }], { tls: ["origin.test"] });
  const client = modelClient(origin.port, over(testCa().certificatePem));
  try {
    for (let call = 0; call < 2; call++) {
      assert.equal(endLine(await received(client).ended), "completed");
      await pause(5);
    }
    assert.equal(origin.connections, 1);
    const [socket] = origin.open;
    assert.ok(socket !== undefined && "alpnProtocol" in socket && "servername" in socket);
    assert.equal(socket.alpnProtocol, "http/1.1");
    assert.equal(socket.servername, "origin.test");
  } finally {
    client.destroy();
  }
});

const unverified: readonly (readonly [string, readonly string[], () => Partial<ModelClientOptions>, string])[] = [
  ["of an authority nobody knows", ["origin.test"], () => over(undefined), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ["for another name", ["other.test"], () => over(testCa().certificatePem), "ERR_TLS_CERT_ALTNAME_INVALID"],
  [
    "not for the name asked for",
    ["origin.test"],
    () => over(testCa().certificatePem, "other.test"),
    "ERR_TLS_CERT_ALTNAME_INVALID",
  ],
  [
    "while the authorities are no certificates",
    ["origin.test"],
    () => over("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    "the provider's certificates cannot be read",
  ],
  ["while there are no authorities", ["origin.test"], () => over(""), "the provider's certificates cannot be read"],
];
for (const [name, names, options, expected] of unverified) {
  test(`INV-MODEL-TLS: a certificate ${name} is refused, whatever NODE_TLS_REJECT_UNAUTHORIZED says`, async () => {
    await using origin = await startModelOrigin([], { tls: names });
    const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    const client = modelClient(origin.port, options());
    try {
      // Twice: what a refused server offered to resume by must not be taken up.
      for (let call = 0; call < 2; call++) {
        assert.equal(endLine(await received(client).ended), `upstream_unreachable (): 127.0.0.1 ${expected}`);
      }
      assert.equal(origin.requests.length, 0);
      await until(() => client.connections === 0);
    } finally {
      client.destroy();
      if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
    }
  });
}

test("a server name of the policy's own is what the certificate is held against", async () => {
  await using origin = await startModelOrigin([], { tls: ["other.test"] });
  const client = modelClient(origin.port, over(testCa().certificatePem, "other.test"));
  try {
    assert.equal(endLine(await received(client).ended), "completed");
    assert.equal(origin.requests[0]?.headers.host, `origin.test:${origin.port}`);
  } finally {
    client.destroy();
  }
});

test("a verified session is resumed by the next connection", async () => {
  await using origin = await startModelOrigin([{ headers: { connection: "close" } }], { tls: ["origin.test"] });
  const resumed: boolean[] = [];
  const client = modelClient(origin.port, over(testCa().certificatePem));
  try {
    for (let call = 0; call < 3; call++) {
      const got = received(client);
      await origin.seen(call + 1);
      for (const socket of origin.open) {
        if ("isSessionReused" in socket && typeof socket.isSessionReused === "function") {
          resumed.push(socket.isSessionReused() === true);
        }
      }
      assert.equal(endLine(await got.ended), "completed");
      await until(() => origin.open.size === 0);
    }
    assert.equal(origin.connections, 3);
    assert.deepEqual(resumed, [false, true, true]);
  } finally {
    client.destroy();
  }
});

test("a call aborted over TLS is cut at once", async () => {
  await using origin = await startModelOrigin([{ hang: true }], { tls: ["origin.test"] });
  const client = modelClient(origin.port, over(testCa().certificatePem));
  try {
    let calls = 0;
    const took = await soonest(250, async () => {
      const got = received(client);
      calls += 1;
      await origin.seen(calls);
      const began = performance.now();
      got.call.abort();
      assert.equal(await origin.requests[calls - 1]?.ended, "aborted");
      const millis = performance.now() - began;
      assert.equal((await got.ended).cause, "aborted");
      return millis;
    });
    assert.ok(took < 250, `${took} ms`);
  } finally {
    client.destroy();
  }
});

test("a server that never says a word of TLS, and one that speaks HTTP, end the connection's time and the handshake", async () => {
  const silent = await fakeOrigin(() => undefined);
  const waiting = modelClient(silent.port, { ...over(undefined), timeout: millis(60) });
  assert.equal(endLine(await received(waiting).ended), "upstream_unreachable (): no connection within 60 ms");
  waiting.destroy();
  await silent.close();
  await using origin = await startModelOrigin();
  const client = modelClient(origin.port, over(undefined));
  const line = endLine(await received(client).ended);
  assert.ok(line.startsWith("upstream_unreachable (): 127.0.0.1 "), line);
  client.destroy();
});

test("calls over TLS cut at any moment, also from within their sinks and before an answer, end once and take nobody along", async () => {
  const frames = Array.from({ length: 6 }, (_, at) => `data: ${"x".repeat(at * 4_000)}\n\n`);
  await using origin = await startModelOrigin([{ frames, delayBetween: 1 }], { tls: ["origin.test"] });
  const client = modelClient(origin.port, over(testCa().certificatePem));
  try {
    const calls = Array.from({ length: 120 }, (_, at) => {
      const got = received(client);
      const cut = (): void => got.call.abort();
      if (at % 4 === 0) setTimeout(cut, at % 60);
      else if (at % 4 === 1) void got.headed.then(cut);
      else if (at % 4 === 2) {
        got.onData = () => {
          if (got.chunks.length === at % 7) cut();
          setImmediate(() => got.call.resume());
          return at % 3 > 0;
        };
      }
      return got;
    });
    for (const { ended } of calls) assert.match((await ended).cause, /^(?:completed|aborted)$/);
    assert.ok(calls.every(({ ends }) => ends === 1));
    assert.equal(endLine(await received(client).ended), "completed");
    await client.close();
    await until(() => origin.open.size === 0);
  } finally {
    client.destroy();
  }
});
