import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { AttackAgent } from "../fakes/attack-agent.ts";
import { type AttackOrigin, attackOrigin, type Misbehaviour } from "../fakes/attack-origin.ts";
import { type InspectionWorld, inspectionWorld } from "../fakes/inspection-world.ts";
import { type TlsFront, tlsFront } from "../fakes/tls-front.ts";

const HOST = "api.example";
const SECRET = "ghp_0123456789abcdef";
const BASE64 = Buffer.from(`user:${SECRET}`).toString("base64");

const saying =
  (text: string): Misbehaviour =>
  (socket) =>
    void socket.write(text, "latin1");
const withBody = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** What the origin says back of what it was told. */
const echoes: Readonly<Record<string, Misbehaviour>> = {
  "/echo/head": saying(
    `HTTP/1.1 200 OK\r\nX-Echo: Bearer ${SECRET}\r\nX-Other: kept\r\nLocation: /?t=${SECRET}\r\nX-Basic: ${BASE64}\r\nContent-Length: 2\r\n\r\nok`,
  ),
  "/echo/body": saying(withBody(`{"authorization":"Bearer ${SECRET}"}`)),
  "/echo/basic": saying(withBody(`{"authorization":"Basic ${BASE64}"}`)),
  "/echo/coded": saying("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"),
  "/echo/messages": saying("HTTP/1.1 200 OK\r\nGrpc-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"),
  "/echo/transferred": saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"),
  "/echo/part": saying(
    `HTTP/1.1 206 X\r\nContent-Range: bytes 0-8/20\r\nContent-Length: 9\r\n\r\n${SECRET.slice(0, 9)}`,
  ),
  "/echo/said-part": saying(`HTTP/1.1 200 X\r\nContent-Range: bytes 9-19/20\r\nContent-Length: 3\r\n\r\nabc`),
  "/echo/parts": saying(
    "HTTP/1.1 200 X\r\nContent-Type: multipart/byteranges; boundary=b\r\nContent-Length: 4\r\n\r\nabcd",
  ),
  "/echo/split": (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (const character of SECRET) socket.write(`1\r\n${character}\r\n`);
    socket.write("0\r\n\r\n");
  },
  // Both stay open.
  "/echo/five": saying(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n${SECRET.slice(0, 5)}\r\n`),
  ...Object.fromEntries(
    [10, 11, 12].map((most) => [
      `/echo/${most}`,
      saying(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${most.toString(16)}\r\n${SECRET.slice(0, most)}\r\n`,
      ),
    ]),
  ),
  "/echo/begun": saying(withBody(SECRET.slice(0, -1))),
  "/echo/early": saying(`HTTP/1.1 103 X\r\nX-Echo: ${SECRET}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`),
  "/echo/trailer": saying(
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Echo: ${SECRET}\r\n\r\n`,
  ),
  "/echo/reason": saying(`HTTP/1.1 200 ${SECRET}\r\nContent-Length: 2\r\n\r\nok`),
};

let api: AttackOrigin;
let front: TlsFront;
let world: InspectionWorld;

before(async () => {
  api = await attackOrigin(echoes);
  front = await tlsFront(api.port, [HOST]);
  const to = `hosts: [${HOST}], ports: [${front.port}], addresses: ["127.0.0.1:${front.port}"], protocol: tls, inspect: true`;
  world = await inspectionWorld({
    allow: [
      `{ id: api, ${to}, http: { paths: ["/api/**", "/echo/**"] }, inject: [{ header: authorization, secret: token, prefix: "Bearer " }, { header: x-key, secret: key }] }`,
      `{ id: none, ${to}, http: { paths: ["/none/**"] }, inject: [{ header: authorization, secret: missing }] }`,
      `{ id: bad, ${to}, http: { paths: ["/bad/**"] }, inject: [{ header: authorization, secret: bad }] }`,
      `{ id: clean, ${to}, http: { paths: ["/clean/**"] } }`,
    ],
    secrets: { token: `${SECRET}\n`, key: "another-secret", bad: "two\r\nlines: of them" },
  });
});

after(async () => {
  AttackAgent.closeAll();
  await world[Symbol.asyncDispose]();
  await front[Symbol.asyncDispose]();
  await api.close();
});

afterEach(async () => {
  AttackAgent.closeAll();
  await world.quiet();
});

const open = async (): Promise<AttackAgent> => AttackAgent.of(await world.secure(`${HOST}:${front.port}`));
const get = (path: string, more = "", method = "GET"): string =>
  `${method} ${path} HTTP/1.1\r\nHost: ${HOST}:${front.port}\r\n${more}\r\n`;

/** The head of the last request that the origin got. */
function lastHead(): string {
  const all = api.received();
  return all.slice(all.lastIndexOf("GET /"));
}

test("INV-INSPECT-3: what the rule injects replaces what the agent sent, and only where the rule says so", async () => {
  const agent = await open();
  await agent
    .send(get("/api/x", "Authorization: Bearer mine\r\nauthorization: Basic twice\r\nX-Key: mine\r\nX-Mine: kept\r\n"))
    .until(/api\/x/);
  const head = lastHead();
  assert.deepEqual(
    [...head.matchAll(/^(?:authorization|x-key|x-mine): (.*)\r$/gim)].map(([, value]) => value),
    ["kept", `Bearer ${SECRET}`, "another-secret"],
  );
  await agent.send(get("/clean/x", "Authorization: Bearer mine\r\n")).until(/clean\/x/);
  assert.match(lastHead(), /^Authorization: Bearer mine\r$/m);
  assert.ok(!lastHead().includes(SECRET));
  agent.reset();
});

const heads: readonly (readonly [path: string, status: string])[] = [
  ["/echo/head", "200"],
  ["/echo/early", "200"],
  ["/echo/trailer", "200"],
  ["/echo/reason", "200"],
];
for (const [path, status] of heads) {
  test(`INV-INSPECT-4: the secret does not come back in a head: ${path}`, async () => {
    const agent = await open();
    await agent.send(get(path)).until(/ok/);
    assert.equal(agent.answers[0], status);
    assert.ok(!agent.text.includes(SECRET) && !agent.text.includes(BASE64), agent.text);
    if (path === "/echo/head") assert.match(agent.text, /^X-Other: kept\r$/m);
    agent.reset();
  });
}

for (const path of ["/echo/body", "/echo/basic", "/echo/split"]) {
  test(`INV-INSPECT-4: an answer that repeats the secret is cut before it: ${path}`, async () => {
    const from = await world.quiet();
    const agent = await open();
    await agent.send(get(path)).over();
    assert.equal(agent.end, "rst");
    assert.ok(!agent.text.includes(SECRET.slice(0, 8)), agent.text);
    const [outcome] = (await world.settled(from + 1)).slice(from);
    assert.equal(outcome?.kind === "aborted" ? outcome.reason : outcome?.kind, "upstream_invalid");
    assert.match(outcome?.kind === "aborted" ? (outcome.detail ?? "") : "", /repeats a secret/);
  });
}

const ASKING =
  "Range: bytes=0-3\r\nIf-Range: x\r\nRequest-Range: bytes=0-3\r\nAccept-Encoding: gzip\r\nGrpc-Accept-Encoding: gzip\r\n";

for (const path of ["coded", "messages", "transferred", "part", "said-part", "parts"]) {
  test(`INV-INSPECT-4: an answer that cannot be searched is not passed on, and not asked for: ${path}`, async () => {
    const agent = await open();
    await agent.send(get(`/echo/${path}`, ASKING)).until(/upstream_invalid/);
    assert.equal(agent.answers[0], "502 upstream_invalid");
    assert.ok(!agent.text.includes("abc") && !agent.text.includes(SECRET.slice(0, 9)), agent.text);
    assert.doesNotMatch(lastHead(), /range|gzip/i);
    assert.match(lastHead(), /^Accept-Encoding: identity\r$/m);
  });
}

test("INV-INSPECT-4: a WebSocket, which nobody reads, is refused where something is injected, and only there", async () => {
  const upgrade = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;
  const agent = await open();
  const before = api.requests.length;
  await agent.send(get("/api/x", upgrade)).until(/method_not_allowed[^]*\}/);
  assert.equal(agent.answers[0], "403 method_not_allowed");
  assert.match(agent.text, /A WebSocket could carry back, unread, what this rule injects\./);
  assert.equal(api.requests.length, before);
  // The origin of these tests does not upgrade; it was asked to.
  await agent.send(get("/clean/x", upgrade)).until(/clean\/x/);
  assert.match(lastHead(), /^upgrade: websocket\r$/im);
  agent.reset();
});

/** As axios asks: an https URL in full, on the proxy's port, in clear. */
const inFull = (path: string, host = HOST, more = ""): string =>
  `GET https://${host}:${front.port}${path} HTTP/1.1\r\nHost: ${host}:${front.port}\r\n${more}\r\n`;

test("INV-INSPECT-3: an https URL in full is judged, injected into and searched as a request inside, on one connection", async () => {
  const agent = await AttackAgent.open(world.port);
  await agent.send(inFull("/api/full", HOST, "Authorization: Bearer mine\r\nX-Key: mine\r\n")).until(/api\/full/);
  assert.deepEqual(
    [...lastHead().matchAll(/^(?:host|authorization|x-key): (.*)\r$/gim)].map(([, value]) => value),
    [`${HOST}:${front.port}`, `Bearer ${SECRET}`, "another-secret"],
  );
  await agent.send(inFull("/closed/x")).until(/path_not_allowed[^]*\}/);
  await agent.send(inFull("/echo/head")).until(/\r\n\r\nok/);
  await agent.send(inFull("/x", "other.example")).until(/host_not_allowed[^]*\}/);
  assert.deepEqual(agent.answers, ["200", "403 path_not_allowed", "200", "403 host_not_allowed"]);
  assert.ok(!agent.text.includes(SECRET), agent.text);
  await agent.send(inFull("/echo/body")).over();
  assert.equal(agent.end, "rst");
  assert.ok(!agent.text.includes(SECRET.slice(0, 8)), agent.text);
});

