import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { millis } from "../../router/core/base/quantity.ts";
import { fail, ok } from "../../router/core/base/result.ts";
import type { ModelRequest } from "../../router/edge/upstream/model-call.ts";
import type { ModelClient, ModelClientOptions } from "../../router/edge/upstream/model-client.ts";
import { dialPermit } from "../fakes/dial-permit.ts";
import { endLine, modelClient, modelRequest, received } from "../fakes/model-call.ts";
import { type ModelOrigin, type ModelScript, startModelOrigin } from "../fakes/model-origin.ts";
import { type FakeOrigin, fakeOrigin } from "../fakes/origin-server.ts";
import { freePort } from "../fakes/ports.ts";
import { soonest } from "../fakes/soonest.ts";
import { atRest, until } from "../fakes/until.ts";

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async function withModel(
  script: ModelScript,
  use: (client: ModelClient, origin: ModelOrigin) => Promise<void>,
  more: Partial<ModelClientOptions> = {},
): Promise<void> {
  await using origin = await startModelOrigin(script);
  const client = modelClient(origin.port, more);
  try {
    await use(client, origin);
  } finally {
    client.destroy();
  }
}

async function withRaw(
  serve: (socket: Socket, connection: number) => void,
  use: (client: ModelClient, origin: FakeOrigin) => Promise<void>,
  more: Partial<ModelClientOptions> = {},
): Promise<void> {
  let connection = 0;
  const origin = await fakeOrigin((socket) => {
    connection += 1;
    serve(socket, connection);
  });
  const client = modelClient(origin.port, more);
  try {
    await use(client, origin);
  } finally {
    client.destroy();
    await origin.close();
  }
}

test("what is sent: the caller's headers, a Host, a length, no encoding, and the body's very octets", async () => {
  await withModel([{ echo: true }], async (client, origin) => {
    const { headers, ...rest } = modelRequest([Buffer.from('{"a":'), Buffer.from("1}")], "/v1/messages?beta=true");
    const got = received(client, { ...rest, headers: [...headers, "X-Api-Key", "k\u00e9y", "traceparent", "00-a"] });
    assert.equal(endLine(await got.ended), "completed");
    const [seen] = origin.requests;
    assert.equal(`${seen?.method} ${seen?.url} ${seen?.body.toString()}`, 'POST /v1/messages?beta=true {"a":1}');
    assert.deepEqual(seen?.rawHeaders, [
      "host",
      `origin.test:${origin.port}`,
      "connection",
      "keep-alive",
      "accept-encoding",
      "identity",
      "content-type",
      "application/json",
      "X-Api-Key",
      "k\u00e9y",
      "traceparent",
      "00-a",
      "content-length",
      "7",
    ]);
    assert.equal(String(got.call.address), "127.0.0.1");
    assert.ok(got.call.firstByteMillis !== undefined && got.call.firstByteMillis >= 0);
  });
});

const refused: readonly (readonly [string, Partial<ModelRequest>])[] = [
  ["a path without a slash", { path: "v1" }],
  ["a path with a blank", { path: "/v1 HTTP/1.1" }],
  ["a path with a line end", { path: "/v1\r\nX: y" }],
  ["a fragment", { path: "/v1#x" }],
  ["a name without a value", { headers: ["a"] }],
  ["a name that is no token", { headers: ["a b", "c"] }],
  ["an empty name", { headers: ["", "c"] }],
  ["a line end in a value", { headers: ["a", "b\r\nc: d"] }],
  ["NUL in a value", { headers: ["a", "b\0"] }],
  ["a character that is no octet", { headers: ["a", "\u2028"] }],
  ["a Host", { headers: ["Host", "other"] }],
  ["a length", { headers: ["content-length", "0"] }],
  ["a transfer coding", { headers: ["Transfer-Encoding", "chunked"] }],
  ["Expect", { headers: ["expect", "100-continue"] }],
  ["Upgrade", { headers: ["upgrade", "h2c"] }],
  ["Accept-Encoding", { headers: ["accept-encoding", "gzip"] }],
  ["a body longer than was said", { length: 1 }],
  ["a body shorter than was said", { length: 100 }],
  ["a large body shorter than was said", { body: [Buffer.alloc(100_000)], length: 100_001 }],
  ["a large body longer than was said", { body: [Buffer.alloc(100_001)], length: 100_000 }],
];
test("INV-MODEL-WHOLE-REQUEST: a request that an origin could stumble over throws, and the client goes on working", async () => {
  await withModel([], async (client, origin) => {
    for (const [name, wrong] of refused) {
      assert.throws(() => received(client, { ...modelRequest(), ...wrong }), TypeError, name);
    }
    assert.equal(endLine(await received(client).ended), "completed");
    assert.equal(origin.requests.length, 1);
    assert.equal(client.calls, 0);
  });
});

