import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { auditRecords } from "../fakes/audit-records.ts";
import { END_STREAM, FRAME, frame, framesOf, headers, settings } from "../fakes/http2-frames.ts";
import { testCa } from "../fakes/origins.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { until } from "../fakes/until.ts";

/** Origins that answer octet by octet, and the memory of the real process. */
const directory = mkdtempSync(join(tmpdir(), "sluice-tiny-"));
const OCTETS = 10_000;
const PIECE = Buffer.from("1\r\na\r\n".repeat(OCTETS));
/** What one of the answers that end has. */
const WHOLE = 600_000;
const SLOW = 15;
/** Megabytes that the process may grow by; before single octets were joined it was 117 to 236. */
const MOST_GROWTH = 70;

let plain: Server;
let secure: Server;
let frames: Server;
let sidecar: Sidecar;

/** `/whole` is longer; of what else is asked for every octet once was a record of TLS, and more than anyone takes. */
function serveChunks(socket: Socket): void {
  socket.on("error", () => undefined);
  socket.once("data", (head: Buffer) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    pour(socket, () => PIECE, head.includes("/whole") ? WHOLE / OCTETS : 20, "0\r\n\r\n");
  });
}

/** One answer a connection, in frames of one octet: as many as the window of its stream takes, then its end. */
function serveFrames(socket: Socket): void {
  socket.on("error", () => undefined);
  let rest: Buffer = Buffer.alloc(0);
  let preface = 24;
  const one = (stream: number): Buffer => frame(FRAME.data, 0, stream, Buffer.from("a"));
  socket.write(settings());
  socket.on("data", (octets: Buffer) => {
    const got = framesOf(Buffer.concat([rest, octets.subarray(preface)]));
    preface = Math.max(0, preface - octets.length);
    rest = Buffer.from(got.rest);
    for (const { type, stream } of got.frames) {
      if (type !== FRAME.headers) continue;
      socket.write(headers(stream, [[":status", "200"]]));
      const many = Buffer.concat(Array.from({ length: 1_000 }, () => one(stream)));
      pour(socket, () => many, 65, frame(FRAME.data, END_STREAM, stream));
    }
  });
}

function pour(socket: Socket, piece: () => Buffer, times: number, end: string | Buffer): void {
  let left = times;
  const more = (): void => {
    while (left > 0 && !socket.destroyed) {
      left -= 1;
      if (!socket.write(piece())) return void socket.once("drain", more);
    }
    if (!socket.destroyed) socket.write(end);
  };
  more();
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

before(async () => {
  const { certificatePem, keyPem } = testCa().issue(["in.test", "two.test"]);
  const tls = { cert: certificatePem, key: keyPem };
  plain = createServer(serveChunks);
  secure = createTlsServer(tls, serveChunks);
  frames = createTlsServer({ ...tls, ALPNProtocols: ["h2"] }, serveFrames);
  for (const server of [plain, secure, frames]) await once(server.listen(0, "127.0.0.1"), "listening");
  writeFileSync(join(directory, "roots.pem"), testCa().certificatePem);
  const rule = (id: string, server: Server, more: string): string =>
    `{ id: ${id}, hosts: [${id}.test], ports: [${portOf(server)}], addresses: ["127.0.0.1:${portOf(server)}"], ${more} }`;
  sidecar = await startSidecar({
    allow: [
      rule("web", plain, "protocol: http"),
      rule("in", secure, "inspect: true"),
      rule("two", frames, "inspect: true"),
    ],
    hosts: { "web.test": ["127.0.0.1"], "in.test": ["127.0.0.1"], "two.test": ["127.0.0.1"] },
    settings: [`inspection: { directory: ${join(directory, "trust")}, caFile: ${join(directory, "roots.pem")} }`],
  });
});

after(async () => {
  await sidecar[Symbol.asyncDispose]();
  for (const server of [plain, secure, frames]) server.close();
  rmSync(directory, { recursive: true, force: true });
});

function megabytes(): number {
  const status = readFileSync(`/proc/${sidecar.child.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

/** The most that the process grew by while `work` ran, or in so many milliseconds. */
async function growth(work: Promise<unknown>): Promise<number> {
  const began = megabytes();
  let most = began;
  const timer = setInterval(() => {
    if (sidecar.child.exitCode === null && sidecar.child.signalCode === null) most = Math.max(most, megabytes());
  }, 20);
  try {
    await work;
  } finally {
    clearInterval(timer);
  }
  assert.equal(sidecar.child.signalCode, null, "the process is there");
  return most - began;
}

async function tunnel(authority: string): Promise<Socket> {
  const socket = connect({ port: sidecar.port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => undefined);
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.match(answer.toString("latin1"), /^HTTP\/1\.1 200 /);
  return socket;
}

async function inside(name: string, server: Server, alpn: string): Promise<TLSSocket> {
  const socket = connectTls({
    socket: await tunnel(`${name}:${portOf(server)}`),
    servername: name,
    ca: readFileSync(join(directory, "trust/ca.pem")),
    ALPNProtocols: [alpn],
  });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  return socket;
}

const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: in.test:${portOf(secure)}\r\n\r\n`;

test("a fetch of an answer in chunks of one octet is whole, and held as octets", async () => {
  const fetched = fetch(`http://127.0.0.1:${sidecar.agentPort}/egress/v1/fetch`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ url: `http://web.test:${portOf(plain)}/whole` }),
  }).then(async (answer) => (await answer.json()) as { readonly body: string });
  const grown = await growth(fetched);
  assert.equal((await fetched).body, "a".repeat(WHOLE));
  assert.ok(grown < MOST_GROWTH, `grown by ${grown.toFixed(0)} MB`);
});