test("an https URL in full to a rule that leaves its tunnels opaque; and no other certificate will do", async () => {
  await using opaque = await inspectionWorld({
    allow: [
      `{ id: o, hosts: [${HOST}, other.example], ports: [${front.port}], addresses: ["127.0.0.1:${front.port}"] }`,
    ],
  });
  const agent = await AttackAgent.open(opaque.port);
  await agent.send(inFull("/any/path")).until(/any\/path/);
  await agent.send(inFull("/x", "other.example")).until(/"error"[^]*\}/);
  assert.deepEqual(agent.answers, ["200", "502 upstream_invalid"]);
  agent.reset();
});

test("what only begins like the secret goes through whole", async () => {
  const agent = await open();
  await agent.send(get("/echo/begun")).until(new RegExp(SECRET.slice(0, -1)));
  assert.ok(agent.text.endsWith(`\r\n\r\n${SECRET.slice(0, -1)}`));
  agent.reset();
});

test("INV-INSPECT-4: an answer that stops within a secret is cut, and after the third the secret goes out no more", async () => {
  const to = `hosts: [${HOST}], ports: [${front.port}], addresses: ["127.0.0.1:${front.port}"], protocol: tls, inspect: true`;
  await using own = await inspectionWorld({
    allow: [`{ id: api, ${to}, inject: [{ header: authorization, secret: token, prefix: "Bearer " }] }`],
    secrets: { token: SECRET },
  });
  const asking = async (path: string): Promise<AttackAgent> =>
    AttackAgent.of(await own.secure(`${HOST}:${front.port}`)).send(get(path));
  // Events do not wait for the next one, whatever they end with.
  const five = await (await asking("/echo/five")).until(new RegExp(SECRET.slice(0, 5)));
  five.reset();
  // The same once more tells nothing, and counts for nothing.
  for (const most of [10, 10, 11, 12]) {
    const half = await (await asking(`/echo/${most}`)).over();
    assert.equal(half.end, "rst");
    assert.ok(!half.text.includes(SECRET.slice(0, 5)), half.text);
  }
  const last = await (await asking("/api/x")).until(/\r\n\r\n/);
  assert.equal(last.answers[0], "502 upstream_unreachable");
  last.reset();
  await own.quiet();
  const details = own.outcomes.flatMap((outcome) => (outcome.kind === "completed" ? [] : [outcome.detail ?? ""]));
  assert.equal(details.filter((detail) => /repeats a secret/.test(detail)).length, 4);
  assert.equal(details.filter((detail) => /token is being guessed/.test(detail)).length, 1);
  assert.equal(own.events.filter(({ kind }) => kind === "failed").length, 1);
});

