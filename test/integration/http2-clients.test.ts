import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { constants } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { systemClock } from "../../router/app/clock.ts";
import { Exchange } from "../../router/app/exchange.ts";
import { call } from "../fakes/http2-call.ts";
import { http2OriginServer } from "../fakes/http2-origin.ts";
import { HOST, http2World } from "../fakes/http2-world.ts";
import { testCa } from "../fakes/origins.ts";

const run = promisify(execFile);

/** gRPC's framing (PROTOCOL-HTTP2.md, "Length-Prefixed-Message"): not compressed, a length, the message. */
function message(text: string): Buffer {
  const content = Buffer.from(text);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(content.length, 1);
  return Buffer.concat([prefix, content]);
}

function messages(octets: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at + 5 <= octets.length;) {
    const length = octets.readUInt32BE(at + 1);
    found.push(octets.subarray(at + 5, at + 5 + length).toString());
    at += 5 + length;
  }
  return found;
}

test("curl over HTTP/2: an answer, a refusal, an upload", async () => {
  await using origin = await http2OriginServer((stream) => {
    let octets = 0;
    stream.on("data", (part: Buffer) => (octets += part.length));
    stream.on("end", () => {
      stream.respond({ ":status": 200 });
      stream.end(`got ${octets}`);
    });
  });
  await using world = await http2World(origin.port);
  const directory = await mkdtemp(join(tmpdir(), "sluice-h2-"));
  try {
    await writeFile(join(directory, "ca.pem"), testCa().certificatePem);
    await writeFile(join(directory, "big"), Buffer.alloc(3_000_000));
    const curl = async (...more: string[]): Promise<string> => {
      const to = ["--connect-to", `${world.authority}:127.0.0.1:${world.port}`, "--cacert", join(directory, "ca.pem")];
      const say = ["-w", " %{http_code} %{http_version}", "--max-time", "5", "--noproxy", "*"];
      const url = `https://${HOST}:${origin.port}/x`;
      const { stdout } = await run("curl", ["-sS", "--http2", ...say, ...to, ...more, url]);
      return stdout;
    };
    assert.equal(await curl(), "got 0 200 2");
    assert.match(await curl("-X", "DELETE"), /"code":"method_not_allowed".* 403 2$/);
    assert.equal(await curl("--data-binary", `@${join(directory, "big")}`), "got 3000000 200 2");
    assert.equal(await curl("-X", "PUT", "-H", "Expect: 100-continue", "-d", "abc"), "got 3 200 2");
    assert.match(await curl("-H", "Host: other.test"), /"code":"host_mismatch".* 421 2$/);
  } finally {
    await rm(directory, { recursive: true });
  }
  assert.deepEqual((await world.settled(5)).map(({ kind }) => kind).toSorted(), [
    "completed",
    "completed",
    "completed",
    "refused",
    "refused",
  ]);
});

test("gRPC: unary, and both ways at once, with the status in trailers", async () => {
  await using origin = await http2OriginServer((stream, raw) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => {
      stream.sendTrailers({ "grpc-status": raw.includes("/svc/Fails") ? "5" : "0", "grpc-message": "said" });
    });
    stream.on("data", (part: Buffer) => {
      for (const each of messages(part)) stream.write(message(`<${each}>`));
    });
    stream.on("end", () => stream.end());
  });
  await using world = await http2World(origin.port, { rule: "http: { methods: [POST], paths: ['/svc/*'] }" });
  const agent = world.agent();
  const head = { ":method": "POST", "content-type": "application/grpc+proto", te: "trailers", "grpc-timeout": "5S" };

  const unary = await call(agent, { ...head, ":path": "/svc/Says" }, { body: message("hello") });
  assert.deepEqual(messages(unary.body), ["<hello>"]);
  assert.equal(unary.trailers.get("grpc-status")?.[0], "0");

  const failed = await call(agent, { ...head, ":path": "/svc/Fails" }, { body: message("x") });
  assert.deepEqual([failed.trailers.get("grpc-status")?.[0], failed.trailers.get("grpc-message")?.[0]], ["5", "said"]);

  // Each message is answered before the next is sent: neither side waits for the other's end.
  const stream = agent.request({ ...head, ":path": "/svc/Talks" });
  const heard: string[] = [];
  for (const each of ["one", "two", "three"]) {
    const answered = new Promise<Buffer>((resolve) => stream.once("data", resolve));
    stream.write(message(each));
    heard.push(...messages(await answered));
  }
  stream.end();
  const trailers = new Promise<Record<string, unknown>>((resolve) => stream.on("trailers", resolve));
  stream.resume();
  assert.equal((await trailers)["grpc-status"], "0");
  assert.deepEqual(heard, ["<one>", "<two>", "<three>"]);

  const elsewhere = await call(agent, { ...head, ":path": "/other/Says" }, { body: message("x") });
  assert.equal(elsewhere.fields.get("grpc-status")?.[0], "7");
  assert.equal(elsewhere.reason, "path_not_allowed");
  assert.equal(origin.requests.length, 3);
});