test("INV-EGRESS-4: inspected HTTP/1.1: agents that do not read hold octets, not a Buffer for each", async () => {
  const agents: TLSSocket[] = [];
  try {
    const grown = await growth(
      (async () => {
        for (let at = 0; at < SLOW; at += 1) {
          const agent = await inside("in.test", secure, "http/1.1");
          agent.pause().write(ask("/endless"));
          agents.push(agent);
        }
        await pause(2_500);
      })(),
    );
    assert.ok(grown < MOST_GROWTH, `grown by ${grown.toFixed(0)} MB`);
  } finally {
    for (const agent of agents) agent.destroy();
  }
});

test("inspected HTTP/1.1: an answer in chunks of one octet comes whole, in few chunks, to who pauses", async () => {
  const agent = await inside("in.test", secure, "http/1.1");
  agent.write(ask("/whole"));
  const parts: Buffer[] = [];
  for await (const octets of agent as AsyncIterable<Buffer>) {
    parts.push(octets);
    if (octets.toString("latin1").endsWith("0\r\n\r\n")) break;
    await pause(1);
  }
  agent.destroy();
  let content = Buffer.concat(parts);
  content = content.subarray(content.indexOf("\r\n\r\n") + 4);
  const sizes: number[] = [];
  for (let at = 0; at < content.length;) {
    const end = content.indexOf("\r\n", at);
    const size = Number.parseInt(content.toString("latin1", at, end), 16);
    sizes.push(size);
    assert.ok(content.subarray(end + 2, end + 2 + size).every((octet) => octet === 0x61));
    at = end + 4 + size;
  }
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    WHOLE,
  );
  assert.ok(sizes.length < WHOLE / 100, `${sizes.length} chunks`);
});

test("inspected HTTP/2: frames of one octet come whole, and their transit holds octets", async () => {
  const sessions = await Promise.all(
    [0, 1, 2].map(async () => {
      const socket = await inside("two.test", frames, "h2");
      return connectHttp2(`https://two.test:${portOf(frames)}`, { createConnection: () => socket });
    }),
  );
  const lengths: Promise<number>[] = [];
  try {
    for (const session of sessions) {
      session.on("error", () => undefined);
      for (let at = 0; at < 6; at += 1) {
        const stream = session.request({ ":path": "/" });
        let length = 0;
        stream.on("data", (chunk: Buffer) => (length += chunk.length));
        stream.on("error", () => undefined);
        lengths.push(once(stream, "close").then(() => length));
      }
    }
    const grown = await growth(Promise.all(lengths));
    assert.deepEqual(new Set(await Promise.all(lengths)), new Set([65_000]));
    assert.ok(grown < MOST_GROWTH, `grown by ${grown.toFixed(0)} MB`);
  } finally {
    for (const session of sessions) session.destroy();
  }
});

test("an agent that closes its end behind its ClientHello is let go of at once", async () => {
  const capture = createServer().listen(0, "127.0.0.1");
  await once(capture, "listening");
  const client = connectTls({ port: portOf(capture), host: "127.0.0.1", servername: "in.test" });
  client.on("error", () => undefined);
  const [caught] = (await once(capture, "connection")) as [Socket];
  const [hello] = (await once(caught, "data")) as [Buffer];
  client.destroy();
  caught.destroy();
  capture.close();
  for (const wait of [0, 150]) {
    const authority = `in.test:${portOf(secure)}`;
    const ends = (): number =>
      auditRecords(sidecar.auditDirectory).filter(({ kind, target }) => kind === "egress.end" && target === authority)
        .length;
    const socket = await tunnel(authority);
    socket.resume();
    const before = ends();
    socket.write(hello);
    await pause(wait);
    socket.end();
    const began = performance.now();
    await once(socket, "close");
    assert.ok(performance.now() - began < 1_500, "its tunnel was held");
    await until(() => ends() > before);
    assert.equal(ends(), before + 1);
  }
});
