import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import { fail, ok } from "../../../../router/core/base/result.ts";
import { parseEndpoint } from "../../../../router/core/config/endpoint-shape.ts";
import type { Hostname } from "../../../../router/core/wire/hostname.ts";
import type { IpAddress } from "../../../../router/core/wire/ip-address.ts";
import {
  createPoster,
  MAXIMUM_BODY,
  type PostAnswer,
  type Poster,
  type PosterOptions,
} from "../../../../router/edge/upstream/post.ts";
import { testCa, tlsOrigin } from "../../../fakes/origins.ts";
import { soonest } from "../../../fakes/soonest.ts";

const DEADLINES = { connect: millis(300), head: millis(200), body: millis(150), total: millis(800) };
const NEVER = new AbortController().signal;
const toLoopback = async (): Promise<{ ok: true; value: IpAddress[] }> => ok(["127.0.0.1" as IpAddress]);

function posterTo(url: string, changes: Partial<PosterOptions> = {}): Poster {
  const endpoint = parseEndpoint(url);
  assert.ok(endpoint.ok);
  const poster = createPoster({
    endpoint: endpoint.value,
    ca: undefined,
    resolve: toLoopback,
    deadlines: DEADLINES,
    ...changes,
  });
  assert.ok(poster.ok);
  return poster.value;
}

/** A receiver that gives each connection, with what came first, to `serve`; returns its port. */
async function receiver(t: TestContext, serve: (socket: Socket, request: string) => void): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", (data: Buffer) => serve(socket, data.toString("latin1")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const OK = "HTTP/1.1 200 OK\r\n";

test("a request, as it is on the wire: one POST to path and query, without anything of a proxy", async (t) => {
  const requests: string[] = [];
  const port = await receiver(t, (socket, request) => {
    requests.push(request);
    socket.write(`${OK}content-length: 2\r\n\r\nok`);
    socket.on("data", (data: Buffer) => {
      requests.push(data.toString("latin1"));
      socket.write("HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n");
    });
  });
  const before = process.env["HTTP_PROXY"];
  process.env["HTTP_PROXY"] = process.env["http_proxy"] = "http://127.0.0.1:1";
  t.after(() => {
    delete process.env["http_proxy"];
    if (before === undefined) delete process.env["HTTP_PROXY"];
    else process.env["HTTP_PROXY"] = before;
  });
  const poster = posterTo(`http://collector.test:${port}/in%2F/x?a=b`);
  await poster.prepare();
  const headers = { "content-type": "text/plain", authorization: "Bearer t" };
  const answered: PostAnswer = { status: 200, retryAfter: undefined, contentType: undefined, body: "ok" };
  assert.deepEqual(await poster.post(headers, "b\u00f6dy", NEVER), ok(answered));
  const slow = await poster.post(headers, Buffer.from([0, 255]), NEVER);
  assert.deepEqual(slow, ok({ status: 429, retryAfter: "7", contentType: undefined, body: "" }));
  poster.close();
  assert.deepEqual(requests[0]?.split("\r\n"), [
    "POST /in%2F/x?a=b HTTP/1.1",
    `host: collector.test:${port}`,
    "connection: keep-alive",
    "content-type: text/plain",
    "authorization: Bearer t",
    "content-length: 5",
    "",
    Buffer.from("b\u00f6dy").toString("latin1"),
  ]);
  assert.ok(requests[1]?.endsWith("content-length: 2\r\n\r\n\0\xff"), "over the same connection");
});