test("a hundred streams at once over an origin that takes two at a time", async () => {
  await using origin = await http2OriginServer(
    (stream) => {
      stream.respond({ ":status": 200 });
      setTimeout(() => stream.end("x"), 1);
    },
    { settings: { maxConcurrentStreams: 2 } },
  );
  await using world = await http2World(origin.port);
  const agent = world.agent();
  const answers = await Promise.all(Array.from({ length: 100 }, async () => call(agent, {})));
  assert.ok(answers.every(({ status, body }) => status === 200 && body.toString() === "x"));
  assert.equal((await world.settled(100)).filter(({ kind }) => kind === "completed").length, 100);
  assert.equal(world.rooms.registry.size, 0);
});

test("INV-H2-CUT: a tunnel that is cut takes its streams with it, each with the tunnel's reason", async () => {
  await using origin = await http2OriginServer((stream, raw) => {
    if (raw.includes("/begun")) stream.respond({ ":status": 200 });
  });
  const tunnel = new Exchange("t", "connect", undefined, systemClock, () => undefined, "connect");
  await using world = await http2World(origin.port, { within: tunnel });
  const agent = world.agent();
  const begun = call(agent, { ":path": "/begun" });
  const waiting = call(agent, {});
  while (origin.requests.length < 2) await pause(2);
  await pause(20);
  tunnel.cut("lifetime_limit");
  assert.equal((await begun).code, constants.NGHTTP2_INTERNAL_ERROR);
  assert.deepEqual([(await waiting).status, (await waiting).reason], [429, "lifetime_limit"]);
  assert.ok((await world.settled(2)).every((outcome) => "reason" in outcome && outcome.reason === "lifetime_limit"));
  const until = Date.now() + 2_000;
  while (world.serving > 0 && Date.now() < until) await pause(10);
  assert.equal(world.serving, 0);
});

test("INV-H2-CUT: a stream that comes as the tunnel is cut is refused with its reason, and nothing of it is sent", async () => {
  await using origin = await http2OriginServer((stream) => {
    stream.respond({ ":status": 200 });
    stream.end("late");
  });
  const tunnel = new Exchange("t", "connect", undefined, systemClock, () => undefined, "connect");
  await using world = await http2World(origin.port, { within: tunnel });
  // The first thing that is done for a stream: GOAWAY has not been said yet.
  Object.assign(world.rooms, {
    nextRequestId() {
      tunnel.cut("lifetime_limit");
      return "late";
    },
  });
  const late = await call(world.agent(), {});
  assert.deepEqual([late.status, late.reason], [429, "lifetime_limit"]);
  assert.equal(origin.requests.length, 0);
});

test("a tunnel that was cut before serves nothing", async () => {
  await using origin = await http2OriginServer(() => undefined);
  const tunnel = new Exchange("t", "connect", undefined, systemClock, () => undefined, "connect");
  tunnel.cut("draining");
  await using world = await http2World(origin.port, { within: tunnel });
  assert.equal((await call(world.agent(), {})).status, undefined);
  assert.equal(origin.requests.length, 0);
});
