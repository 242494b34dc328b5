import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { auditRecord, auditRecords, type ReadRecord } from "../fakes/audit-records.ts";
import { type Origin, tcpOrigin } from "../fakes/origins.ts";
import { type FakeParent, fakeParent } from "../fakes/parent-proxy.ts";
import { openTunnel } from "../fakes/raw-client.ts";
import { egressPolicy, type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { writeSigned } from "../fakes/signing.ts";

/** How long a tunnel lives and how much it carries, with the real process. An opaque tunnel's payload is octets, whatever they mean. */
const directory = mkdtempSync(join(tmpdir(), "sluice-life-"));
const feed = join(directory, "feed");
let origin: Origin;
let parent: FakeParent;
let sidecar: Sidecar;
/** The origin's ends of the tunnels of a test, in the order they came, and the octets that each was sent. */
const ends: { readonly socket: Socket; octets: number }[] = [];

const CAP = 1_000;
const rule = (id: string, more = "", hosts = `[${id}.example]`): string =>
  `{ id: ${id}, hosts: ${hosts}, ports: [${origin.port}], addresses: ["127.0.0.1:${origin.port}"], protocol: tcp${more} }`;
const rules = (): readonly string[] => [
  rule("plain"),
  rule("capped", `, limits: { bytesOut: ${CAP}, bytesIn: ${CAP} }`),
  rule("chained", `, limits: { bytesOut: ${CAP}, bytesIn: ${CAP} }, proxy: corp`),
  rule("brief", ", limits: { lifetime: 900ms, idle: 800ms }"),
  rule("quiet", ", limits: { idle: 1500ms }"),
  rule("chained-quiet", ", limits: { idle: 700ms }, proxy: corp"),
  namedRule(", proxy: by-name"),
  rule("few", ", limits: { connections: 3, hostConnections: 2 }", '["*.few.example"]'),
  rule("rare", ", limits: { hostConnectionsPerMinute: 2, connectionsPerMinute: 5 }", '["*.rare.example"]'),
  `{ id: dead, hosts: [dead.example], ports: [1], addresses: ["127.0.0.1:1"], protocol: tcp, limits: { connections: 1 } }`,
];
/** Reached by its name, which nobody can resolve here, through a parent. */
function namedRule(more: string): string {
  return `{ id: named, hosts: [named.example], ports: [${origin.port}], protocol: tcp${more} }`;
}
const NAMES =
  "plain capped chained brief quiet chained-quiet dead a.few b.few c.few a.rare b.rare c.rare d.rare listed";
const hosts = Object.fromEntries(NAMES.split(" ").map((name) => [`${name}.example`, ["127.0.0.1"]]));

before(async () => {
  origin = await tcpOrigin((socket) => {
    const end = { socket, octets: 0 };
    ends.push(end);
    socket.on("data", (chunk: Buffer) => (end.octets += chunk.length));
    socket.on("end", () => socket.end());
  });
  parent = await fakeParent({ kind: "http", hosts: { "named.example": "127.0.0.1" } });
  writeFileSync(feed, "listed-not.example\n");
  sidecar = await startSidecar({
    allow: [...rules(), rule("listed")],
    hosts,
    settings: [
      "limits: { drain: 1500ms }",
      "proxies:",
      `  - { name: corp, endpoint: "http://127.0.0.1:${parent.port}" }`,
      `  - { name: by-name, endpoint: "http://127.0.0.1:${parent.port}", send: name }`,
      `blocklists: [{ name: bad, file: ${feed}, refresh: 1s }]`,
    ],
  });
});
after(async () => {
  for (const part of [sidecar, parent, origin]) await part?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(() => {
  for (const { socket } of ends.splice(0)) socket.destroy();
});

async function open(host: string, at = sidecar): Promise<Socket> {
  const socket = await openTunnel(at.port, `${host}.example:${origin.port}`);
  socket.resume();
  return socket;
}

/** However it closes; what is cut closes with RST. */
async function closing(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once("close", () => resolve()));
}

/** The origin's end of the tunnel opened last. */
async function far(): Promise<(typeof ends)[number]> {
  await until(() => ends.length > 0);
  const end = ends.at(-1);
  assert.ok(end !== undefined);
  return end;
}

async function until(holds: () => boolean, what = "it did not become so"): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, what);
    await pause(5);
  }
}