test("INV-EXPORT-DEADLINE: whatever an endpoint does, a request ends by its deadline, in a value", async (t) => {
  type Row = readonly [what: string, serve: (socket: Socket) => void, expected: number | RegExp];
  const every = (socket: Socket, write: () => void): void => {
    const timer = setInterval(write, 5);
    socket.on("close", () => clearInterval(timer));
  };
  const rows: readonly Row[] = [
    ["answers nothing", () => undefined, /UND_ERR_HEADERS_TIMEOUT|no answer within 800 ms/],
    ["hangs in the head", (socket) => socket.write(`${OK}x: `), /UND_ERR_HEADERS_TIMEOUT|no answer within 800 ms/],
    ["drips a head", (socket) => every(socket, () => socket.write("H")), /HPE|the request failed|UND_ERR/],
    [
      "drips a field",
      (socket) => every(socket, () => socket.write(socket.bytesWritten === 0 ? `${OK}x: ` : "a")),
      /no answer|UND_ERR/,
    ],
    ["informs for ever", (socket) => every(socket, () => socket.write("HTTP/1.1 103 E\r\n\r\n")), /no answer|UND_ERR/],
    ["continues", (socket) => socket.write("HTTP/1.1 100 C\r\n\r\n"), /UND_ERR_SOCKET/],
    [
      "switches",
      (socket) => socket.write("HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
      /UND_ERR_SOCKET/,
    ],
    ["sends a huge head", (socket) => socket.write(`${OK}x: ${"a".repeat(200_000)}`), /UND_ERR_HEADERS_OVERFLOW/],
    ["speaks something else", (socket) => socket.end("220 smtp\r\n"), /the request failed/],
    ["closes", (socket) => socket.destroy(), /UND_ERR_SOCKET|ECONNRESET/],
    ["resets", (socket) => socket.resetAndDestroy(), /ECONNRESET/],
    ["hangs in the body", (socket) => socket.write(`${OK}content-length: 9\r\n\r\nok`), 200],
    ["drips a body", (socket) => every(socket, () => socket.write(socket.bytesWritten === 0 ? `${OK}\r\n` : "a")), 200],
    ["breaks in the body", (socket) => socket.end(`${OK}content-length: 9\r\n\r\nok`), 200],
    ["breaks a chunk", (socket) => socket.end(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\n`), 200],
    [
      "redirects",
      (socket) => socket.end("HTTP/1.1 307 T\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
      307,
    ],
  ];
  await Promise.all(
    rows.map(async ([what, serve, expected]) => {
      let connections = 0;
      const port = await receiver(t, (socket) => {
        connections += 1;
        serve(socket);
      });
      // Once there is a status, only the body's own deadline is waited for.
      const most = expected === 200 ? 650 : 1_500;
      const took = await soonest(most, async () => {
        connections = 0;
        const poster = posterTo(`http://127.0.0.1:${port}/secret-path?key=secret`);
        await poster.prepare();
        const began = performance.now();
        const answer = await poster.post({ authorization: "Bearer s3cret" }, "x".repeat(200_000), NEVER);
        const millis = performance.now() - began;
        if (typeof expected === "number") assert.equal(answer.ok && answer.value.status, expected, what);
        else assert.match(answer.ok ? "" : answer.problem, expected, what);
        assert.ok(answer.ok || !/secret|s3cret/.test(answer.problem), what);
        assert.equal(connections, 1, what);
        poster.close();
        return millis;
      });
      assert.ok(took < most, `${what}: ${took} ms`);
    }),
  );
});

test("an endless body is cut, and 4 KiB of it are kept", async (t) => {
  let sent = 0;
  const port = await receiver(t, (socket) => {
    const part = Buffer.alloc(65_536, "a");
    const fill = (): void => {
      while (!socket.destroyed && socket.write(part)) sent += part.length;
    };
    socket.write(`${OK}\r\n`);
    socket.on("drain", fill);
    fill();
  });
  const poster = posterTo(`http://127.0.0.1:${port}/`);
  const answer = await poster.post({}, "x", NEVER);
  assert.ok(answer.ok);
  assert.deepEqual([answer.value.status, answer.value.body], [200, "a".repeat(MAXIMUM_BODY)]);
  assert.ok(sent < 20_000_000);
  poster.close();
});

