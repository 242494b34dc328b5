import assert from "node:assert/strict";
import { constants } from "node:http2";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { MOST_STREAMS } from "../../router/edge/inspection/http2-agent.ts";
import { call, eventually, reader, requestHead } from "../fakes/http2-call.ts";
import { block, END_HEADERS, FRAME, frame, headers, PREFACE, settings, uint32 } from "../fakes/http2-frames.ts";
import { http2OriginServer } from "../fakes/http2-origin.ts";
import { type Http2World, http2World } from "../fakes/http2-world.ts";

const MEBI = 1024 * 1024;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What is only waiting to be collected is held by nobody. */
function held(): number {
  collect();
  // What is external counts array buffers as well.
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Writes as fast as it is taken, until all is written or the connection is gone. True: it was ended by the other side. */
async function pour(socket: TLSSocket, pieces: Iterable<Buffer>, patience = 1_500): Promise<boolean> {
  let gone = false;
  const over = new Promise<void>((resolve) => {
    socket.on("close", () => {
      gone = true;
      resolve();
    });
  });
  for (const piece of pieces) {
    if (gone || socket.destroyed) break;
    if (!socket.write(piece))
      await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), over, pause(patience)]);
  }
  await Promise.race([over, pause(patience)]);
  return gone;
}

function* repeat(times: number, make: (at: number) => Buffer): Generator<Buffer> {
  // In records of many frames: TLS for each would be the test's own weight.
  for (let at = 0; at < times; at += 100) {
    yield Buffer.concat(Array.from({ length: Math.min(100, times - at) }, (_, more) => make(at + more)));
  }
}

function open(world: Http2World, stream: number, flags = END_HEADERS, method = "GET"): Buffer {
  return headers(stream, requestHead(world.authority, method), flags);
}

/** An entry of 3.9 kB in the dynamic table (RFC 7541 section 6.2.1), then that entry again and again, an octet each. */
function bomb(world: Http2World, stream: number, times: number): Buffer {
  const value = "v".repeat(3_900);
  const entry = Buffer.concat([Buffer.of(0x40), block([["x-b", value]]).subarray(1)]);
  const again = Buffer.alloc(times, 0xbe);
  return frame(FRAME.headers, 5, stream, Buffer.concat([block(requestHead(world.authority)), entry, again]));
}

interface Flood {
  readonly name: string;
  readonly frames: (world: Http2World) => Iterable<Buffer>;
  /** The connection is ended for it. */
  readonly ended: boolean;
  /** The most requests that may reach the origin. */
  readonly through: number;
}