async function refusal(host: string): Promise<string> {
  const opened = await open(host).catch(String);
  if (typeof opened === "string") return /Sluice-Reason: (\S+)/.exec(opened)?.[1] ?? opened;
  opened.destroy();
  return "allowed";
}

async function closingRecord(of: string, at = sidecar): Promise<ReadRecord> {
  return auditRecord(at.auditDirectory, ({ kind, rule: id }) => kind === "egress.end" && id === of);
}

for (const name of ["capped", "chained"]) {
  describe(`byte caps (${name})`, () => {
    test("INV-TUNNEL-CAP: outward, the cap to the octet and not one more", async () => {
      const socket = await open(name);
      const closed = closing(socket);
      const end = await far();
      socket.write(Buffer.alloc(CAP - 1));
      socket.write("x");
      await until(() => end.octets === CAP);
      await pause(50);
      assert.ok(!socket.destroyed, "all of the cap may be used");
      const records = auditRecords(sidecar.auditDirectory).length;
      socket.write("y");
      await closed;
      await pause(20);
      assert.equal(end.octets, CAP);
      const record = await auditRecord(
        sidecar.auditDirectory,
        ({ kind, seq }) => kind === "egress.end" && seq >= records,
      );
      assert.deepEqual([record.rule, record.reason, record.detail["bytesOut"]], [name, "byte_limit", CAP]);
    });

    test("INV-TUNNEL-CAP: inward, the cap to the octet and not one more", async () => {
      const socket = await open(name);
      let got = 0;
      socket.on("data", (chunk: Buffer) => (got += chunk.length));
      const closed = closing(socket);
      const end = await far();
      const records = auditRecords(sidecar.auditDirectory).length;
      end.socket.write(Buffer.alloc(CAP));
      await until(() => got === CAP);
      await pause(50);
      assert.ok(!socket.destroyed);
      end.socket.write("y");
      await closed;
      assert.equal(got, CAP);
      const record = await auditRecord(
        sidecar.auditDirectory,
        ({ kind, seq }) => kind === "egress.end" && seq >= records,
      );
      assert.deepEqual([record.rule, record.reason, record.detail["bytesIn"]], [name, "byte_limit", CAP]);
    });

    test("INV-TUNNEL-CAP: floods, either way", async () => {
      for (const direction of ["out", "in"]) {
        const socket = await open(name);
        const closed = closing(socket);
        let got = 0;
        socket.on("data", (chunk: Buffer) => (got += chunk.length));
        const end = await far();
        (direction === "out" ? socket : end.socket).write(Buffer.alloc(10_000_000));
        await closed;
        await pause(20);
        assert.ok(end.octets <= CAP && got <= CAP, `${end.octets} out, ${got} in`);
      }
    });
  });
}

describe("time", () => {
  test("a busy tunnel ends with its rule's lifetime, and never before", async () => {
    const began = performance.now();
    const socket = await open("brief");
    const busy = setInterval(() => socket.write("x"), 50);
    await closing(socket);
    clearInterval(busy);
    const took = performance.now() - began;
    assert.ok(took >= 880 && took < 5_000, `${took} ms`);
    assert.equal((await closingRecord("brief")).reason, "lifetime_limit");
  });

  test("TCP's own keep-alives, of either side, are no payload", async () => {
    const socket = await open("quiet");
    const end = await far();
    // The kernel asks each second, from the first on.
    socket.setKeepAlive(true, 1_000);
    end.socket.setKeepAlive(true, 1_000);
    const began = performance.now();
    await closing(socket);
    const took = performance.now() - began;
    assert.ok(took >= 1_450 && took < 6_000, `${took} ms`);
    assert.equal((await closingRecord("quiet")).reason, "idle_timeout");
  });

  test("through a parent idleness is the same", async () => {
    const socket = await open("chained-quiet");
    await closing(socket);
    assert.equal((await closingRecord("chained-quiet")).reason, "idle_timeout");
  });
});