test("after any failure the next request finds a client that works", async (t) => {
  let count = 0;
  const port = await receiver(t, (socket) => {
    count += 1;
    if (count === 1) socket.destroy();
    else if (count > 2) socket.end(`${OK}content-length: 0\r\n\r\n`);
  });
  const poster = posterTo(`http://127.0.0.1:${port}/`);
  const post = async (headers: Record<string, string>, signal = NEVER): Promise<string | number> => {
    const answer = await poster.post(headers, "x", signal);
    return answer.ok ? answer.value.status : answer.problem;
  };
  assert.match(String(await post({})), /UND_ERR_SOCKET|ECONNRESET/);
  assert.match(String(await post({})), /UND_ERR_HEADERS_TIMEOUT|no answer/);
  assert.equal(await post({ a: "b\r\nc: d" }), `http://127.0.0.1:${port}: UND_ERR_INVALID_ARG.`);
  assert.equal(await post({}), 200);
  assert.equal(await post({}, AbortSignal.abort()), `http://127.0.0.1:${port}: given up.`);
  assert.equal(await post({}), 200);
  poster.close();
  assert.equal(await post({}), 200);
  poster.close();
});

test("to give up ends a request at once, while it connects, too", async (t) => {
  const port = await receiver(t, () => undefined);
  for (const url of [`http://127.0.0.1:${port}/`, "http://slow.test/"]) {
    const took = await soonest(150, async () => {
      const poster = posterTo(url, { resolve: url.includes("slow") ? () => new Promise(() => undefined) : toLoopback });
      await poster.prepare();
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 30);
      const began = performance.now();
      const answer = await poster.post({}, "x", stop.signal);
      const millis = performance.now() - began;
      assert.match(answer.ok ? "" : answer.problem, /: given up\.$/);
      poster.close();
      return millis;
    });
    assert.ok(took < 150, `${took} ms`);
  }
});

test("names go through the resolver that is given, and to nothing else", async (t) => {
  const port = await receiver(t, (socket) => socket.end(`${OK}content-length: 0\r\n\r\n`));
  const asked: Hostname[] = [];
  const found = posterTo(`http://Collector.Test.:${port}/`, {
    resolve: (host) => {
      asked.push(host);
      return Promise.resolve(ok(["::1" as IpAddress, "127.0.0.1" as IpAddress]));
    },
  });
  assert.ok((await found.post({}, "", NEVER)).ok, "the second address answers where the first does not");
  assert.deepEqual(asked, ["collector.test"]);
  found.close();
  const unknown = posterTo(`http://localhost:${port}/`, {
    resolve: () => Promise.resolve(fail({ reason: "dns_failure", detail: "" })),
  });
  assert.deepEqual(await unknown.post({}, "", NEVER), fail(`http://localhost:${port}: ENOTFOUND.`));
  unknown.close();
});

test("INV-EXPORT-TLS: a certificate must be of the operator's CA and for the name, whatever the environment says", async (t) => {
  await using origin = await tlsOrigin(["siem.test"]);
  const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  t.after(() => {
    if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
  });
  const ca = testCa().certificatePem;
  const rows: readonly (readonly [name: string, ca: string | undefined, expected: RegExp | number])[] = [
    ["siem.test", ca, 200],
    ["siem.test", undefined, /: (?:SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_[A-Z_]+)\.$/],
    ["other.test", ca, /: ERR_TLS_CERT_ALTNAME_INVALID\.$/],
    ["127.0.0.1", ca, /: ERR_TLS_CERT_ALTNAME_INVALID\.$/],
  ];
  for (const [name, trusted, expected] of rows) {
    const poster = posterTo(`https://${name}:${origin.port}/`, { ca: trusted });
    const answer = await poster.post({}, "x", NEVER);
    if (typeof expected === "number") assert.equal(answer.ok && answer.value.status, expected, name);
    else assert.match(answer.ok ? "" : answer.problem, expected, name);
    poster.close();
  }
  assert.deepEqual(origin.seen.requests, [`POST / siem.test:${origin.port}`]);
  const endpoint = parseEndpoint("https://siem.test/");
  assert.ok(endpoint.ok);
  for (const bad of [
    "",
    "junk",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    `${ca}${ca.slice(0, 90)}\n-----END CERTIFICATE-----`,
  ]) {
    const poster = createPoster({ endpoint: endpoint.value, ca: bad, resolve: toLoopback, deadlines: DEADLINES });
    assert.deepEqual(poster, fail("The certificates for https://siem.test cannot be read."));
  }
});
