import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { malformed, type WitnessAnswer } from "../../../../router/edge/audit/witness-answer.ts";
import { type AddCheckpointHandler, openWitnessServer } from "../../../../router/edge/audit/witness-server.ts";

const LIMITS = { connections: 8, requestMillis: 200 };

interface Served {
  readonly port: number;
  readonly seen: { readonly octets: number; readonly offered: string | undefined }[];
  readonly faults: unknown[];
}

async function serve(t: TestContext, handle?: AddCheckpointHandler): Promise<Served> {
  const seen: Served["seen"] = [];
  const faults: unknown[] = [];
  const note: AddCheckpointHandler = (body, offered) => {
    seen.push({ octets: body.length, offered });
    return Promise.resolve(malformed("seen"));
  };
  const listen = { host: "127.0.0.1", port: 0 };
  const server = await openWitnessServer(listen, handle ?? note, (thrown) => faults.push(thrown), LIMITS);
  t.after(() => server[Symbol.asyncDispose]());
  return { port: Number(server.bound.split(":")[1]), seen, faults };
}

function open(t: TestContext, port: number): Socket {
  const socket = connect(port, "127.0.0.1").setEncoding("latin1");
  socket.on("error", () => undefined);
  t.after(() => socket.destroy());
  return socket;
}

/** Everything that the server says to these octets until it closes. */
async function said(t: TestContext, port: number, ...parts: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = open(t, port);
  let text = "";
  socket.on("data", (part: string) => (text += part));
  for (const part of parts) socket.write(part);
  await once(socket, "close");
  return text;
}

const head = (method: string, path: string, ...fields: readonly string[]): string =>
  [`${method} ${path} HTTP/1.1`, "Host: w", "Connection: close", ...fields, "", ""].join("\r\n");
const post = (length: number, ...fields: readonly string[]): string =>
  head("POST", "/add-checkpoint", `Content-Length: ${length}`, ...fields);

const rows: readonly [name: string, sent: readonly (string | Uint8Array)[], expected: RegExp, seen: number][] = [
  ["a body", [post(3), "abc"], /^HTTP\/1\.1 400 [^]*\r\n\r\nseen\n$/, 1],
  ["no body", [post(0)], /^HTTP\/1\.1 400 /, 1],
  [
    "a body in chunks",
    [head("POST", "/add-checkpoint", "Transfer-Encoding: chunked"), "3\r\nabc\r\n0\r\n\r\n"],
    / 400 /,
    1,
  ],
  ["liveness", [head("GET", "/livez")], /^HTTP\/1\.1 200 [^]*\r\n\r\nok\n$/, 0],
  ["liveness, HEAD", [head("HEAD", "/livez")], /^HTTP\/1\.1 200 [^]*\r\n\r\n$/, 0],
  ["a write to liveness", [head("POST", "/livez", "Content-Length: 0")], /^HTTP\/1\.1 405 [^]*Allow: GET, HEAD\r/, 0],
  ["a read of add-checkpoint", [head("GET", "/add-checkpoint")], /^HTTP\/1\.1 405 [^]*Allow: POST\r/, 0],
  [
    "a preflight",
    [head("OPTIONS", "/add-checkpoint", "Origin: https://a")],
    /^HTTP\/1\.1 405 (?![^]*Access-Control)/,
    0,
  ],
  ["the root", [head("GET", "/")], /^HTTP\/1\.1 404 /, 0],
  ["a path above", [head("POST", "/x/../add-checkpoint", "Content-Length: 0")], /^HTTP\/1\.1 404 /, 0],
  ["a query", [head("POST", "/add-checkpoint?a", "Content-Length: 0")], /^HTTP\/1\.1 404 /, 0],
  ["a body that says it is too large", [post(139_265)], /^HTTP\/1\.1 413 /, 0],
  ["a body of 2^60 octets", [post(2 ** 60)], /^HTTP\/1\.1 413 /, 0],
  [
    "a body in chunks that is too large",
    [head("POST", "/add-checkpoint", "Transfer-Encoding: chunked"), `30000\r\n${"a".repeat(0x30000)}\r\n`],
    /^HTTP\/1\.1 413 /,
    0,
  ],
  ["a head of 9 kB", [head("POST", "/add-checkpoint", `A: ${"a".repeat(9_000)}`)], /^HTTP\/1\.1 431 /, 0],
  ["two lengths", [post(3, "Content-Length: 4"), "abcd"], /^HTTP\/1\.1 400 /, 0],
  ["a length and chunks", [post(3, "Transfer-Encoding: chunked"), "0\r\n\r\n"], /^HTTP\/1\.1 400 /, 0],
  ["no HTTP", ["hello\r\n\r\n"], /^HTTP\/1\.1 400 /, 0],
  ["a body that stays away", [post(10), "abc"], /^HTTP\/1\.1 408 /, 0],
  ["a head that stays away", ["POST /add-checkpoint HTTP/1.1\r\n"], /^HTTP\/1\.1 408 /, 0],
];