describe("numbers", () => {
  test("INV-CONNECTION-LIMIT: at once, per rule and per host, and every end gives the place back", async () => {
    const [one, two, three] = [await open("a.few"), await open("a.few"), await open("b.few")];
    assert.deepEqual([await refusal("a.few"), await refusal("c.few")], ["connection_limit", "connection_limit"]);
    const loads = auditRecords(sidecar.auditDirectory).length;
    sidecar.publish([...rules(), rule("listed")]);
    await auditRecord(sidecar.auditDirectory, ({ kind, seq }) => kind === "policy.load" && seq >= loads);
    assert.equal(await refusal("c.few"), "connection_limit", "a reload frees nothing");
    // By FIN, by RST, and from the other side.
    one.end();
    await closing(one);
    await until(() =>
      auditRecords(sidecar.auditDirectory).some(({ kind, rule: id }) => kind === "egress.end" && id === "few"),
    );
    const four = await open("c.few");
    assert.equal(await refusal("c.few"), "connection_limit");
    four.resetAndDestroy();
    (await far()).socket.resetAndDestroy();
    await becomes("allowed", () => refusal("b.few"));
    for (const socket of [two, three]) socket.destroy();
    await becomes("allowed", () => refusal("a.few"));
  });

  test("who is refused, or reaches nobody, keeps no place", async () => {
    for (let attempt = 0; attempt < 4; attempt += 1) {
      await assert.rejects(openTunnel(sidecar.port, "dead.example:1"), /Sluice-Reason: upstream_unreachable/);
    }
  });

  test("new ones per minute, per host and per rule", async () => {
    const asked = ["a", "a", "a", "b", "b", "b", "c", "d"];
    const got: string[] = [];
    for (const name of asked) got.push(await refusal(`${name}.rare`));
    const [yes, no] = ["allowed", "rate_limited"];
    assert.deepEqual(got, [yes, yes, no, yes, yes, no, yes, no]);
  });
});

async function becomes(wanted: string, ask: () => Promise<string>): Promise<void> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const got = await ask();
    if (got === wanted) return;
    assert.ok(performance.now() < deadline, `${got}, not ${wanted}`);
    await pause(20);
  }
}