test("bodies of every make arrive whole: none, one chunk, many small, large ones, and one of 3 MB", async () => {
  await withModel([{ body: "{}" }], async (client, origin) => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => at % 251));
    const cut = (length: number, every: number): Uint8Array[] => {
      const parts: Uint8Array[] = [];
      for (let at = 0; at < length; at += every) parts.push(bytes.subarray(at, Math.min(length, at + every)));
      return parts;
    };
    const bodies = [
      [],
      cut(10, 10),
      cut(1_000, 7),
      cut(150_000, 16_384),
      cut(3_000_000, 65_536),
      cut(3_000_000, 3_000_000),
    ];
    for (const body of bodies) {
      const sent = modelRequest(body);
      assert.equal(endLine(await received(client, sent).ended), "completed");
      const seen = origin.requests.at(-1);
      assert.ok(seen !== undefined);
      assert.ok(seen.body.equals(bytes.subarray(0, sent.length)), `${sent.length} octets in ${body.length}`);
      assert.equal(seen.headers["content-length"], String(sent.length));
      assert.equal(seen.headers["transfer-encoding"], undefined);
    }
    assert.equal(origin.connections, 1);
  });
});

test("connections are kept, and no more are opened than calls at a time", async () => {
  await withModel([], async (client, origin) => {
    for (let round = 0; round < 3; round++) {
      const calls = Array.from({ length: 5 }, () => received(client));
      for (const { ended } of calls) assert.equal(endLine(await ended), "completed");
      await pause(2);
    }
    assert.equal(origin.requests.length, 15);
    assert.ok(origin.connections <= 5, String(origin.connections));
  });
});

test("beyond the most connections calls wait in order, and too long a wait is overloaded", async () => {
  const script: ModelScript = (_request, index) => (index < 4 ? { delayHead: 10 } : { hang: true });
  await withModel(
    script,
    async (client, origin) => {
      const order: number[] = [];
      const calls = [0, 1, 2, 3].map((call) => {
        const got = received(client);
        void got.ended.then(() => order.push(call));
        return got;
      });
      for (const { ended } of calls) assert.equal(endLine(await ended), "completed");
      assert.deepEqual(order, [0, 1, 2, 3]);
      assert.equal(origin.connections, 2);
      const hanging = [received(client), received(client)];
      await origin.seen(6);
      const late = received(client);
      assert.equal(endLine(await late.ended), "overloaded (): No connection came free within 400 ms.");
      for (const { call } of hanging) call.abort();
      await until(() => client.connections === 0);
    },
    { connections: 2, timeout: millis(400) },
  );
});

test("aborted calls that wait give up their places", async () => {
  await withModel(
    [{ hang: true }],
    async (client, origin) => {
      const first = received(client);
      await origin.seen(1);
      const waiting = received(client);
      waiting.call.abort();
      assert.equal(endLine(await waiting.ended), "aborted (): The caller gave up.");
      origin.script([{}]);
      const next = received(client);
      first.call.abort();
      assert.equal(endLine(await next.ended), "completed", "another connection is opened in place of the one cut");
      assert.equal(origin.requests.length, 2);
    },
    { connections: 1 },
  );
});

