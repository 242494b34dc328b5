import assert from "node:assert/strict";
import { constants } from "node:http2";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { call, eventually, reader, requestHead } from "../fakes/http2-call.ts";
import {
  ACK,
  block,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  headers,
  type Pairs,
  PREFACE,
  settings,
  uint32,
} from "../fakes/http2-frames.ts";
import { http2OriginServer, rawHttp2Origin } from "../fakes/http2-origin.ts";
import { http2World } from "../fakes/http2-world.ts";

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR } = constants;

const OK = headers(1, [[":status", "200"]]);
const PART = frame(FRAME.data, 0, 1, Buffer.from("part"));

function reset(code: number): Buffer {
  return frame(FRAME.reset, 0, 1, uint32(code));
}

function answer(fields: Pairs, flags = END_HEADERS | END_STREAM): Buffer {
  return headers(1, fields, flags);
}

/** Waits for the request's head, then writes these, in turns of their own. */
function says(...parts: readonly (Buffer | "end")[]): (socket: TLSSocket) => void {
  return (socket) => {
    socket.write(Buffer.concat([settings(), frame(FRAME.settings, ACK, 0)]));
    const { until } = reader(socket, PREFACE.length);
    void (async () => {
      await until(({ type }) => type === FRAME.headers);
      for (const part of parts) {
        if (part === "end") socket.end();
        else socket.write(part);
        await pause(15);
      }
    })();
  };
}

interface Row {
  readonly name: string;
  readonly serve: (socket: TLSSocket) => void;
  /** Status and reason, or undefined and the code of the reset. */
  readonly told: readonly [number | undefined, string | number];
  readonly outcome: string;
}