describe("cut, with the reason in the closing record", () => {
  test("a blocklist that comes to list its host", async () => {
    const [listed, other] = [await open("listed"), await open("plain")];
    writeFileSync(`${feed}.new`, "listed.example\n");
    renameSync(`${feed}.new`, feed);
    await closing(listed);
    assert.equal((await closingRecord("listed")).reason, "blocklisted");
    assert.equal(await refusal("listed"), "blocklisted");
    assert.ok(!other.destroyed, "others go on");
    other.destroy();
  });

  test("its rule is gone, or leads another way", async () => {
    for (const [next, reason] of [
      [[], "host_not_allowed"],
      [[rule("plain", ", proxy: corp")], "address_not_allowed"],
    ] as const) {
      sidecar.publish([...rules(), rule("listed")]);
      await becomes("allowed", () => refusal("plain"));
      const records = auditRecords(sidecar.auditDirectory).length;
      const [lost, kept] = [await open("plain"), await open("quiet")];
      sidecar.publish([...rules().slice(1), ...next]);
      await closing(lost);
      const record = await auditRecord(
        sidecar.auditDirectory,
        ({ kind, rule: id, reason: said, seq }) =>
          kind === "egress.end" && id === "plain" && said !== null && seq > records,
      );
      assert.equal(record.reason, reason);
      assert.ok(!kept.destroyed);
      kept.destroy();
    }
  });

  test("a tunnel that a parent made by name is judged like any other, though it has no address", async () => {
    for (const [next, reason] of [
      [", proxy: by-name, limits: { idle: 1h }", undefined],
      [", proxy: corp", "address_not_allowed"],
      ["", "address_not_allowed"],
    ] as const) {
      sidecar.publish([...rules(), rule("listed")]);
      await becomes("allowed", () => refusal("named"));
      const socket = await open("named");
      const before = auditRecords(sidecar.auditDirectory).length;
      sidecar.publish([rule("plain"), namedRule(next)]);
      await auditRecord(sidecar.auditDirectory, ({ kind, seq }) => kind === "policy.load" && seq >= before);
      if (reason === undefined) {
        await pause(50);
        assert.ok(!socket.destroyed, "the same way is allowed by the new policy");
        socket.destroy();
        continue;
      }
      await closing(socket);
      const isIt = ({ kind, rule: id, reason: said, seq }: ReadRecord): boolean =>
        kind === "egress.end" && id === "named" && said !== null && seq >= before;
      assert.equal((await auditRecord(sidecar.auditDirectory, isIt)).reason, reason);
    }
  });

  /** Beyond the versions of `publish`. */
  async function install(version: number, expiresAt?: string): Promise<void> {
    const text = egressPolicy(version, [rule("plain")]);
    const dated = expiresAt === undefined ? text : text.replace(/expiresAt: .*/, `expiresAt: "${expiresAt}"`);
    const before = auditRecords(sidecar.auditDirectory).length;
    writeSigned(sidecar.policyDirectory, "egress.yaml", dated, sidecar.signer);
    await auditRecord(sidecar.auditDirectory, ({ kind, seq }) => kind === "policy.load" && seq >= before);
  }

  test("INV-POLICY-END: the policy ends by itself, and no reload comes", async () => {
    const expiresAt = new Date(Date.now() + 4_000).toISOString();
    await install(50, expiresAt);
    const socket = await open("plain");
    await closing(socket);
    const late = Date.now() - Date.parse(expiresAt);
    assert.ok(late >= -5 && late < 4_000, `${late} ms`);
    const isIt = ({ kind, reason }: ReadRecord): boolean => kind === "egress.end" && reason === "policy_expired";
    assert.equal((await auditRecord(sidecar.auditDirectory, isIt)).rule, "plain");
    assert.equal(await refusal("plain"), "policy_expired");
  });

  test("SIGTERM: what outlives the drain is cut as draining, and the process ends with 0", async () => {
    await install(51);
    const before = auditRecords(sidecar.auditDirectory).length;
    const [stays, goes] = [await open("plain"), await open("plain")];
    sidecar.child.kill("SIGTERM");
    await pause(50);
    goes.end();
    await closing(stays);
    assert.equal(await sidecar.exited(), 0);
    const records = auditRecords(sidecar.auditDirectory).filter(
      ({ kind, seq }) => kind === "egress.end" && seq >= before,
    );
    assert.deepEqual(new Set(records.map(({ reason }) => reason)), new Set(["draining", null]));
    assert.equal(records.length, 2);
  });
});

test("INV-CONNECTION-LIMIT: plain HTTP, too: where open connections are counted, none to an origin outlives its place", async () => {
  const open = new Set<object>();
  let most = 0;
  const server = createServer((_request, response) => response.end("here"));
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    most = Math.max(most, open.size);
    socket.once("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await using counted = await startSidecar({
    allow: [
      `{ id: web, hosts: [web.example], ports: [${port}], addresses: ["127.0.0.1:${port}"], protocol: http, limits: { connections: 2 } }`,
    ],
    hosts: { "web.example": ["127.0.0.1"] },
  });
  const agents: Socket[] = [];
  for (let at = 0; at < 6; at += 1) {
    const agent = connect(counted.port, "127.0.0.1");
    agents.push(agent);
    agent.write(`GET http://web.example:${port}/ HTTP/1.1\r\nHost: web.example:${port}\r\n\r\n`);
    const [answer] = (await once(agent, "data")) as [Buffer];
    assert.match(answer.toString("latin1"), /^HTTP\/1\.1 200 /, "and its connection to the router is kept");
  }
  assert.ok(most <= 2, `${most} connections at once`);
  for (const agent of agents) agent.destroy();
  server.close();
});