const floods: readonly Flood[] = [
  {
    name: "resets of its own streams (CVE-2023-44487)",
    frames: (world) =>
      repeat(5_000, (at) => Buffer.concat([open(world, 2 * at + 1, 5), frame(FRAME.reset, 0, 2 * at + 1, uint32(8))])),
    ended: true,
    through: 260,
  },
  {
    name: "CONTINUATION without end (CVE-2024-28182)",
    frames: function* frames(world) {
      yield headers(1, requestHead(world.authority), 0);
      yield* repeat(20_000, () => frame(FRAME.continuation, 0, 1, block([["x-a", "b"]])));
    },
    ended: true,
    through: 0,
  },
  {
    name: "empty CONTINUATION without end",
    frames: function* frames(world) {
      yield headers(1, requestHead(world.authority), 0);
      yield* repeat(20_000, () => frame(FRAME.continuation, 0, 1));
    },
    ended: true,
    through: 0,
  },
  {
    name: "SETTINGS whose acknowledgements it does not read (CVE-2019-9515)",
    frames: () => repeat(60_000, () => settings()),
    ended: true,
    through: 0,
  },
  {
    name: "PING whose acknowledgements it does not read (CVE-2019-9512)",
    frames: () => repeat(60_000, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))),
    ended: true,
    through: 0,
  },
  {
    name: "settings of 10,000 entries",
    frames: () => [settings(Array.from({ length: 2_700 }, () => [3, 1] as const))],
    ended: true,
    through: 0,
  },
  {
    name: "an HPACK bomb",
    frames: (world) => [bomb(world, 1, 12_000)],
    ended: false,
    through: 0,
  },
  {
    name: "many HPACK bombs of as many fields as may be",
    frames: (world) => repeat(MOST_STREAMS, (at) => bomb(world, 2 * at + 1, 155)),
    ended: false,
    through: 0,
  },
  {
    name: "empty DATA (CVE-2019-9518)",
    frames: function* frames(world) {
      yield open(world, 1, END_HEADERS, "POST");
      yield* repeat(50_000, () => frame(FRAME.data, 0, 1));
    },
    ended: true,
    through: 1,
  },
  {
    name: "PRIORITY of streams that are not there (CVE-2019-9513)",
    frames: () => repeat(50_000, (at) => frame(FRAME.priority, 0, 2 * at + 1, Buffer.of(0, 0, 0, 0, 16))),
    ended: true,
    through: 0,
  },
  {
    name: "frames of kinds that nobody knows",
    frames: () => repeat(50_000, () => frame(0xbb, 0xff, 0, Buffer.alloc(8))),
    ended: true,
    through: 0,
  },
  {
    name: "thousands of streams that do not end",
    frames: (world) => repeat(4_000, (at) => open(world, 2 * at + 1, END_HEADERS, "POST")),
    ended: true,
    through: MOST_STREAMS,
  },
  {
    name: "a window beyond its bound",
    frames: (world) => [open(world, 1, END_HEADERS, "POST"), frame(FRAME.window, 0, 0, uint32(0x7fff_ffff))],
    ended: true,
    through: 1,
  },
  {
    name: "window updates of nothing",
    frames: (world) => [open(world, 1, END_HEADERS, "POST"), frame(FRAME.window, 0, 0, uint32(0))],
    ended: true,
    through: 1,
  },
  {
    name: "a frame longer than any may be",
    frames: () => [frame(FRAME.data, 0, 1, Buffer.alloc(20_000))],
    ended: true,
    through: 0,
  },
  {
    name: "no preface",
    frames: () => [Buffer.from("GET / HTTP/1.1\r\nHost: origin.test\r\n\r\n")],
    ended: true,
    through: 0,
  },
];

for (const { name, frames, ended, through } of floods) {
  test(`INV-H2-FLOOD: ${name}`, async () => {
    await using origin = await http2OriginServer((stream) => stream.resume());
    await using world = await http2World(origin.port, { idle: 20_000 });
    // Another connection of the same router, which must not feel it.
    const other = world.agent();
    const answered = http2OriginAnswers(origin);
    await answered(other);
    const before = held();
    const requests = origin.requests.length;
    const socket = await world.raw();
    const hasPreface = name !== "no preface";
    if (name.includes("does not read")) socket.pause();
    else socket.resume();
    if (hasPreface) socket.write(Buffer.concat([PREFACE, settings()]));
    let slowest = 0;
    let flooding = true;
    const watching = (async () => {
      while (flooding) {
        const began = performance.now();
        await answered(other);
        slowest = Math.max(slowest, performance.now() - began);
        await pause(5);
      }
    })();
    const gone = await pour(socket, frames(world), ended ? 3_000 : 400);
    flooding = false;
    await watching;
    const grown = (held() - before) / MEBI;
    const reached = origin.requests.filter(({ raw }) => !raw.includes("/other")).length - (requests - 1);
    assert.deepEqual(
      [gone, reached <= through + 1, slowest < 3_000, grown < 64],
      [ended, true, true, true],
      `${reached} ${slowest} ${grown}`,
    );
    socket.destroy();
    const until = Date.now() + 3_000;
    while (world.serving > 1 && Date.now() < until) await pause(10);
    assert.equal(world.serving, 1);
    assert.ok(world.rooms.registry.size <= 1, `${world.rooms.registry.size} left`);
  });
}

/** Its origin answers `/other` only. */
function http2OriginAnswers(
  origin: Awaited<ReturnType<typeof http2OriginServer>>,
): (agent: ReturnType<Http2World["agent"]>) => Promise<void> {
  let at = 0;
  const timer = setInterval(() => {
    for (; at < origin.requests.length; at++) {
      const asked = origin.requests[at];
      if (asked?.raw.includes("/other") !== true || asked.stream.destroyed) continue;
      asked.stream.respond({ ":status": 200 }, { endStream: true });
    }
  }, 1);
  timer.unref();
  return async (agent) => {
    assert.equal((await call(agent, { ":path": "/other" })).status, 200);
  };
}