const rows: readonly Row[] = [
  {
    name: "resets a begun answer with NO_ERROR",
    serve: says(OK, PART, reset(0)),
    told: [200, NGHTTP2_INTERNAL_ERROR],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "cancels a begun answer",
    serve: says(OK, PART, reset(8)),
    told: [200, NGHTTP2_CANCEL],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "says INTERNAL_ERROR in a begun answer",
    serve: says(OK, PART, reset(2)),
    told: [200, NGHTTP2_INTERNAL_ERROR],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "closes its connection in a begun answer",
    serve: says(OK, PART, "end"),
    told: [200, NGHTTP2_INTERNAL_ERROR],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "resets before an answer",
    serve: says(reset(2)),
    told: [502, "upstream_invalid"],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "closes before an answer",
    serve: (socket) => {
      socket.write(settings());
      setTimeout(() => socket.end(), 60);
    },
    told: [502, "upstream_unreachable"],
    outcome: "aborted upstream_unreachable",
  },
  {
    name: "does not speak HTTP/2",
    serve: (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    told: [502, "upstream_unreachable"],
    outcome: "aborted upstream_unreachable",
  },
  {
    name: "answers without a status",
    serve: says(answer([["x-a", "1"]])),
    told: [502, "upstream_invalid"],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "answers with a status that is none",
    serve: says(answer([[":status", "999"]])),
    told: [502, "upstream_invalid"],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "switches protocols",
    serve: says(answer([[":status", "101"]], END_HEADERS), OK),
    told: [502, "upstream_invalid"],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "says a field of connections",
    serve: says(
      answer([
        [":status", "200"],
        ["connection", "close"],
      ]),
    ),
    told: [502, "upstream_invalid"],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "sends more than its Content-Length",
    serve: says(
      answer(
        [
          [":status", "200"],
          ["content-length", "2"],
        ],
        END_HEADERS,
      ),
      PART,
    ),
    told: [200, NGHTTP2_INTERNAL_ERROR],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "ends before its Content-Length",
    serve: says(
      answer(
        [
          [":status", "200"],
          ["content-length", "9"],
        ],
        END_HEADERS,
      ),
      frame(FRAME.data, END_STREAM, 1, Buffer.from("part")),
    ),
    told: [200, constants.NGHTTP2_PROTOCOL_ERROR],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "sends interim answers without end",
    serve: says(Buffer.concat(Array.from({ length: 40 }, () => answer([[":status", "103"]], END_HEADERS)))),
    told: [502, "upstream_invalid"],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "has too many fields",
    serve: says(
      answer([[":status", "200"], ...Array.from({ length: 300 }, (_, at): [string, string] => [`x-${at}`, "v"])]),
    ),
    told: [502, "upstream_invalid"],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "has fields of 60 kB",
    serve: says(
      headers(
        1,
        [
          [":status", "200"],
          ["x-a", "v".repeat(15_000)],
        ],
        0,
      ),
      frame(FRAME.continuation, 0, 1, block([["x-b", "v".repeat(15_000)]])),
      frame(FRAME.continuation, 0, 1, block([["x-c", "v".repeat(15_000)]])),
      frame(FRAME.continuation, END_HEADERS, 1, block([["x-d", "v".repeat(15_000)]])),
    ),
    told: [502, "upstream_invalid"],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "says of which origins it is (RFC 8336), and where else it is (RFC 7838)",
    serve: says(
      frame(12, 0, 0, Buffer.concat([Buffer.of(0, 16), Buffer.from("https://all.test")])),
      frame(10, 0, 0, Buffer.concat([Buffer.of(0, 16), Buffer.from('https://all.testh3=":443"')])),
      answer([[":status", "200"]]),
    ),
    told: [200, 0],
    outcome: "completed ",
  },
  {
    name: "has trailers of 60 kB",
    serve: says(
      OK,
      headers(1, [["x-a", "v".repeat(15_000)]], END_STREAM),
      frame(FRAME.continuation, 0, 1, block([["x-b", "v".repeat(15_000)]])),
      frame(FRAME.continuation, END_HEADERS, 1, block([["x-c", "v".repeat(15_000)]])),
    ),
    told: [200, NGHTTP2_INTERNAL_ERROR],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "pushes",
    serve: says(
      frame(
        FRAME.push,
        END_HEADERS,
        1,
        Buffer.concat([
          uint32(2),
          block([
            [":method", "GET"],
            [":scheme", "https"],
            [":path", "/"],
            [":authority", "a"],
          ]),
        ]),
      ),
      OK,
    ),
    told: [502, "upstream_unreachable"],
    outcome: "aborted upstream_unreachable",
  },
  {
    name: "sends more than its window",
    serve: says(OK, Buffer.concat(Array.from({ length: 80 }, () => frame(FRAME.data, 0, 1, Buffer.alloc(16_384))))),
    told: [200, NGHTTP2_INTERNAL_ERROR],
    outcome: "aborted upstream_invalid",
  },
  {
    name: "floods with PING",
    serve: says(Buffer.concat(Array.from({ length: 60_000 }, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))))),
    told: [502, "upstream_unreachable"],
    outcome: "aborted upstream_unreachable",
  },
  {
    name: "floods with CONTINUATION",
    serve: says(
      Buffer.concat([
        headers(1, [[":status", "200"]], 0),
        ...Array.from({ length: 2_000 }, () => frame(FRAME.continuation, 0, 1, block([["x-a", "b"]]))),
      ]),
    ),
    told: [502, "upstream_unreachable"],
    outcome: "aborted upstream_unreachable",
  },
];

for (const { name, serve, told, outcome } of rows) {
  test(`INV-H2-ORIGIN: an origin that ${name}`, async () => {
    await using origin = await rawHttp2Origin(serve);
    await using world = await http2World(origin.port, { idle: 3_000 });
    const slow = name.startsWith("sends more than its window");
    const got = await call(
      world.agent(),
      {},
      slow ? { onStream: (stream) => setImmediate(() => stream.pause()), open: true } : undefined,
    );
    assert.deepEqual([got.status, got.status === 200 ? got.code : got.reason], told);
    assert.deepEqual(
      (await world.settled(1)).map((end) => `${end.kind} ${"reason" in end ? end.reason : ""}`),
      [outcome],
    );
  });
}