for (const [name, how] of [
  ["before the head", { hang: true }],
  ["within a stream", { frames: Array.from({ length: 1_000 }, () => "data: {}\n\n"), delayBetween: 5 }],
] as const) {
  test(`INV-MODEL-ABORT: a call aborted ${name} is cut at once, and the provider sees it`, async () => {
    const took = await soonest(250, async () => {
      let millis = Infinity;
      await withModel([how], async (client, origin) => {
        const got = received(client);
        await origin.seen(1);
        if (!("hang" in how)) await got.headed;
        const began = performance.now();
        got.call.abort();
        assert.equal(got.ends, 0, "told later");
        const [seen] = origin.requests;
        assert.equal(await seen?.ended, "aborted");
        millis = (seen?.abortedAt ?? Infinity) - began;
        const end = await got.ended;
        assert.equal(end.cause, "aborted");
        got.call.abort();
        got.call.resume();
        await pause(5);
        assert.equal(got.ends, 1);
      });
      return millis;
    });
    assert.ok(took < 250, `${took} ms`);
  });
}

test("INV-MODEL-ABORT: an upload that is aborted is cut with RST: what the kernel still held never makes it whole", async () => {
  let octets = 0;
  let error: NodeJS.ErrnoException | undefined;
  let readOn = (): void => undefined;
  const serve = (socket: Socket): void => {
    socket.once("data", (part) => {
      octets += part.length;
      socket.pause();
      readOn = () => void socket.on("data", (more) => (octets += more.length)).resume();
    });
    socket.on("error", (cause) => (error = cause));
  };
  await withRaw(serve, async (client, origin) => {
    const got = received(client, modelRequest([Buffer.alloc(1_000_000)]));
    while (origin.accepted === 0 || octets === 0) await pause(2);
    await pause(10);
    got.call.abort();
    assert.equal((await got.ended).cause, "aborted");
    await pause(50);
    readOn();
    await until(() => error !== undefined);
    assert.equal(error?.code, "ECONNRESET");
    assert.ok(octets < 1_000_000, String(octets));
  });
});

test("back-pressure: while the sink wants none the origin is not read, and nothing is lost", async () => {
  const frame = "x".repeat(50_000);
  await withModel([{ frames: Array.from({ length: 400 }, () => frame) }], async (client, origin) => {
    const got = received(client);
    got.onData = () => false;
    await got.headed;
    assert.ok((await atRest(() => origin.requests[0]?.framesSent ?? 0)) < 390);
    const held = await atRest(() => got.chunks.length);
    assert.ok(held < 5, String(held));
    got.onData = () => {
      setImmediate(() => got.call.resume());
      return false;
    };
    got.call.resume();
    assert.equal(endLine(await got.ended), "completed");
    assert.equal(got.text().length, 400 * frame.length);
  });
});

test("a resume within the sink of another call is not lost", async () => {
  await withModel([{ frames: Array.from({ length: 50 }, () => "data: {}\n\n"), delayBetween: 1 }], async (client) => {
    const one = received(client);
    const other = received(client);
    one.onData = () => {
      other.call.resume();
      return true;
    };
    other.onData = () => false;
    const poke = setInterval(() => other.call.resume(), 5);
    assert.equal(endLine(await one.ended), "completed");
    assert.equal(endLine(await other.ended), "completed");
    clearInterval(poke);
    assert.equal(other.text(), one.text());
  });
});

test("a sink that throws ends its own call as internal, and no other", async () => {
  await withModel([{ frames: ["data: 1\n\n", "data: 2\n\n"], delayBetween: 5 }], async (client) => {
    const good = received(client);
    const bad = received(client);
    bad.onData = () => {
      throw new Error("on purpose");
    };
    assert.equal(endLine(await bad.ended), "internal (sent, answered): The receiver of the answer threw: on purpose");
    assert.equal(endLine(await good.ended), "completed");
    assert.equal(endLine(await received(client).ended), "completed");
  });
});

