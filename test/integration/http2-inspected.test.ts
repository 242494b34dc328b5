import assert from "node:assert/strict";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { gzipSync } from "node:zlib";
import { call, lists } from "../fakes/http2-call.ts";
import { http2OriginServer } from "../fakes/http2-origin.ts";
import { HOST } from "../fakes/http2-world.ts";
import { type InspectionWorld, inspectionWorld } from "../fakes/inspection-world.ts";
import { until } from "../fakes/until.ts";

const { NGHTTP2_INTERNAL_ERROR } = constants;

/** HTTP/2 through the whole corridor: the tunnel, TLS on both sides, what a rule injects. */

const SECRET = "ghp_0123456789abcdef";

async function worldOf(port: number, more = ""): Promise<InspectionWorld> {
  const to = `hosts: [${HOST}], ports: [${port}], addresses: ["127.0.0.1:${port}"], protocol: tls, inspect: true`;
  const http = "http: { methods: [GET, HEAD, POST], paths: ['/**'] }";
  return inspectionWorld({ allow: [`{ id: api, ${to}, ${http}${more} }`], secrets: { token: SECRET } });
}

const INJECT = `, inject: [{ header: authorization, secret: token, prefix: "Bearer " }]`;

async function inside(world: InspectionWorld, port: number): Promise<TLSSocket> {
  return world.secure(`${HOST}:${port}`, { ALPNProtocols: ["h2"] });
}

async function agentOf(world: InspectionWorld, port: number): Promise<ClientHttp2Session> {
  const socket = await inside(world, port);
  const session = connect(`https://${HOST}:${port}`, { createConnection: () => socket });
  session.on("error", () => undefined);
  return session;
}

const zipped = gzipSync(`auth=${SECRET}`);
const hidden: Readonly<Record<string, readonly [fields: Record<string, string | number>, content: Buffer | string]>> = {
  "/coded": [{ "content-encoding": "gzip" }, zipped],
  "/messages": [{ "content-type": "application/grpc", "grpc-encoding": "gzip" }, zipped],
  "/part": [{ ":status": 206, "content-range": "bytes 0-9/20" }, SECRET.slice(0, 10)],
  "/said-part": [{ "content-range": "bytes 10-19/20" }, SECRET.slice(10)],
  "/parts": [{ "content-type": "multipart/byteranges; boundary=b" }, SECRET.slice(0, 10)],
};

test("INV-H2-INJECT: an answer that cannot be searched is not passed on, and not asked for", async () => {
  const trailing: (readonly string[])[] = [];
  await using origin = await http2OriginServer((stream, raw) => {
    stream.on("trailers", (_fields, _flags, got) => trailing.push(got));
    const [fields, content] = hidden[lists(raw).get(":path")?.[0] ?? ""] ?? [{}, "fine"];
    stream.respond({ ":status": 200, ...fields });
    stream.resume();
    stream.on("end", () => stream.end(content));
  });
  await using world = await worldOf(origin.port, INJECT);
  const agent = await agentOf(world, origin.port);
  const asks = {
    "accept-encoding": "gzip",
    "grpc-accept-encoding": "gzip",
    range: "bytes=0-4",
    "if-range": "x",
    "request-range": "bytes=0-4",
  };
  for (const path of Object.keys(hidden)) {
    const answer = await call(agent, { ":path": path, ...asks });
    assert.deepEqual([answer.status, answer.reason], [502, "upstream_invalid"], path);
    assert.ok(!answer.body.includes(zipped) && !answer.body.includes(SECRET.slice(0, 9)), path);
    const sent = lists(origin.requests.at(-1)?.raw ?? []);
    assert.deepEqual(sent.get("accept-encoding"), ["identity"]);
    assert.deepEqual(
      [...sent.keys()].filter((name) => name !== "accept-encoding" && name in asks),
      [],
    );
  }
  // Without content there is nothing to find.
  assert.equal((await call(agent, { ":method": "HEAD", ":path": "/coded" })).status, 200);
  const trailers = { ...asks, "x-sum": "1" };
  assert.equal((await call(agent, { ":method": "POST", ":path": "/fine" }, { body: "x", trailers })).status, 200);
  assert.deepEqual(trailing.at(-1), ["x-sum", "1"]);
  agent.destroy();
});

test("INV-H2-INJECT: of an answer that stops, a beginning of the secret goes on no sooner than anything else", async () => {
  await using origin = await http2OriginServer((stream) => {
    stream.respond({ ":status": 200 });
    stream.on("data", (chunk: Buffer) => stream.write(chunk));
  });
  await using world = await worldOf(origin.port, INJECT);
  const agent = await agentOf(world, origin.port);
  const stream = agent.request({ ":method": "POST", ":path": "/echo" });
  let got = "";
  let isOver = false;
  stream.on("error", () => undefined).on("close", () => (isOver = true));
  stream.on("data", (chunk: Buffer) => void (got += chunk.toString()));
  const echoed = async (text: string): Promise<number> => {
    got = "";
    const began = performance.now();
    stream.write(text);
    await until(() => got === text || isOver);
    return performance.now() - began;
  };
  // Each waits for as long, whether it begins the secret or not: a timer alone lets it go.
  for (const text of [SECRET.slice(0, 5), "other", SECRET.slice(0, 3), "oth"])
    assert.ok((await echoed(text)) >= 49, text);
  got = "";
  stream.write(SECRET.slice(0, 12));
  await until(() => isOver);
  assert.equal(got, "");
  assert.equal(stream.rstCode, NGHTTP2_INTERNAL_ERROR);
  agent.destroy();
});

test("where nothing is injected all of that passes, and is asked for", async () => {
  await using origin = await http2OriginServer((stream) => {
    stream.respond({ ":status": 206, "content-encoding": "gzip", "content-range": "bytes 0-9/20" });
    stream.end(zipped);
  });
  await using world = await worldOf(origin.port);
  const agent = await agentOf(world, origin.port);
  const answer = await call(agent, { "accept-encoding": "gzip", range: "bytes=0-9" });
  assert.deepEqual([answer.status, answer.body], [206, zipped]);
  const sent = lists(origin.requests[0]?.raw ?? []);
  assert.deepEqual([sent.get("accept-encoding"), sent.get("range")], [["gzip"], ["bytes=0-9"]]);
  agent.destroy();
});
