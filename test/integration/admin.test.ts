import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { connect, Server, type Socket } from "node:net";
import { after, before, describe, mock, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { ListenerConfig } from "../../router/core/config/router-config.ts";
import { parseIpAddress } from "../../router/core/wire/ip-address.ts";
import { type AdminServer, openAdminServer } from "../../router/edge/admin/admin-server.ts";

// Takes about 7 s: what is shown of slow peers needs their deadline of 5 s to pass.

const MARK = "sluicemark";
const run = promisify(execFile);

let server: AdminServer;
let port: number;
let scrapes = 0;
let page = "metric 1\n";
let breaks = false;
const faults: unknown[] = [];

/** Port 0, which no configuration can hold: the kernel chooses. */
function anyPort(...addresses: readonly string[]): ListenerConfig {
  const parsed = addresses.map((address) => {
    const value = parseIpAddress(address);
    assert.ok(value !== undefined);
    return value;
  });
  return { addresses: parsed, port: 0 as ListenerConfig["port"] };
}

const rooms = {
  conditions: () => [{ name: "policy", state: "ok", reason: "" } as const],
  status: () => {
    if (breaks) throw new Error(`bug with ${MARK}`);
    return { ok: true };
  },
  attestation: () => undefined,
  metrics: () => {
    scrapes += 1;
    return Promise.resolve({ contentType: "text/plain; version=0.0.4; charset=utf-8", body: page });
  },
};

const portOf = (bound: string | undefined): number => Number(bound?.slice(bound.lastIndexOf(":") + 1));

before(async () => {
  server = await openAdminServer(anyPort("::"), rooms, (thrown) => faults.push(thrown));
  port = portOf(server.bound[0]);
});

after(() => server[Symbol.asyncDispose]());

async function curl(...args: readonly string[]): Promise<string> {
  const { stdout } = await run("curl", ["--silent", "--noproxy", "*", "--max-time", "3", ...args]);
  return stdout.replaceAll("\r", "");
}

const url = (path: string, host = "127.0.0.1"): string => `http://${host}:${port}${path}`;

interface Heard {
  readonly socket: Socket;
  readonly text: () => string;
  /** Milliseconds until the peer closed. */
  readonly closed: Promise<number>;
}

function open(bytes: string | Uint8Array): Heard {
  const from = performance.now();
  const socket = connect({ host: "127.0.0.1", port });
  let text = "";
  socket.on("data", (chunk) => (text += chunk.toString("latin1")));
  // A reset is one of the ways in which the server may close.
  socket.on("error", () => socket.destroy());
  socket.write(bytes);
  const closed = new Promise<number>((resolve) => socket.once("close", () => resolve(performance.now() - from)));
  return { socket, text: () => text, closed };
}

/** Sends bytes, and gives everything that came back until the server closed. */
async function exchange(bytes: string | Uint8Array): Promise<string> {
  const heard = open(bytes);
  await within(2_000, heard.closed);
  return heard.text();
}

function within<Value>(milliseconds: number, wanted: Promise<Value>): Promise<Value> {
  const late = delay(milliseconds, undefined, { ref: false }).then(() =>
    assert.fail(`not closed within ${milliseconds} ms`),
  );
  return Promise.race([wanted, late]);
}

const statusOf = (reply: string): string =>
  reply === "" ? "closed" : (/^HTTP\/1\.[01] (\d{3})/.exec(reply)?.[1] ?? "?");

describe("admin listener", { concurrency: false }, () => {
  test("curl gets what contract.md promises, over both families", async () => {
    for (const host of ["127.0.0.1", "[::1]"]) {
      assert.equal(await curl(url("/livez", host)), "ok\n");
      assert.equal(await curl(url("/readyz?verbose", host)), "[+]policy ok\nreadyz check passed\n");
      assert.equal(await curl(url("/status", host)), '{"ok":true}\n');
    }
    const reply = await curl("--include", url("/metrics"));
    assert.match(reply, /^HTTP\/1\.1 200 OK\n/);
    assert.match(reply, /^Content-Type: text\/plain; version=0\.0\.4; charset=utf-8$/m);
    assert.match(reply, /^Connection: close$/m);
    assert.doesNotMatch(reply, /access-control|server:|x-powered/i);
    const head = await curl("--head", url("/metrics"));
    assert.match(head, /^Content-Length: 9$/m);
    assert.ok(head.endsWith("\n\n"), "a reply to HEAD has no body");
    assert.equal(await curl("--http1.0", url("/livez")), "ok\n");
    assert.equal(await curl("-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "-d", "x", url("/status")), "405");
    assert.equal(await curl("-o", "/dev/null", "-w", "%{http_code}", url("/nothing")), "404");
    assert.equal(
      await curl("-o", "/dev/null", "-w", "%{http_code}", "-H", "Expect: 100-continue", "-d", "x", url("/livez")),
      "405",
    );
  });

  test("INV-ADM-1: any bytes get an answer or a close, none of them comes back, and the server goes on", async () => {
    const huge = "a".repeat(9_000);
    const rows: readonly (readonly [string, string | Uint8Array, readonly string[]])[] = [
      ["HTTP/1.0 without Host", "GET /livez HTTP/1.0\r\n\r\n", ["200"]],
      ["HTTP/1.1 without Host", "GET /livez HTTP/1.1\r\n\r\n", ["400"]],
      ["HTTP/0.9", "GET /livez\r\n\r\n", ["200", "400"]],
      ["HTTP/2 with prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ["400"]],
      ["HTTP/9.9", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", ["400"]],
      ["a ClientHello", Buffer.from("16030100c8010000c40303", "hex"), ["400"]],
      ["zeros", Buffer.alloc(4_096), ["400"]],
      ["nothing but line ends, then nonsense", `\r\n\r\n\r\n${MARK}\r\n\r\n`, ["400"]],
      ["a megabyte of one letter", "A".repeat(1 << 20), ["400", "closed"]],
      ["a target over 8 KiB", `GET /${huge} HTTP/1.1\r\nHost: x\r\n\r\n`, ["431"]],
      ["a field over 8 KiB", `GET /livez HTTP/1.1\r\nHost: x\r\nX-${MARK}: ${huge}\r\n\r\n`, ["431"]],
      ["many small fields", `GET /livez HTTP/1.1\r\nHost: x\r\n${"a: b\r\n".repeat(3_000)}\r\n`, ["431"]],
      ["a bare LF", `GET /livez HTTP/1.1\nHost: ${MARK}\n\n`, ["400", "200"]],
      ["a NUL in a field", `GET /livez HTTP/1.1\r\nHost: x\r\nX: a\0${MARK}\r\n\r\n`, ["400"]],
      ["obs-fold", `GET /livez HTTP/1.1\r\nHost: x\r\n ${MARK}\r\n\r\n`, ["400"]],
      [
        "both lengths",
        "POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ["400"],
      ],
      ["two lengths", "POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", ["400"]],
      ["a negative length", "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", ["400"]],
      ["an unknown path", `GET /${MARK}?${MARK} HTTP/1.1\r\nHost: ${MARK}\r\nReferer: ${MARK}\r\n\r\n`, ["404"]],
      ["script in the path", `GET /<script>${MARK}</script> HTTP/1.1\r\nHost: x\r\n\r\n`, ["404"]],
      ["absolute-form", `GET http://${MARK}/livez HTTP/1.1\r\nHost: ${MARK}\r\n\r\n`, ["404"]],
      ["CONNECT", `CONNECT ${MARK}:443 HTTP/1.1\r\nHost: ${MARK}\r\n\r\n`, ["closed"]],
      ["TRACE", `TRACE /livez HTTP/1.1\r\nHost: x\r\nX: ${MARK}\r\n\r\n`, ["405"]],
      ["OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\nOrigin: http://evil\r\n\r\n", ["404"]],
      ["an upgrade", "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", ["200"]],
      ["an unknown expectation", `GET /livez HTTP/1.1\r\nHost: x\r\nExpect: ${MARK}\r\n\r\n`, ["200"]],
      ["keep-alive is not kept", "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", ["200"]],
      ["a body that never comes", "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", ["200"]],
    ];
    for (const [name, bytes, expected] of rows) {
      const reply = await exchange(bytes).catch((thrown: unknown) => assert.fail(`${name}: ${String(thrown)}`));
      assert.ok(expected.includes(statusOf(reply)), `${name}: ${statusOf(reply)} ${reply.slice(0, 200)}`);
      assert.ok(!reply.includes(MARK), `${name}: echoed`);
      assert.doesNotMatch(reply, /access-control/i, name);
    }
    assert.equal(await curl(url("/livez")), "ok\n");
    assert.deepEqual(faults, []);
  });

  test("a head that comes octet by octet is read", async () => {
    const heard = open("");
    for (const octet of "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") {
      heard.socket.write(octet);
      await delay(1);
    }
    await heard.closed;
    assert.match(heard.text(), /^HTTP\/1\.1 200 /);
  });

  test("of 10,000 pipelined requests one is worked on", async () => {
    scrapes = 0;
    const reply = await exchange("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10_000));
    await delay(50);
    assert.equal(scrapes, 1);
    assert.ok(reply.split("HTTP/1.1 200").length <= 2, "at most one reply");
  });

  test("a bug in a room is a plain 500, is reported, and stays there", async () => {
    breaks = true;
    const reply = await exchange("GET /status HTTP/1.1\r\nHost: x\r\n\r\n");
    breaks = false;
    assert.equal(statusOf(reply), "500");
    assert.ok(reply.endsWith("internal error\n") && !reply.includes(MARK));
    assert.equal(faults.length, 1);
    assert.equal(await curl(url("/status")), '{"ok":true}\n');
  });

  test("INV-ADM-2: slow and silent peers are closed at their deadline, and keep nobody out", async () => {
    page = "m 1\n".repeat(8 << 20);
    const reader = open("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    reader.socket.pause();
    await delay(100);
    page = "metric 1\n";

    const silent = open("");
    const loris = Array.from({ length: 50 }, () => open("GET /livez HTTP/1.1\r\n"));
    const timer = setInterval(() => {
      for (const { socket } of loris) if (!socket.destroyed) socket.write("X-a: b\r\n");
    }, 200);
    try {
      // The kubelet's probe has one second, all the while.
      for (let probe = 0; probe < 10; probe += 1) {
        assert.equal(await curl("--max-time", "1", url("/livez")), "ok\n");
        await delay(100);
      }
      const all = [silent, ...loris].map((heard) => heard.closed);
      for (const took of await within(10_000, Promise.all(all))) {
        assert.ok(took > 4_500 && took < 9_000, `closed after ${took} ms`);
      }
    } finally {
      clearInterval(timer);
    }
    reader.socket.resume();
    const took = await within(3_000, reader.closed);
    assert.ok(took < 10_000, `${took} ms`);
    assert.ok(reader.text().length < 32 << 20, "a peer that takes nothing is cut off");
  });

  test("INV-ADM-3: over the cap the oldest connection goes, and a probe still gets in", async () => {
    const held = Array.from({ length: 200 }, () => open("GET /livez HTTP/1.1\r\n"));
    const living = (): readonly Heard[] => held.filter(({ socket }) => !socket.destroyed);
    for (let wait = 0; wait < 1_000 && living().length > 64; wait += 1) await delay(10);
    await delay(50);
    const alive = living();
    assert.equal(alive.length, 64);
    assert.equal(alive[0], held[136], "those that came last");
    for (let probe = 0; probe < 5; probe += 1) assert.equal(await curl("--max-time", "1", url("/livez")), "ok\n");
    for (const { socket } of held) socket.destroy();
  });
});

test("a port that is taken rejects, and leaves nothing bound", async () => {
  const taken = { ...anyPort("127.0.0.1", "::1"), port: port as ListenerConfig["port"] };
  await assert.rejects(
    openAdminServer(taken, rooms, () => undefined),
    { code: "EADDRINUSE" },
  );
});

test("addresses of both families are bound side by side", async () => {
  const both = await openAdminServer(anyPort("127.0.0.1", "::1"), rooms, () => undefined);
  assert.match(both.bound.join(" "), /^127\.0\.0\.1:\d+ \[::1\]:\d+$/);
  await both[Symbol.asyncDispose]();
});

test("on a machine without IPv6, :: alone means 0.0.0.0, and an address of it alone is an error", async () => {
  const listen = Reflect.get(Server.prototype, "listen");
  const absent = mock.method(
    Server.prototype,
    "listen",
    function (this: Server, options: { host: string }, done: () => void) {
      if (!options.host.includes(":")) return Reflect.apply(listen, this, [options, done]);
      const error = Object.assign(new Error("listen EAFNOSUPPORT"), { code: "EAFNOSUPPORT" });
      setImmediate(() => this.emit("error", error));
      return this;
    },
  );
  try {
    const rows: readonly (readonly [readonly string[], RegExp])[] = [
      [["::"], /^0\.0\.0\.0:\d+$/],
      [["0.0.0.0", "::"], /^0\.0\.0\.0:\d+$/],
      [["::1", "127.0.0.1"], /^127\.0\.0\.1:\d+$/],
    ];
    for (const [addresses, expected] of rows) {
      const opened = await openAdminServer(anyPort(...addresses), rooms, () => undefined);
      assert.match(opened.bound.join(" "), expected);
      await opened[Symbol.asyncDispose]();
    }
    await assert.rejects(
      openAdminServer(anyPort("::1"), rooms, () => undefined),
      { code: "EAFNOSUPPORT" },
    );
  } finally {
    absent.mock.restore();
  }
});