const deadlines: readonly (readonly [string, ModelScript, string])[] = [
  ["no head", [{ hang: true }], "first_byte_timeout (sent): No octet of an answer's body within 600 ms."],
  ["a head and no body", [{ frames: ["x"], delayFirst: 2_500 }], "first_byte_timeout (sent, answered): No octet"],
  [
    "silence in a stream",
    [{ frames: ["x", "y"], delayBetween: 2_500 }],
    "idle_timeout (sent, answered): Silence for 700 ms.",
  ],
  [
    "a stream that never ends",
    [{ frames: Array.from({ length: 500 }, () => "x"), delayBetween: 10 }],
    "lifetime_limit (sent, answered): ",
  ],
];
for (const [name, script, expected] of deadlines) {
  test(`a deadline: ${name}`, async () => {
    await withModel(script, async (client, origin) => {
      const timeouts = { firstByte: millis(600), idle: millis(700), total: millis(1_500) };
      const got = received(client, undefined, timeouts);
      const end = await got.ended;
      const line = endLine(end);
      assert.ok(line.startsWith(expected), line);
      assert.ok(end.cause !== "completed" && end.uploaded, "it had the whole request");
      assert.equal(await origin.requests[0]?.ended, "aborted", "and the provider is told");
    });
  });
}

test("a deadline: an origin that takes no more of the request", async () => {
  await withRaw(
    (socket) => socket.pause(),
    async (client) => {
      const rows = [
        [{ idle: millis(80) }, "idle_timeout (sent): No octet was taken for 80 ms."],
        [{ total: millis(1_000) }, "lifetime_limit (sent): The call took longer than 1000 ms."],
      ] as const;
      for (const [timeouts, expected] of rows) {
        const end = await received(client, modelRequest([Buffer.alloc(20_000_000)]), timeouts).ended;
        assert.equal(endLine(end), expected);
        assert.ok(end.cause !== "completed" && !end.uploaded, "it had not the whole request");
      }
    },
  );
});

test("a call that is paused before it has a connection gives nothing until it is resumed", async () => {
  await withModel([{ frames: ["a", "b"] }], async (client) => {
    for (const kept of [false, true]) {
      const got = received(client);
      got.call.pause();
      await pause(40);
      assert.deepEqual([got.status, got.chunks.length, got.ends], [undefined, 0, 0], kept ? "kept" : "fresh");
      got.call.resume();
      assert.equal(endLine(await got.ended), "completed");
      assert.equal(got.text(), "ab");
      await pause(5);
    }
  });
});

test("the end of an answer is not told while the sink wants nothing; its connection is free all the same", async () => {
  const serve = (socket: Socket): void => void socket.on("data", () => socket.write(ANSWER));
  await withRaw(serve, async (client, origin) => {
    const got = received(client);
    got.onData = () => false;
    await got.headed;
    await until(() => got.text() === "ok");
    await pause(10);
    assert.equal(got.ends, 0);
    assert.equal(endLine(await received(client).ended), "completed");
    assert.equal(origin.accepted, 1);
    assert.equal(got.ends, 0);
    got.call.resume();
    assert.equal(endLine(await got.ended), "completed");
    const left = received(client);
    left.onData = () => false;
    await left.headed;
    await until(() => left.text() === "ok");
    await pause(10);
    left.call.abort();
    assert.equal((await left.ended).cause, "aborted");
    assert.equal(left.ends, 1);
    assert.equal(client.calls, 0);
    assert.equal(client.connections, 1, "no longer its own, so not cut");
  });
});