for (const [name, sent, expected, seen] of rows) {
  test(`INV-WITNESS-HTTP: ${name}`, async (t) => {
    const served = await serve(t);
    assert.match(await said(t, served.port, ...sent), expected);
    assert.equal(served.seen.length, seen);
    assert.deepEqual(served.faults, []);
  });
}

test("the key that a log brings is passed on as it came", async (t) => {
  const served = await serve(t);
  await said(t, served.port, post(0, "Sluice-Log-Key: a+b+c"));
  await said(t, served.port, post(0, "sluice-log-key: a", "Sluice-Log-Key: b"));
  await said(t, served.port, post(0));
  assert.deepEqual(
    served.seen.map(({ offered }) => offered),
    ["a+b+c", "a, b", undefined],
  );
});

test("INV-WITNESS-HTTP: an octet now and then does not hold a connection", async (t) => {
  const served = await serve(t);
  const socket = open(t, served.port);
  socket.write(post(1_000));
  const begun = performance.now();
  const drip = setInterval(() => socket.write("a"), 20);
  t.after(() => clearInterval(drip));
  socket.on("error", () => undefined).resume();
  // Cut while an octet is under way it is reset: either way it is over.
  await new Promise((resolve) => socket.once("close", resolve));
  assert.ok(performance.now() - begun < 2_000);
});

test("INV-WITNESS-HTTP: connections that say nothing keep nobody out", async (t) => {
  const served = await serve(t);
  const silent = Array.from({ length: 20 }, () => open(t, served.port).resume());
  await Promise.all(silent.map((socket) => once(socket, "connect")));
  assert.match(await said(t, served.port, post(0)), / 400 /);
  // Those that went first are gone, long before their time is up: no more than the cap are ever held.
  assert.ok(silent.slice(0, 12).every((socket) => socket.closed || socket.readableEnded || socket.destroyed));
});

test("what the handler throws is a plain 500, and told once", async (t) => {
  const served = await serve(t, () => Promise.reject(new Error("secret")));
  assert.match(await said(t, served.port, post(0)), /^HTTP\/1\.1 500 [^]*\r\n\r\ninternal error\n$/);
  assert.equal(served.faults.length, 1);
});

test("a request that is being answered is answered, also when the server closes", async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: answer, resolve: finish } = Promise.withResolvers<WitnessAnswer>();
  const listen = { host: "127.0.0.1", port: 0 };
  const handle = (): Promise<WitnessAnswer> => {
    begin();
    return answer;
  };
  const server = await openWitnessServer(listen, handle, () => undefined, LIMITS);
  const socket = connect(Number(server.bound.split(":")[1]), "127.0.0.1").setEncoding("latin1");
  let text = "";
  socket.on("data", (part: string) => (text += part));
  socket.write(post(0));
  await begun;
  const closed = server[Symbol.asyncDispose]();
  finish(malformed("late"));
  await closed;
  if (!socket.closed) await once(socket, "close");
  assert.match(text, /\r\n\r\nlate\n$/);
});

test("a port that is taken rejects", async (t) => {
  const served = await serve(t);
  const listen = { host: "127.0.0.1", port: served.port };
  await assert.rejects(
    openWitnessServer(
      listen,
      () => Promise.resolve(malformed("")),
      () => undefined,
    ),
    /EADDRINUSE/,
  );
});