const heads: readonly (readonly [string, number, number, number | undefined])[] = [
  ["100 fields", 100, 1, 200],
  ["101 fields", 101, 1, 431],
  ["200 fields", 200, 1, undefined],
  ["a head of 17 kB", 17, 1_000, 431],
  ["a head of 40 kB", 40, 1_000, 431],
  ["a head of 80 kB", 80, 1_000, 431],
];
for (const [name, count, length, status] of heads) {
  test(`INV-H2-HEAD: a head with ${name}`, async () => {
    await using origin = await http2OriginServer((stream) => stream.respond({ ":status": 200 }, { endStream: true }));
    await using world = await http2World(origin.port);
    const agent = world.agent({ maxSendHeaderBlockLength: 100_000 });
    const fields = Array.from({ length: count }, (_, at) => [`x-${at}`, "v".repeat(length)]).flat();
    const pseudo = [":method", "GET", ":scheme", "https", ":authority", world.authority, ":path", "/"];
    const answer = await call(agent, [...pseudo, ...fields]);
    assert.equal(answer.status, status);
    if (status === undefined) assert.equal(answer.code, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    assert.equal(origin.requests.length, status === 200 ? 1 : 0);
    // The connection is as good as before.
    assert.equal((await call(agent, {})).status, 200);
  });
}

test("INV-H2-HEAD: a head of more than nine frames ends its connection", async () => {
  await using origin = await http2OriginServer(() => undefined);
  await using world = await http2World(origin.port);
  const agent = world.agent({ maxSendHeaderBlockLength: 400_000 });
  const fields = Object.fromEntries(Array.from({ length: 95 }, (_, at) => [`x-${at}`, "v".repeat(3_000)]));
  assert.equal((await call(agent, fields)).status, undefined);
  assert.equal(agent.destroyed, true);
});

test("INV-H2-HELD: agents that do not read hold no more than the windows that were reserved, and not for long", async () => {
  const chunk = Buffer.alloc(16_384);
  let sent = 0;
  await using origin = await http2OriginServer((stream) => {
    stream.respond({ ":status": 200 });
    const more = (): void => {
      while (!stream.destroyed && stream.write(chunk)) sent += chunk.length;
    };
    stream.on("drain", more);
    more();
  });
  await using world = await http2World(origin.port, { idle: 2_000 });
  const before = held();
  const sockets = await Promise.all(Array.from({ length: 4 }, async () => world.raw()));
  for (const socket of sockets) {
    socket.pause();
    socket.write(Buffer.concat([PREFACE, settings([[4, 0]])]));
    for (let at = 0; at < MOST_STREAMS; at++) socket.write(open(world, 2 * at + 1, 5));
  }
  while (origin.requests.length < 4 * MOST_STREAMS) await pause(5);
  await pause(200);
  const grown = held() - before;
  // 64 KiB of each stream on its way in, and what Node keeps of a stream; the origin's own buffers are in this process, too.
  assert.ok(sent < 4 * MOST_STREAMS * 256 * 1024, `${sent / MEBI} MiB were sent`);
  assert.ok(grown < 160 * MEBI, `${grown / MEBI} MiB are held`);
  assert.equal(world.rooms.http2.reserved, 4 * MOST_STREAMS * 2 * 64 * 1024);
  await world.settled(4 * MOST_STREAMS);
  assert.ok(world.outcomes.every((outcome) => "reason" in outcome && outcome.reason === "idle_timeout"));
  const until = Date.now() + 3_000;
  while (world.rooms.http2.reserved > 0 && Date.now() < until) await pause(10);
  assert.equal(world.rooms.http2.reserved, 0);
});

test("INV-H2-HELD: what all connections may hold is bounded; a stream beyond it is told so", async () => {
  await using origin = await http2OriginServer(() => undefined);
  await using world = await http2World(origin.port, { held: 4 * 128 * 1024 });
  const waiting = Array.from({ length: 4 }, async () => call(world.agent(), {}));
  await eventually(() => origin.requests.length === 4);
  const over = await call(world.agent(), {});
  assert.deepEqual([over.status, over.reason], [503, "overloaded"]);
  origin.requests[0]?.stream.close();
  await Promise.race(waiting);
  await eventually(() => world.rooms.http2.reserved <= 3 * 128 * 1024);
  const again = call(world.agent(), {});
  await eventually(() => origin.requests.length === 5);
  for (const { stream } of origin.requests) stream.close();
  await again;
  await Promise.all(waiting);
});

for (const [name, octets] of [
  ["nothing", Buffer.alloc(0)],
  ["half a preface", PREFACE.subarray(0, 10)],
  ["half a head", Buffer.concat([PREFACE, settings(), headers(1, [[":method", "GET"]], 0)])],
] as const) {
  test(`INV-H2-FLOOD: an agent that says ${name} and waits is closed when it is idle`, async () => {
    await using origin = await http2OriginServer(() => undefined);
    await using world = await http2World(origin.port, { idle: 60 });
    const socket = await world.raw();
    socket.resume();
    const before = Date.now();
    socket.write(octets);
    await new Promise((resolve) => socket.on("close", resolve));
    assert.ok(Date.now() - before < 2_000);
  });
}

for (const window of [16_384, 65_535, 1_048_576])
  test(`an answer of a large file is as slow as its reader (window ${window}), and whole`, async () => {
    const total = 24 * MEBI;
    const chunk = Buffer.alloc(65_536, 1);
    let sent = 0;
    await using origin = await http2OriginServer((stream) => {
      stream.respond({ ":status": 200 });
      const more = (): void => {
        while (sent < total) {
          sent += chunk.length;
          if (!stream.write(chunk)) return;
        }
        stream.end();
      };
      stream.on("drain", more);
      more();
    });
    await using world = await http2World(origin.port);
    let received = 0;
    const stream = world.agent({ settings: { initialWindowSize: window } }).request({});
    stream.on("data", (part: Buffer) => {
      received += part.length;
      if (received < 4 * MEBI) {
        stream.pause();
        setTimeout(() => stream.resume(), 1);
      }
    });
    await pause(50);
    assert.ok(sent - received < 8 * MEBI, `${sent} sent, ${received} received`);
    await new Promise((resolve) => stream.on("close", resolve));
    assert.deepEqual([received, stream.rstCode], [total, 0]);
    assert.equal((await world.settled(1))[0]?.facts.bytesIn, total);
  });

test("an upload of a large file is as slow as its origin, and whole", async () => {
  const total = 24 * MEBI;
  let taken = 0;
  await using origin = await http2OriginServer((stream) => {
    stream.respond({ ":status": 200 });
    stream.on("data", (part: Buffer) => {
      taken += part.length;
      if (taken > 4 * MEBI) return;
      stream.pause();
      setTimeout(() => stream.resume(), 1);
    });
    stream.on("end", () => stream.end());
  });
  await using world = await http2World(origin.port);
  const stream = world.agent().request({ ":method": "POST" });
  stream.resume();
  const chunk = Buffer.alloc(65_536, 1);
  let sent = 0;
  const more = (): void => {
    while (sent < total) {
      sent += chunk.length;
      if (!stream.write(chunk)) return;
    }
    stream.end();
  };
  stream.on("drain", more);
  more();
  await pause(50);
  assert.ok(sent - taken < 4 * MEBI);
  await new Promise((resolve) => stream.on("close", resolve));
  assert.equal(taken, total);
  assert.equal((await world.settled(1))[0]?.facts.bytesOut, total);
});

test("frames after a stream's end, and trailers that are none, harm nothing but themselves", async () => {
  await using origin = await http2OriginServer((stream) => {
    stream.resume();
    stream.on("end", () => (stream.closed ? undefined : stream.respond({ ":status": 200 }, { endStream: true })));
  });
  await using world = await http2World(origin.port);
  const socket = await world.raw();
  const { until } = reader(socket);
  socket.write(Buffer.concat([PREFACE, settings(), open(world, 1, END_HEADERS, "POST")]));
  socket.write(headers(1, [[":path", "/other"]], 5));
  const first = await until(({ type, stream }) => type === FRAME.reset && stream === 1);
  assert.equal(first.payload.readUInt32BE(0), constants.NGHTTP2_PROTOCOL_ERROR);
  socket.write(Buffer.concat([open(world, 3, 5), frame(FRAME.data, 0, 3, Buffer.from("late"))]));
  await until(({ type, stream }) => (type === FRAME.reset && stream === 3) || type === FRAME.goaway);
});