const refused: readonly (readonly [name: string, asked: string, answer: string])[] = [
  ["a secret that is missing", "/none/x", "502 upstream_unreachable"],
  ["a secret that is no field value", "/bad/x", "502 upstream_unreachable"],
  ["TRACE", "TRACE /api/x", "403 method_not_allowed"],
];
for (const [name, asked, answer] of refused) {
  test(`nothing goes out with ${name}`, async () => {
    const agent = await open();
    const before = api.requests.length;
    const [method = "", path = method] = asked.split(" ");
    await agent.send(get(path, "", path === method ? "GET" : method)).until(/\r\n\r\n/);
    assert.equal(agent.answers[0], answer, agent.text);
    assert.ok(!agent.text.includes("lines"));
    assert.equal(api.requests.length, before);
    agent.reset();
  });
}

test("a secret that is rotated or taken away is so for the next requests", async () => {
  const agent = await open();
  const file = join(world.secretsDirectory, "token");
  await agent.send(get("/api/before")).until(/api\/before/);
  writeFileSync(file, "rotated-secret-1");
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  await agent.send(get("/api/after")).until(/api\/after/);
  assert.match(lastHead(), /^authorization: Bearer rotated-secret-1\r$/m);
  // The one before is still kept out of answers.
  await agent.send(get("/echo/head")).until(/ok/);
  assert.ok(!agent.text.includes(SECRET), agent.text);
  rmSync(file);
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  await agent.send(get("/api/gone")).until(/upstream_unreachable/);
  assert.equal(agent.answers.at(-1), "502 upstream_unreachable");
  writeFileSync(file, SECRET);
  assert.ok(world.events.every((event) => !JSON.stringify(event).includes(SECRET)));
  agent.reset();
});