test("a paused sink is not the provider's silence; the whole call's time runs all the same", async () => {
  await withModel([{ frames: ["x", "y"], delayBetween: 5 }], async (client) => {
    const timeouts = { firstByte: millis(1_000), idle: millis(300), total: millis(1_500) };
    const got = received(client, undefined, timeouts);
    got.onData = () => false;
    const began = performance.now();
    assert.equal((await got.ended).cause, "lifetime_limit");
    assert.ok(performance.now() - began >= 1_495);
  });
});

test("a kept connection that the origin has closed is never used: the next call opens its own", async () => {
  const serve = (socket: Socket): void => {
    socket.once("data", () => {
      socket.write(ANSWER);
      setTimeout(() => socket.end(), 10);
    });
  };
  await withRaw(serve, async (client, origin) => {
    for (let call = 0; call < 3; call++) {
      assert.equal(endLine(await received(client).ended), "completed");
      await until(() => client.connections === 0);
    }
    assert.equal(origin.accepted, 3);
  });
});

test("INV-MODEL-ONCE: what the origin closed just as the call came, before an octet of it, is begun again, once", async () => {
  let requests = 0;
  const serve = (socket: Socket, connection: number): void => {
    socket.on("data", () => {
      requests += 1;
      // The FIN is there, unread, when the next call is given this connection.
      if (connection === 1) socket.end(ANSWER);
      else socket.write(ANSWER);
    });
  };
  await withRaw(serve, async (client, origin) => {
    assert.equal(endLine(await received(client).ended), "completed");
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(client.connections, 1, "it looks alive");
    const second = received(client);
    assert.equal(endLine(await second.ended), "completed");
    assert.notEqual(second.call.connectMillis, undefined, "another connection");
    assert.equal(origin.accepted, 2);
    assert.equal(requests, 2);
  });
});

test("a connection that the origin ends with its answer, without a word, is not given to the call that waits", async () => {
  const serve = (socket: Socket, connection: number): void => {
    socket.on("data", () => {
      if (connection === 1) socket.end(ANSWER);
      else socket.write(ANSWER);
    });
  };
  await withRaw(
    serve,
    async (client, origin) => {
      const calls = [received(client), received(client), received(client)];
      for (const { ended } of calls) assert.equal(endLine(await ended), "completed");
      assert.equal(origin.accepted, 2);
    },
    { connections: 1 },
  );
});

for (const how of ["fin", "rst"] as const) {
  test(`INV-MODEL-ONCE: a kept connection that ends with ${how} on the next request is told as reused, and not repeated`, async () => {
    let requests = 0;
    const serve = (socket: Socket): void => {
      socket.on("data", () => {
        requests += 1;
        if (requests !== 3) socket.write(ANSWER);
        else if (how === "fin") socket.end();
        else socket.resetAndDestroy();
      });
    };
    await withRaw(serve, async (client, origin) => {
      const calls = [received(client), received(client)];
      for (const { ended } of calls) assert.equal(endLine(await ended), "completed");
      await pause(5);
      assert.equal(client.connections, 2);
      const line = endLine(await received(client).ended);
      assert.ok(line.startsWith("upstream_unreachable (sent, reused): The connection broke before an answer"), line);
      assert.equal(requests, 3);
      const again = received(client);
      assert.equal(endLine(await again.ended), "completed");
      assert.notEqual(again.call.connectMillis, undefined, "not over the other one that was kept");
      assert.equal(origin.accepted, 3);
    });
  });
}

for (const [name, octets] of [
  ["an answer that nobody asked for", ANSWER],
  ["one octet", "H"],
  ["an empty line", "\r\n"],
] as const) {
  test(`INV-MODEL-IDLE: ${name} on an idle connection ends it`, async () => {
    const serve = (socket: Socket): void => {
      socket.once("data", () => {
        socket.write(ANSWER);
        setTimeout(() => socket.write(octets), 10);
        socket.on("data", () => socket.write(ANSWER));
      });
    };
    await withRaw(serve, async (client, origin) => {
      assert.equal(endLine(await received(client).ended), "completed");
      await until(() => client.connections === 0);
      const next = received(client);
      assert.equal(endLine(await next.ended), "completed");
      assert.equal(next.text(), "ok");
      assert.equal(origin.accepted, 2);
    });
  });
}