test("INV-H2-WHOLE: a cut answer reaches the agent without END_STREAM", async () => {
  for (const code of [0, 2, 8]) {
    await using origin = await rawHttp2Origin(says(OK, PART, reset(code)));
    await using world = await http2World(origin.port);
    const socket = await world.raw();
    const { frames, until } = reader(socket);
    socket.write(Buffer.concat([PREFACE, settings(), headers(1, requestHead(world.authority), 5)]));
    const last = await until(({ type }) => type === FRAME.reset);
    assert.equal(last.payload.readUInt32BE(0), code === 0 ? 2 : code);
    const ended = frames.filter(({ type, flags }) => type <= 1 && (flags & END_STREAM) !== 0);
    assert.deepEqual(ended, []);
  }
});

test("INV-H2-WHOLE: an answer cut behind a slow reader is held against its Content-Length", async () => {
  const octets = 400_000;
  const data = Array.from({ length: 12 }, () => frame(FRAME.data, 0, 1, Buffer.alloc(16_384)));
  const said: Pairs = [
    [":status", "200"],
    ["content-length", String(octets)],
  ];
  await using origin = await rawHttp2Origin(says(Buffer.concat([headers(1, said), ...data]), reset(0)));
  await using world = await http2World(origin.port);
  const got = await call(
    world.agent({ settings: { initialWindowSize: 1_048_576 } }),
    {},
    { open: true, onStream: (stream) => stream.end() },
  );
  assert.equal(got.status, 200);
  assert.notEqual(got.code, 0);
  assert.deepEqual(
    (await world.settled(1)).map((end) => `${end.kind} ${"reason" in end ? end.reason : ""}`),
    ["aborted upstream_invalid"],
  );
});

for (const how of ["reset 0", "reset 8", "end", "destroy"] as const) {
  test(`INV-H2-WHOLE: an upload that the agent breaks off (${how}) reaches the origin without END_STREAM`, async () => {
    const told = Promise.withResolvers<ReturnType<typeof reader>>();
    await using origin = await rawHttp2Origin((socket) => {
      told.resolve(reader(socket, PREFACE.length));
      socket.write(Buffer.concat([settings(), frame(FRAME.settings, ACK, 0)]));
    });
    await using world = await http2World(origin.port);
    const socket = await world.raw();
    const head = headers(1, requestHead(world.authority, "POST"));
    socket.write(Buffer.concat([PREFACE, settings(), head, frame(FRAME.data, 0, 1, Buffer.from("half"))]));
    const { frames, until } = await told.promise;
    await until(({ type, payload }) => type === FRAME.data && payload.toString() === "half");
    if (how === "end") socket.end();
    else if (how === "destroy") socket.destroy();
    else socket.write(reset(how === "reset 0" ? 0 : 8));
    const last = await until(({ type }) => type === FRAME.reset || type === FRAME.goaway);
    assert.ok(last.type === FRAME.goaway || last.payload.readUInt32BE(0) === NGHTTP2_CANCEL);
    const ended = frames.filter(({ type, flags }) => type <= 1 && (flags & END_STREAM) !== 0);
    assert.deepEqual(ended, []);
    assert.deepEqual(
      (await world.settled(1)).map((end) => `${end.kind} ${"detail" in end ? end.detail : ""}`),
      ["aborted agent_reset"],
    );
  });
}

test("an origin that leaves while nothing is asked sends the agent away; nothing is left of either", async () => {
  await using origin = await http2OriginServer((stream) => {
    stream.respond({ ":status": 200 });
    stream.end();
  });
  await using world = await http2World(origin.port);
  const agent = world.agent();
  await call(agent, {});
  const gone = new Promise((resolve) => agent.on("close", resolve));
  for (const session of origin.sessions) session.destroy();
  await gone;
  await eventually(() => world.serving === 0);
});

test("an agent that leaves takes the origin's connection with it", async () => {
  await using origin = await http2OriginServer((stream) => {
    stream.respond({ ":status": 200 });
    stream.end();
  });
  await using world = await http2World(origin.port);
  const agent = world.agent();
  await call(agent, {});
  const gone = new Promise((resolve) => origin.sessions[0]?.on("close", resolve));
  agent.close();
  await gone;
  await eventually(() => world.serving === 0);
});
