import assert from "node:assert/strict";
import { type ClientHttp2Stream, constants } from "node:http2";
import { test } from "node:test";
import type { Outcome } from "../../router/core/outcome/outcome.ts";
import type { InjectedFields } from "../../router/app/inspection/injected-fields.ts";
import { asksForUnsearchable } from "../../router/app/inspection/searchable.ts";
import { type Called, call, eventually, lists } from "../fakes/http2-call.ts";
import { http2OriginServer } from "../fakes/http2-origin.ts";
import { http2World, OPEN_RULE } from "../fakes/http2-world.ts";

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

/** `kind reason rule status out in`. */
function line({ kind, rule, facts, ...rest }: Outcome): string {
  const reason = "reason" in rest ? (rest.reason ?? rest.detail) : "-";
  return [kind, reason, rule ?? "-", facts.status ?? "-", facts.bytesOut, facts.bytesIn].join(" ");
}

async function echoOrigin(): ReturnType<typeof http2OriginServer> {
  return http2OriginServer((stream) => {
    stream.respond({ ":status": 200, "x-twice": ["1", "2"] }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "3" }));
    stream.pipe(stream);
  });
}

test("a stream goes to the origin and back: fields, content and trailers of both", async () => {
  const seen: (readonly string[])[] = [];
  await using origin = await http2OriginServer((stream) => {
    stream.on("trailers", (_fields, _flags, raw) => seen.push(raw));
    stream.respond({ ":status": 201, "set-cookie": ["a=1", "b=2"], "x-a": "é" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", "x-t": ["1", "2"] }));
    stream.pipe(stream);
  });
  await using world = await http2World(origin.port);
  const sent = { ":method": "POST", ":path": "/a%20b?q=1", te: "trailers", cookie: ["a=1", "b=2"], "x-up": "ü" };
  const trailers = {
    "x-sum": "9",
    authorization: "late",
    "x-up": "2",
    "x-http-method-override": "PUT",
  };
  const answer = await call(world.agent(), sent, { body: "hello", trailers });

  assert.deepEqual(
    origin.requests[0]?.raw,
    [
      [":method", "POST"],
      [":scheme", "https"],
      [":authority", world.authority],
      [":path", "/a%20b?q=1"],
      ["x-up", "ü"],
      ["cookie", "a=1; b=2"],
      ["te", "trailers"],
    ].flat(),
  );
  // What belongs to a head, or was in the head that was judged, does not come behind it.
  assert.deepEqual(seen, [["x-sum", "9"]]);
  assert.equal(answer.status, 201);
  assert.deepEqual(answer.fields.get("set-cookie"), ["a=1", "b=2"]);
  assert.deepEqual(answer.fields.get("x-a"), ["é"]);
  assert.deepEqual(answer.fields.get("sluice-request-id"), ["r1"]);
  assert.equal(answer.body.toString(), "hello");
  assert.deepEqual(Object.fromEntries(answer.trailers), { "grpc-status": ["0"], "x-t": ["1", "2"] });
  assert.deepEqual((await world.settled(1)).map(line), ["completed - origin 201 5 5"]);
  assert.equal(world.records.length, 1);
  assert.equal(world.records[0]?.target, world.authority);
});

const refused: readonly (readonly [string, readonly string[], number, string])[] = [
  ["another :authority", [":authority", "other.test"], 421, "host_mismatch"],
  ["the name with another port", [":authority", "origin.test:444"], 421, "host_mismatch"],
  ["no port, where the tunnel's is not https's own", [":authority", "origin.test"], 421, "host_mismatch"],
  ["another Host beside it", ["host", "other.test"], 421, "host_mismatch"],
  ["http as its scheme", [":scheme", "http"], 400, "malformed_request"],
  ["a method that no rule names", [":method", "DELETE"], 403, "method_not_allowed"],
  ["a method in small letters", [":method", "get"], 400, "malformed_request"],
  ["a path with dots", [":path", "/a/%2e%2e/b"], 400, "malformed_request"],
  ["a path that no rule names", [":path", "/secret"], 403, "denied_by_rule"],
  ["an expectation nobody meets", ["expect", "the-worst"], 417, "malformed_request"],
];
for (const [name, [field = "", value = ""], status, reason] of refused) {
  test(`INV-H2-JUDGED: a stream with ${name} is refused, and nothing of it is sent`, async () => {
    await using origin = await echoOrigin();
    const deny = "  deny: [{ id: no, hosts: [origin.test], http: { paths: ['/secret'] } }]";
    await using world = await http2World(origin.port, { spec: deny });
    const fields = new Map([
      [":method", "GET"],
      [":scheme", "https"],
      [":authority", world.authority],
      [":path", "/"],
    ]);
    fields.set(field, value);
    const answer = await call(world.agent(), [...fields].flat());
    assert.deepEqual([answer.status, answer.reason, answer.code], [status, reason, NGHTTP2_NO_ERROR]);
    const body = JSON.parse(answer.body.toString()) as { error: { code: string; request_id: string } };
    assert.equal(body.error.code, reason);
    assert.equal(body.error.request_id, "r1");
    assert.equal(
      answer.fields.get("proxy-status")?.[0],
      `sluice; error=${answer.fields.get("proxy-status")?.[0]?.split(/[=;]/)[2]}; details="${reason}"`,
    );
    assert.deepEqual(
      (await world.settled(1)).map((outcome) => outcome.kind),
      ["refused"],
    );
    assert.equal(origin.requests.length, 0);
    assert.equal(world.records.length, 0);
  });
}

const byFraming: readonly (readonly [string, readonly string[]])[] = [
  ["user information", [":authority", "a@origin.test"]],
  ["an absolute target", [":path", "https://origin.test/"]],
  ["the target of all of a server", [":path", "*"]],
  ["a scheme that is none", [":scheme", "ht tp"]],
];
for (const [name, [field = "", value = ""]] of byFraming) {
  test(`a stream with ${name} does not get through nghttp2`, async () => {
    await using origin = await echoOrigin();
    await using world = await http2World(origin.port);
    const fields = new Map([
      [":method", "GET"],
      [":scheme", "https"],
      [":authority", world.authority],
      [":path", "/"],
    ]);
    fields.set(field, value);
    const agent = world.agent();
    assert.equal((await call(agent, [...fields].flat())).code, constants.NGHTTP2_PROTOCOL_ERROR);
    // The connection is none the worse for it.
    assert.equal((await call(agent, {})).status, 200);
    assert.equal(origin.requests.length, 1);
  });
}

test("CONNECT, plain and extended (RFC 8441), goes nowhere", async () => {
  await using origin = await echoOrigin();
  await using world = await http2World(origin.port);
  const agent = world.agent();
  const answer = await call(agent, { ":method": "CONNECT", ":authority": world.authority }, { open: true });
  assert.deepEqual([answer.status, answer.reason], [400, "malformed_request"]);
  await new Promise((resolve) =>
    agent.remoteSettings.enableConnectProtocol === undefined ? agent.once("remoteSettings", resolve) : resolve(0),
  );
  assert.equal(agent.remoteSettings.enableConnectProtocol, false);
  assert.equal(origin.requests.length, 0);
});

const grpc: readonly (readonly [string, string, Record<string, string>, string, string])[] = [
  ["what policy refuses", OPEN_RULE, { ":method": "DELETE" }, "7", "A rule allows this host, but not this method."],
  [
    "what is too large",
    "http: { methods: [POST], paths: ['/**'], bodyBytes: 10 }",
    { "content-length": "11" },
    "8",
    "The request is too large.",
  ],
];
for (const [name, rule, fields, status, message] of grpc) {
  test(`a gRPC call is told of ${name} in trailers-only form`, async () => {
    await using origin = await echoOrigin();
    await using world = await http2World(origin.port, { rule });
    const head = { ":method": "POST", "content-type": "application/grpc+proto", te: "trailers", ...fields };
    const answer = await call(world.agent(), head, { open: true });
    assert.equal(answer.status, 200);
    assert.equal(answer.fields.get("content-type")?.[0], "application/grpc");
    assert.equal(answer.fields.get("grpc-status")?.[0], status);
    assert.equal(answer.fields.get("grpc-message")?.[0], message);
    assert.ok(answer.reason !== undefined);
    assert.equal(answer.body.length, 0);
    // Asked to stop sending, once the answer has left.
    assert.equal(answer.code, NGHTTP2_NO_ERROR);
  });
}

test("an origin that is not reached is on record, and each stream is told", async () => {
  const unreachable = { reason: "upstream_unreachable", detail: "Nobody is there." } as const;
  await using world = await http2World(9, { unreachable });
  const agent = world.agent();
  const plain = await call(agent, {});
  assert.deepEqual([plain.status, plain.reason], [502, "upstream_unreachable"]);
  const called = await call(agent, { ":method": "POST", "content-type": "application/grpc" }, { open: true });
  assert.equal(called.fields.get("grpc-status")?.[0], "14");
  const denied = await call(agent, { ":method": "DELETE" });
  assert.deepEqual([denied.status, denied.reason], [403, "method_not_allowed"]);
  assert.deepEqual((await world.settled(3)).map(line), [
    "refused upstream_unreachable origin - 0 0",
    "refused upstream_unreachable origin - 0 0",
    "refused method_not_allowed origin - 0 0",
  ]);
});

interface Limited {
  readonly name: string;
  readonly rule: string;
  readonly idle?: number;
  readonly send?: { readonly body?: Buffer; readonly open?: boolean };
  readonly answer?: number;
  readonly expect: (answer: Called) => readonly unknown[];
  readonly told: readonly unknown[];
  readonly outcome: string;
}
const limited: readonly Limited[] = [
  {
    name: "bodyBytes, while it comes",
    rule: "http: { methods: [POST], paths: ['/**'], bodyBytes: 1000 }",
    send: { body: Buffer.alloc(1_001) },
    expect: ({ status, reason }) => [status, reason],
    told: [413, "request_too_large"],
    outcome: "aborted request_too_large origin - 0 0",
  },
  {
    name: "bytesOut",
    rule: `${OPEN_RULE}\n      limits: { bytesOut: 1000 }`,
    send: { body: Buffer.alloc(1_001) },
    expect: ({ status, reason }) => [status, reason],
    told: [429, "byte_limit"],
    outcome: "aborted byte_limit origin - 0 0",
  },
  {
    name: "bytesOut, head and content together",
    rule: `${OPEN_RULE}\n      limits: { bytesOut: 1000 }`,
    send: { body: Buffer.alloc(1_000) },
    expect: ({ status, reason }) => [status, reason],
    told: [429, "byte_limit"],
    outcome: "aborted byte_limit origin - 0 0",
  },
  {
    name: "bytesIn",
    rule: `${OPEN_RULE}\n      limits: { bytesIn: 1000 }`,
    answer: 100_000,
    send: {},
    expect: ({ status, code, body }) => [status, code, body.length <= 1_000],
    told: [200, NGHTTP2_INTERNAL_ERROR, true],
    outcome: "aborted byte_limit origin 200 0 0",
  },
  {
    name: "idle",
    rule: `${OPEN_RULE}\n      limits: { idle: 1s }`,
    idle: 50,
    send: { open: true },
    expect: ({ status, reason }) => [status, reason],
    told: [429, "idle_timeout"],
    outcome: "aborted idle_timeout origin - 0 0",
  },
  {
    name: "lifetime",
    rule: `${OPEN_RULE}\n      limits: { lifetime: 1s }`,
    send: { open: true },
    expect: ({ status, reason }) => [status, reason],
    told: [429, "lifetime_limit"],
    outcome: "aborted lifetime_limit origin - 0 0",
  },
];
for (const { name, rule, idle, send, answer: octets, expect, told, outcome } of limited) {
  test(`INV-H2-LIMITS: ${name} is held inside the stream`, async () => {
    await using origin = await http2OriginServer((stream) => {
      stream.resume();
      if (octets !== undefined) stream.respond({ ":status": 200 });
      if (octets !== undefined) stream.end(Buffer.alloc(octets));
    });
    await using world = await http2World(origin.port, { rule, ...(idle === undefined ? {} : { idle }) });
    const answer = await call(world.agent(), { ":method": "POST" }, send ?? {});
    assert.deepEqual(expect(answer), told);
    assert.deepEqual((await world.settled(1)).map(line), [outcome]);
    // The origin's stream is cancelled, not ended: a cut content is no whole one.
    await eventually(() => origin.requests[0]?.stream.destroyed === true);
    assert.equal(origin.requests[0]?.stream.rstCode, NGHTTP2_CANCEL);
    assert.equal(world.rooms.registry.size, 0);
  });
}

test("INV-H2-LIMITS: a head and trailers that are more than may go out do not", async () => {
  await using origin = await http2OriginServer((stream) => void stream.resume());
  await using world = await http2World(origin.port, { rule: `${OPEN_RULE}\n      limits: { bytesOut: 1000 }` });
  const long = { "x-long": "v".repeat(1_000) };
  const told = await call(world.agent(), long);
  assert.deepEqual([told.status, told.reason], [429, "byte_limit"]);
  assert.equal(origin.requests.length, 0);
  const behind = await call(world.agent(), { ":method": "POST" }, { body: "x", trailers: long });
  assert.deepEqual([behind.status, behind.reason], [429, "byte_limit"]);
  assert.deepEqual((await world.settled(2)).map(line), [
    "aborted byte_limit origin - 0 0",
    "aborted byte_limit origin - 1 0",
  ]);
});

test("INV-H2-CUT: a stream whose rule is lost is reset; others of the connection go on", async () => {
  await using origin = await http2OriginServer((stream, raw) => {
    stream.respond({ ":status": 200 });
    stream.write("part");
    if (raw.includes("/kept")) stream.on("whole", () => stream.end("whole"));
  });
  await using world = await http2World(origin.port);
  const agent = world.agent();
  let parts = 0;
  const onStream = (stream: ClientHttp2Stream): void => void stream.once("data", () => (parts += 1));
  const cut = call(agent, { ":path": "/lost" }, { onStream });
  const kept = call(agent, { ":path": "/kept" }, { onStream });
  await eventually(() => parts === 2);
  world.reload("http: { methods: [GET], paths: ['/kept'] }");
  for (const { stream } of origin.requests) stream.emit("whole");
  const { status, code, body } = await cut;
  assert.deepEqual([status, code, body.toString()], [200, NGHTTP2_INTERNAL_ERROR, "part"]);
  assert.deepEqual([(await kept).code, (await kept).body.toString()], [NGHTTP2_NO_ERROR, "partwhole"]);
  assert.deepEqual((await world.settled(2)).map(line), [
    "aborted path_not_allowed origin 200 0 4",
    "completed - origin 200 0 9",
  ]);
});

test("a stream that is cut before its answer began is told why", async () => {
  await using origin = await http2OriginServer(() => undefined);
  await using world = await http2World(origin.port);
  const waiting = call(world.agent(), {});
  await eventually(() => origin.requests.length === 1);
  world.reload("http: { methods: [POST], paths: ['/**'] }");
  assert.deepEqual([(await waiting).status, (await waiting).reason], [403, "method_not_allowed"]);
});

test("a policy that changes while the record is written lets nothing through", async () => {
  await using origin = await echoOrigin();
  let change = (): void => undefined;
  const record = async (): Promise<void> => change();
  await using world = await http2World(origin.port, { record });
  change = () => world.reload("http: { methods: [POST], paths: ['/**'] }");
  const answer = await call(world.agent(), {});
  assert.deepEqual([answer.status, answer.reason], [403, "method_not_allowed"]);
  assert.equal(origin.requests.length, 0);
});

test("an agent that resets its stream ends the origin's, and only that", async () => {
  await using origin = await http2OriginServer((stream) => {
    stream.respond({ ":status": 200 });
    stream.write("part");
  });
  await using world = await http2World(origin.port);
  const agent = world.agent();
  const reset = call(
    agent,
    {},
    { onStream: (stream) => setTimeout(() => stream.close(NGHTTP2_CANCEL), 30), open: true },
  );
  const other = call(agent, {}, { open: true, body: "x" });
  await reset;
  assert.deepEqual((await world.settled(1)).map(line), ["aborted agent_reset origin 200 0 4"]);
  await eventually(() => origin.requests[0]?.stream.destroyed === true);
  assert.equal(origin.requests[1]?.stream.destroyed, false);
  agent.destroy();
  await other;
  await world.settled(2);
});

test("1xx goes on: 100 for who expects it, and early hints", async () => {
  await using origin = await http2OriginServer((stream) => {
    stream.additionalHeaders({ ":status": 103, link: "</a>; rel=preload" });
    stream.additionalHeaders({ ":status": 100 });
    stream.respond({ ":status": 200 });
    stream.end();
  });
  await using world = await http2World(origin.port);
  const answer = await call(world.agent(), { ":method": "PUT", expect: "100-continue" }, { body: "x" });
  assert.deepEqual([answer.interim, answer.status], [[103, 100], 200]);
  assert.equal(lists(origin.requests[0]?.raw ?? []).get("expect")?.[0], "100-continue");
});

test("HEAD and statuses without content have none, and keep their Content-Length", async () => {
  await using origin = await http2OriginServer((stream, raw) => {
    if (raw.includes("/304")) return stream.respond({ ":status": 304, etag: "x" }, { endStream: true });
    if (raw.includes("/204")) return stream.respond({ ":status": 204 }, { endStream: true });
    return stream.respond({ ":status": 200, "content-length": "1234" }, { endStream: true });
  });
  await using world = await http2World(origin.port);
  const agent = world.agent();
  const head = await call(agent, { ":method": "HEAD" });
  assert.deepEqual([head.status, head.fields.get("content-length"), head.body.length], [200, ["1234"], 0]);
  assert.equal((await call(agent, { ":path": "/304" })).status, 304);
  assert.equal((await call(agent, { ":path": "/204" })).status, 204);
  assert.deepEqual(
    (await world.settled(3)).map(({ kind }) => kind),
    ["completed", "completed", "completed"],
  );
});

test("an answer that ends while the content still comes: the rest goes on until the origin has enough", async () => {
  const got: number[] = [];
  await using origin = await http2OriginServer((stream, raw) => {
    stream.respond({ ":status": 200 });
    stream.end("early");
    if (raw.includes("/enough")) return;
    let octets = 0;
    stream.on("data", (part: Buffer) => (octets += part.length));
    stream.on("end", () => got.push(octets));
  });
  await using world = await http2World(origin.port);
  const agent = world.agent();
  const later = await call(
    agent,
    { ":method": "POST", ":path": "/later" },
    {
      open: true,
      body: "x",
      onStream: (stream) => setTimeout(() => stream.end(Buffer.alloc(100_000)), 50),
    },
  );
  assert.equal(later.body.toString(), "early");
  assert.deepEqual((await world.settled(1)).map(line), ["completed - origin 200 100001 5"]);
  await eventually(() => got.length === 1);
  assert.deepEqual(got, [100_001]);
});

const SECRET = "s3cr3t-value-that-is-long";
const INJECTING = `http: { methods: [GET, TRACE], paths: ['/**'] }
      inject: [{ header: authorization, secret: token, prefix: "Bearer " }]`;

/** As `injectedFields` makes it, with a gate that looks at whole chunks. */
const injected: InjectedFields = {
  request: (fields) => [
    ...fields.filter(({ name }) => name !== "authorization" && !asksForUnsearchable(name)),
    { name: "authorization", rawName: "authorization", value: `Bearer ${SECRET}` },
  ],
  answer: (fields) => fields.filter(({ value }) => !value.includes(SECRET)),
  gate: (send) => ({
    push(chunk) {
      if (Buffer.from(chunk).includes(SECRET)) return false;
      send(chunk);
      return true;
    },
    end: () => true,
    close: () => undefined,
  }),
};

test("INV-H2-INJECT: secrets are written in the place of what the agent sent, and never indexed", async () => {
  await using origin = await echoOrigin();
  await using world = await http2World(origin.port, { rule: INJECTING, inject: injected });
  const head = { authorization: "Bearer stolen", "grpc-accept-encoding": "gzip" };
  assert.equal((await call(world.agent(), head)).status, 200);
  const [asked] = origin.requests;
  assert.deepEqual(lists(asked?.raw ?? []).get("authorization"), [`Bearer ${SECRET}`]);
  assert.equal(lists(asked?.raw ?? []).has("grpc-accept-encoding"), false);
  assert.deepEqual(asked?.unindexed, ["authorization"]);
});

test("INV-H2-INJECT: no answer repeats them: fields, interim fields and trailers are left out, content is cut", async () => {
  await using origin = await http2OriginServer((stream, raw) => {
    stream.additionalHeaders({ ":status": 103, "x-echo": SECRET, "x-fine": "1" });
    stream.respond({ ":status": 200, "x-echo": SECRET, "x-fine": "1" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-echo": SECRET, "x-fine": "1" }));
    stream.end(raw.includes("/content") ? `it is ${SECRET}` : "fine");
  });
  await using world = await http2World(origin.port, { rule: INJECTING, inject: injected });
  const agent = world.agent();
  const answer = await call(agent, {});
  assert.deepEqual([answer.fields.has("x-echo"), answer.fields.has("x-fine"), answer.interim], [false, true, [103]]);
  assert.deepEqual([answer.trailers.has("x-echo"), answer.trailers.has("x-fine")], [false, true]);
  const content = await call(agent, { ":path": "/content" });
  assert.deepEqual([content.body.length, content.code], [0, NGHTTP2_INTERNAL_ERROR]);
  const trace = await call(agent, { ":method": "TRACE" });
  assert.deepEqual([trace.status, trace.reason], [403, "method_not_allowed"]);
  assert.equal(origin.requests.length, 2);
  assert.deepEqual((await world.settled(3)).map(line), [
    "completed - origin 200 0 4",
    `aborted upstream_invalid origin 200 0 ${6 + SECRET.length}`,
    "refused method_not_allowed origin - 0 0",
  ]);
});

test("a secret that cannot be read: nothing is sent", async () => {
  await using origin = await echoOrigin();
  await using world = await http2World(origin.port, { rule: INJECTING });
  const answer = await call(world.agent(), {});
  assert.deepEqual([answer.status, answer.reason], [502, "upstream_unreachable"]);
  assert.equal(origin.requests.length, 0);
});

test("GOAWAY while draining: what is open ends, nothing new begins", async () => {
  await using origin = await http2OriginServer((stream) => {
    stream.respond({ ":status": 200 });
  });
  await using world = await http2World(origin.port);
  const agent = world.agent();
  const goaway = new Promise((resolve) => agent.on("goaway", (code: number) => resolve(code)));
  const open = call(agent, {});
  await eventually(() => origin.requests.length === 1);
  world.drain();
  assert.equal(await goaway, NGHTTP2_NO_ERROR);
  origin.requests[0]?.stream.end("slow");
  assert.equal((await open).body.toString(), "slow");
  await new Promise((resolve) => (agent.destroyed ? resolve(0) : agent.on("close", resolve)));
  await eventually(() => world.serving === 0);
  assert.equal(world.rooms.http2.connections, 0);
  assert.equal(world.rooms.http2.reserved, 0);
});

for (const redial of [true, false]) {
  test(`an origin's GOAWAY ${redial ? "opens another connection for the next stream" : "sends the agent away, too"}`, async () => {
    await using origin = await http2OriginServer((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("one");
      stream.session?.close();
    });
    await using world = await http2World(origin.port, { redial });
    const agent = world.agent();
    assert.equal((await call(agent, {})).body.toString(), "one");
    await eventually(() => origin.sessions[0]?.destroyed === true && (redial || agent.closed));
    if (redial) {
      assert.equal((await call(agent, {})).body.toString(), "one");
      assert.equal(world.dialled, 2);
    } else assert.equal(agent.closed, true);
  });
}

test("INV-H2-PINNED: another connection to the origin is of use at the recorded address only", async () => {
  await using origin = await http2OriginServer((stream) => {
    stream.respond({ ":status": 200 });
    stream.end("one");
    stream.session?.close();
  });
  await using world = await http2World(origin.port, { redial: true, redialHost: "127.0.0.2" });
  const agent = world.agent();
  assert.equal((await call(agent, {})).body.toString(), "one");
  await eventually(() => origin.sessions[0]?.destroyed === true);
  const answer = await call(agent, {});
  assert.deepEqual([answer.status, answer.reason], [502, "upstream_unreachable"]);
  assert.equal(world.dialled, 2);
  assert.equal(origin.requests.length, 1);
  // With a tunnel of its own it may be led elsewhere: it is sent away, rather than refused until it is idle.
  await eventually(() => agent.destroyed && world.serving === 0);
});

test("a stream that the origin has not begun with is asked again once, and then handed back as it is", async () => {
  let refusals = 1;
  await using origin = await http2OriginServer((stream) => {
    if (refusals-- > 0) return stream.close(NGHTTP2_REFUSED_STREAM);
    stream.respond({ ":status": 200 });
    return stream.end("second");
  });
  await using world = await http2World(origin.port, { redial: true });
  const agent = world.agent();
  assert.equal((await call(agent, {})).body.toString(), "second");
  refusals = 2;
  assert.equal((await call(agent, {})).code, NGHTTP2_REFUSED_STREAM);
  refusals = 1;
  // Content may have been used up.
  assert.equal((await call(agent, { ":method": "POST" }, { body: "x" })).code, NGHTTP2_REFUSED_STREAM);
  assert.deepEqual(
    (await world.settled(3)).map(({ kind }) => kind),
    ["completed", "aborted", "aborted"],
  );
});

test("a connection without a stream ends when it is idle, whatever pings it sends", async () => {
  await using origin = await echoOrigin();
  await using world = await http2World(origin.port, { idle: 400 });
  const agent = world.agent();
  await call(agent, {});
  const pings = setInterval(() => (agent.closed ? undefined : agent.ping(() => undefined)), 10);
  const before = Date.now();
  await new Promise((resolve) => agent.on("close", resolve));
  clearInterval(pings);
  assert.ok(Date.now() - before < 4_000);
});

test("a stream of another way than the connection's is refused", async () => {
  await using origin = await echoOrigin();
  await using world = await http2World(origin.port);
  const agent = world.agent();
  await call(agent, {});
  world.reload(`${OPEN_RULE}\n      proxy: corp`);
  const answer = await call(agent, {});
  assert.deepEqual([answer.status, answer.reason], [502, "upstream_unreachable"]);
});

test("an address that is not this rule's is refused, for this stream alone", async () => {
  await using origin = await echoOrigin();
  await using world = await http2World(origin.port);
  const agent = world.agent();
  await call(agent, {});
  const other = `allow:\n    - { id: other, hosts: [origin.test], ports: [${origin.port}], protocol: tls, inspect: true, http: { methods: [PUT], paths: ['/**'] } }\n`;
  world.reload("http: { methods: [GET], paths: ['/**'] }", "", other);
  const refusedHere = await call(agent, { ":method": "PUT" }, { body: "x" });
  assert.deepEqual([refusedHere.status, refusedHere.reason], [403, "address_not_allowed"]);
  assert.equal((await call(agent, {})).status, 200);
});

test("what a bug throws is on record, and ends the connection", async () => {
  await using origin = await echoOrigin();
  await using world = await http2World(origin.port, {
    record: () => {
      throw new Error("a bug");
    },
  });
  const answer = await call(world.agent(), {});
  assert.notEqual(answer.status, 200);
  assert.deepEqual((await world.settled(1)).map(line), ["aborted internal origin - 0 0"]);
});