test("what the origin asks for is done: Connection: close, and a keep-alive of no time", async () => {
  for (const headers of [{ connection: "close" }, { "keep-alive": "timeout=1" }]) {
    await withModel([{ headers }], async (client, origin) => {
      for (let call = 0; call < 2; call++) {
        assert.equal(endLine(await received(client).ended), "completed");
        await pause(5);
      }
      assert.equal(origin.connections, 2, JSON.stringify(headers));
    });
  }
});

test("an answer before the request was sent to its end is passed on, and the rest of the request is cut off with RST", async () => {
  const { promise: broken, resolve } = Promise.withResolvers<string | undefined>();
  const serve = (socket: Socket): void => {
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
    socket.once("data", () => {
      socket.pause();
      socket.write("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
      setTimeout(() => socket.resume(), 60);
    });
  };
  await withRaw(serve, async (client) => {
    const got = received(client, modelRequest([Buffer.alloc(20_000_000)]));
    assert.equal(endLine(await got.ended), "completed");
    assert.equal(got.status, 413);
    await until(() => client.connections === 0);
    assert.equal(await broken, "ECONNRESET");
  });
});

test("INV-MODEL-ADMITTED: every new connection is admitted anew, and what is not admitted is not dialled", async () => {
  let asked = 0;
  await using origin = await startModelOrigin([{ headers: { connection: "close" } }]);
  const permit = dialPermit(origin.port);
  const client = modelClient(origin.port, {
    async open() {
      asked += 1;
      return asked < 3 ? ok(permit) : fail({ reason: "address_not_allowed", detail: "10.0.0.1" } as const);
    },
  });
  try {
    for (let call = 0; call < 2; call++) {
      assert.equal(endLine(await received(client).ended), "completed");
      await pause(5);
    }
    assert.equal(endLine(await received(client).ended), "address_not_allowed (): 10.0.0.1");
    assert.equal(asked, 3);
    assert.equal(origin.connections, 2);
  } finally {
    client.destroy();
  }
});

test("a provider that is not there: no connection, an open that hangs, one that throws", async () => {
  const port = await freePort();
  const refusing = modelClient(port);
  assert.equal(endLine(await received(refusing).ended), "upstream_unreachable (): 127.0.0.1 ECONNREFUSED");
  refusing.destroy();
  const hanging = modelClient(port, { timeout: millis(50), open: async () => new Promise(() => undefined) });
  assert.equal(endLine(await received(hanging).ended), "upstream_unreachable (): no connection within 50 ms");
  assert.equal(hanging.connections, 0);
  hanging.destroy();
  let given: AbortSignal | undefined;
  const slow = modelClient(port, {
    async open(signal) {
      given = signal;
      return new Promise(() => undefined);
    },
  });
  const waiting = received(slow);
  waiting.call.abort();
  assert.equal((await waiting.ended).cause, "aborted");
  assert.equal(given?.aborted, true, "nobody waits for it any more");
  await pause(1);
  assert.equal(slow.connections, 0);
  slow.destroy();
  const throwing = modelClient(port, {
    async open() {
      throw new Error("on purpose");
    },
  });
  assert.equal(endLine(await received(throwing).ended), "internal (): Opening a connection threw: on purpose");
  throwing.destroy();
});

test("INV-MODEL-ABORT: a call aborted in the same turn leaves nothing behind, on a new connection or a kept one", async () => {
  await withModel([], async (client, origin) => {
    const fresh = received(client);
    fresh.call.abort();
    assert.equal(endLine(await fresh.ended), "aborted (): The caller gave up.");
    await pause(20);
    assert.equal(origin.requests.length, 0);
    assert.equal(endLine(await received(client).ended), "completed");
    await pause(5);
    const kept = received(client);
    kept.call.abort();
    assert.equal(endLine(await kept.ended), "aborted (reused): The caller gave up.");
    await pause(20);
    assert.equal(origin.requests.length, 1);
  });
});

for (const where of ["head", "data", "end"] as const) {
  test(`a sink may abort, send and destroy from within ${where}`, async () => {
    await withModel([{ frames: ["a", "b", "c"], delayBetween: 2 }], async (client, origin) => {
      const ended: string[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const act = (call: ReturnType<ModelClient["send"]>): void => {
        const next = received(client);
        call.abort();
        call.pause();
        call.resume();
        void (async () => {
          ended.push((await next.ended).cause);
          client.destroy();
          resolve();
        })();
      };
      let acted = false;
      const once = (name: typeof where): void => {
        if (name !== where || acted) return;
        acted = true;
        act(call);
      };
      const { method, path, headers, body, length } = modelRequest();
      const call = client.send(
        { method, path, headers, body, length },
        {
          head: () => once("head"),
          data() {
            once("data");
            return true;
          },
          end(end) {
            ended.push(end.cause);
            once("end");
          },
        },
        { firstByte: millis(1_000), idle: millis(1_000), total: millis(1_000) },
      );
      await promise;
      assert.deepEqual(ended, [where === "end" ? "completed" : "aborted", "completed"]);
      assert.equal(origin.requests.length, 2);
      assert.equal(client.calls, 0);
    });
  });
}

test("five hundred calls of which every third is aborted at some moment leave nothing behind", async () => {
  await withModel([{ frames: ["a", "b", "c"], delayBetween: 1 }], async (client, origin) => {
    const calls = Array.from({ length: 500 }, (_, at) => {
      const got = received(client);
      if (at % 3 === 0) setTimeout(() => got.call.abort(), at % 40);
      return got;
    });
    const causes = new Map<string, number>();
    for (const { ended } of calls) {
      const { cause } = await ended;
      causes.set(cause, (causes.get(cause) ?? 0) + 1);
    }
    assert.equal((causes.get("completed") ?? 0) + (causes.get("aborted") ?? 0), 500, JSON.stringify([...causes]));
    assert.ok((causes.get("completed") ?? 0) >= 333);
    assert.ok(calls.every(({ ends }) => ends === 1));
    assert.equal(client.calls, 0);
    await client.close();
    await until(() => client.connections === 0 && origin.open.size === 0);
  });
});

test("INV-MODEL-ADMITTED: a connection has a longest life, however busy it is: then its name is admitted anew", async () => {
  await withModel(
    [],
    async (client, origin) => {
      for (let call = 0; call < 8; call++) {
        assert.equal(endLine(await received(client).ended), "completed");
        await pause(60);
      }
      assert.ok(origin.connections >= 2 && origin.connections < 8, String(origin.connections));
    },
    { connectionLife: millis(300) },
  );
});

test("closing lets what is under way finish, takes nothing more, and leaves no connection", async () => {
  await withModel([{ delayHead: 500 }], async (client, origin) => {
    const under = received(client);
    await origin.seen(1);
    const closed = client.close();
    assert.equal(endLine(await received(client).ended), "draining (): The client is closing.");
    assert.equal(under.ends, 0);
    await closed;
    assert.equal(endLine(await under.ended), "completed");
    await until(() => client.connections === 0 && origin.open.size === 0);
    await client.close();
  });
});

test("destroying cuts everything: what runs, what waits, what is idle", async () => {
  await withModel(
    [{}, { hang: true }],
    async (client, origin) => {
      await received(client).ended;
      const calls = [received(client), received(client)];
      await origin.seen(2);
      client.destroy();
      for (const { ended } of calls) assert.equal((await ended).cause, "aborted");
      assert.equal(await origin.requests[1]?.ended, "aborted");
      await until(() => client.connections + client.calls === 0);
    },
    { connections: 1 },
  );
});
