import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AttackAgent } from "../fakes/attack-agent.ts";
import { allSaid, answerPath, attackAnswers, misbehaviours, laterAnswers } from "../fakes/attack-answers.ts";
import { attackHeads } from "../fakes/attack-heads.ts";
import { attackHellos } from "../fakes/attack-hellos.ts";
import { type AttackOrigin, attackOrigin, FORBIDDEN } from "../fakes/attack-origin.ts";
import type { AttackWorld } from "../fakes/attack-world.ts";
import { type InspectionWorld, inspectionWorld } from "../fakes/inspection-world.ts";
import { type TlsFront, tlsFront } from "../fakes/tls-front.ts";

const HOST = "web.example";
let web: AttackOrigin;
let front: TlsFront;
let world: InspectionWorld;

before(async () => {
  web = await attackOrigin(misbehaviours);
  front = await tlsFront(web.port, [HOST]);
  world = await inspectionWorld({
    allow: [
      `{ id: web, hosts: [${HOST}], ports: [${front.port}], addresses: ["127.0.0.1:${front.port}"], protocol: tls, inspect: true, http: { methods: [GET, POST, HEAD], paths: ["/open/**", "/o/**"] } }`,
      `{ id: door, hosts: [door.example], ports: [${front.port}], addresses: ["127.0.0.1:${front.port}"], protocol: tls, inspect: true }`,
    ],
    limits: { headTimeout: 700, connectTimeout: 700, idle: 1500 },
  });
});

after(async () => {
  AttackAgent.closeAll();
  await world[Symbol.asyncDispose]();
  await front[Symbol.asyncDispose]();
  await web.close();
});

const pause = async (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

async function eventually(what: string, holds: () => boolean, milliseconds = 10_000): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!holds()) {
    assert.ok(Date.now() < deadline, `still waiting: ${what}`);
    await pause(10);
  }
}

async function sideBySide<Row>(rows: readonly Row[], run: (row: Row) => Promise<void>): Promise<void> {
  const queue = [...rows];
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let row = queue.shift(); row !== undefined; row = queue.shift()) {
      try {
        await run(row);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  if (failures.length > 0) throw new Error(failures.map((failure) => String(failure).slice(0, 500)).join("\n"));
}

const authority = (): string => `${HOST}:${front.port}`;
const open = async (): Promise<AttackAgent> => AttackAgent.of(await world.secure(authority()));
const request = (method: string, path: string, more = "", host = HOST): string =>
  `${method} ${path} HTTP/1.1\r\nHost: ${host}:${front.port}\r\n${more}\r\n`;
const get = (path: string, more = "", host = HOST): string => request("GET", path, more, host);

const TUNNELLED = "400 malformed_request, fin";
const OF_ANOTHER = "421 host_mismatch, fin";
/** What is another matter inside TLS than at the proxy's port. */
const inside: Readonly<Record<string, string>> = {
  // A path there, as at any origin.
  "scheme-relative": "403 path_not_allowed, open",
  "https URL to a rule for plain HTTP": "200, open",
  "origin-form": OF_ANOTHER,
  "apex of a wildcard": TUNNELLED,
  "two labels under a wildcard": TUNNELLED,
  "a suffix that is no label": TUNNELLED,
  "loopback by address": TUNNELLED,
  "all of loopback": TUNNELLED,
  "the unspecified address": TUNNELLED,
  "loopback, IPv6": TUNNELLED,
  "loopback, mapped": TUNNELLED,
  localhost: TUNNELLED,
  "metadata by address": TUNNELLED,
  "this proxy": TUNNELLED,
  "denied in capitals with a dot": OF_ANOTHER,
  "a tls rule by plain HTTP": OF_ANOTHER,
  "the admin port": OF_ANOTHER,
};

test("INV-INSPECT-1: heads that an agent with bad intentions sends inside TLS are refused as they are in clear", async () => {
  const asIfClear = {
    sidecar: { port: 1, adminPort: 2 },
    web: { port: front.port },
    echo: { port: 3 },
    tls: { port: 4 },
    get,
    request,
    connectTo: (host: string, port: number, more = "") =>
      `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n${more}\r\n`,
  } as unknown as AttackWorld;
  const rows = attackHeads(asIfClear).map(
    ([name, octets, verdict]) => [name, octets.replace("http://", "https://"), inside[name] ?? verdict] as const,
  );
  await sideBySide(rows, async ([name, octets, verdict]) => {
    const agent = (await open()).send(octets);
    const expected = verdict.split(", ").length - 1;
    await eventually(name, () => agent.answers.length >= expected || agent.end !== "open");
    if (verdict.endsWith("fin")) await agent.fin().over();
    assert.equal(agent.verdict, verdict, `${name}: ${agent.text}`);
    assert.ok(!agent.text.includes(FORBIDDEN), `${name}: the answer repeats what was sent`);
    agent.reset();
  });
  assert.ok(!web.received().includes(FORBIDDEN));
});

test("INV-INSPECT-2: whatever an origin answers inside TLS, the agent sees what it would in clear", async () => {
  await sideBySide(attackAnswers, async ({ name, verdict, ask = "GET" }) => {
    const before = laterAnswers();
    const agent = (await open()).send(request(ask, answerPath(name)));
    await agent.until(/\r\n\r\n/, 10_000);
    if (verdict.endsWith("open")) await allSaid(name, before);
    else if (verdict.endsWith("fin")) await agent.fin().over();
    else await agent.over();
    assert.equal(agent.verdict, verdict, `${name}: ${agent.text}`);
    if (!verdict.endsWith("open")) return;
    const path = `/open/after${answerPath(name)}`;
    await agent.send(get(path)).until(/open\/after/);
    assert.ok(agent.text.endsWith(`${path} `), `${name}: ${agent.text}`);
    assert.ok(!agent.text.includes(FORBIDDEN), `${name}: ${agent.text}`);
    assert.equal(agent.requestIds.length, 2, name);
    agent.reset();
  });
});

test("INV-INSPECT-8: whatever the ClientHello, the tunnel ends in one outcome, and no request comes of it", async () => {
  await world.quiet();
  const requests = web.requests.length;
  for (const { name, octets, outcome, afterwards } of attackHellos) {
    const from = await world.quiet();
    const socket = await world.connect(`door.example:${front.port}`);
    socket.resume();
    socket.write(octets);
    if (afterwards === "fin") socket.end();
    if (afterwards === "rst") setTimeout(() => socket.resetAndDestroy(), 20);
    const [told, ...more] = (await world.settled(from + 1)).slice(from);
    const reason = told?.kind === "completed" ? "completed" : told?.reason;
    // What passes the door is a handshake that nobody goes on with.
    assert.equal(reason, outcome === "through" || outcome === "left" ? undefined : outcome, name);
    assert.equal(more.length, 0, name);
    socket.destroy();
  }
  assert.equal(web.requests.length, requests);
  assert.equal(world.registry.size, 0);
});
