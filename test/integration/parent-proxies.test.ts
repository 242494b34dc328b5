import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { auditRecord, type ReadRecord } from "../fakes/audit-records.ts";
import { httpOrigin, type Origin, tcpOrigin, testCa, tlsOrigin } from "../fakes/origins.ts";
import { type FakeParent, fakeParent } from "../fakes/parent-proxy.ts";
import { openTunnel, rawRequest } from "../fakes/raw-client.ts";
import { freePort } from "../fakes/ports.ts";
import { type RealParent, squid, tinyproxy } from "../fakes/real-parents.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";

let directory: string;
let tls: Origin;
let http: Origin;
let tcp: Origin;
let connect: FakeParent;
let secure: FakeParent;
let socks: FakeParent;
let early: FakeParent;
let tiny: RealParent | undefined;
let cached: RealParent | undefined;
let sidecar: Sidecar;
const PASSWORD = "swordfish-1";

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "sluice-parents-"));
  tls = await tlsOrigin(["tls.example", "seen.example", "seen-down.example"]);
  http = await httpOrigin();
  tcp = await tcpOrigin((socket) => {
    socket.on("data", (chunk: Buffer) => socket.write(chunk));
    socket.on("end", () => socket.end("bye"));
  });
  connect = await fakeParent({ kind: "http", credential: `agent:${PASSWORD}` });
  secure = await fakeParent({ kind: "http", tls: ["parent.example"] });
  socks = await fakeParent({
    kind: "socks5",
    credential: `agent:${PASSWORD}`,
    hosts: { "named.example": "127.0.0.1" },
  });
  early = await fakeParent({ kind: "http", early: "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged" });
  tiny = await tinyproxy(directory, tcp.port, `agent:${PASSWORD}`);
  cached = await squid(directory, tcp.port);
  const dead = await freePort();
  const credential = join(directory, "credential");
  writeFileSync(credential, `agent:${PASSWORD}\n`);
  writeFileSync(join(directory, "ca.pem"), testCa().certificatePem);

  const at = (origin: Origin): string => `addresses: ["127.0.0.1:${origin.port}"], ports: [${origin.port}]`;
  const rule = (name: string, origin: Origin, proxy: string, more: string): string =>
    `{ id: ${name}, hosts: [${name}.example], ${at(origin)}, proxy: ${proxy}, ${more} }`;
  sidecar = await startSidecar({
    allow: [
      rule("tls", tls, "corp", "protocol: tls"),
      rule("web", http, "corp", "protocol: http"),
      rule("raw", tcp, "corp", "protocol: tcp"),
      rule("seen", tls, "corp", "protocol: tls, inspect: true, limits: { connections: 1 }"),
      rule("seen-down", tls, "down", "protocol: tls, inspect: true"),
      rule("over-tls", tcp, "secure", "protocol: tcp"),
      rule("by-socks", tcp, "socks", "protocol: tcp"),
      rule("named", tcp, "socks-by-name", "protocol: tcp"),
      rule("by-tinyproxy", tcp, "tiny", "protocol: tcp"),
      `{ id: by-squid, hosts: [origin.bench], ports: [${tcp.port}], proxy: squid, protocol: tcp }`,
      rule("down", tcp, "down", "protocol: tcp"),
      rule("down-web", http, "down", "protocol: http"),
      rule("unknown", tcp, "nobody", "protocol: tcp"),
      rule("forged", http, "early", "protocol: http"),
      `{ id: private, hosts: [private.example], ports: [${tcp.port}], proxy: corp, protocol: tcp }`,
    ],
    // Neither named.example nor origin.bench can be resolved here.
    hosts: Object.fromEntries(
      "tls seen seen-down web raw over-tls by-socks by-tinyproxy down down-web unknown forged private"
        .split(" ")
        .map((name) => [`${name}.example`, ["127.0.0.1"]] as const)
        .concat([["parent.example", ["127.0.0.1"]]]),
    ),
    settings: [
      "limits: { connectTimeout: 2s }",
      `inspection: { directory: ${join(directory, "inspection")}, caFile: ${join(directory, "ca.pem")} }`,
      "proxies:",
      `  - { name: corp, endpoint: "http://127.0.0.1:${connect.port}", credentialFile: ${credential} }`,
      `  - { name: secure, endpoint: "https://parent.example:${secure.port}", caFile: ${join(directory, "ca.pem")} }`,
      `  - { name: socks, endpoint: "http://127.0.0.1:${socks.port}", kind: socks5, credentialFile: ${credential} }`,
      `  - { name: socks-by-name, endpoint: "http://127.0.0.1:${socks.port}", kind: socks5, credentialFile: ${credential}, send: name }`,
      `  - { name: tiny, endpoint: "http://127.0.0.1:${tiny?.port ?? dead}", credentialFile: ${credential} }`,
      `  - { name: squid, endpoint: "http://127.0.0.1:${cached?.port ?? dead}", send: name }`,
      `  - { name: down, endpoint: "http://127.0.0.1:${dead}" }`,
      `  - { name: early, endpoint: "http://127.0.0.1:${early.port}" }`,
    ],
  });
});

after(async () => {
  for (const part of [sidecar, tiny, cached, connect, secure, socks, early, tls, http, tcp])
    await part?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

async function echoes(socket: Socket): Promise<void> {
  let got = "";
  socket.on("data", (chunk: Buffer) => (got += chunk.toString("latin1")));
  socket.end("hello through it");
  socket.resume();
  await once(socket, "end");
  assert.equal(got, "hello through itbye");
}

/** The older proxies take FIN from either side for the end of both. */
async function echoesOpen(socket: Socket): Promise<void> {
  socket.write("hello through it");
  socket.resume();
  const [chunk] = (await once(socket, "data")) as [Buffer];
  assert.equal(chunk.toString(), "hello through it");
  socket.destroy();
}

const admitted = (rule: string) => (record: ReadRecord) =>
  record.rule === rule && record.kind === "egress.decision" && record.decision === "allow";

describe("through a parent", () => {
  for (const [rule, parent, asked] of [
    ["raw", () => connect, "127.0.0.1"],
    ["over-tls", () => secure, "127.0.0.1"],
    ["by-socks", () => socks, "127.0.0.1"],
    ["named", () => socks, "named.example"],
  ] as const) {
    test(`INV-CHAIN-VETTED: ${rule}: the parent is asked for ${asked}, and the record says so`, async () => {
      const before = parent().asked.length;
      await echoes(await openTunnel(sidecar.port, `${rule}.example:${tcp.port}`));
      assert.deepEqual(parent().asked.slice(before), [`${asked}:${tcp.port}`]);
      const record = await auditRecord(sidecar.auditDirectory, admitted(rule));
      assert.equal(typeof record.detail["proxy"], "string");
      const isNamed = rule === "named";
      assert.deepEqual(record.detail["addresses"], isNamed ? [] : ["127.0.0.1"]);
      assert.equal(record.detail["addressVetted"], isNamed ? false : undefined);
      const end = await auditRecord(sidecar.auditDirectory, (one) => one.kind === "egress.end" && one.rule === rule);
      assert.equal(end.detail["address"], isNamed ? undefined : "127.0.0.1");
      assert.deepEqual([end.detail["outcome"], end.detail["bytesOut"], end.detail["bytesIn"]], ["completed", 16, 19]);
    });
  }

  test("TLS goes end to end", async () => {
    const socket = await openTunnel(sidecar.port, `tls.example:${tls.port}`);
    const secured = connectTls({ socket, servername: "tls.example", ca: testCa().certificatePem });
    await once(secured, "secureConnect");
    secured.end("GET /x HTTP/1.1\r\nHost: tls.example\r\nConnection: close\r\n\r\n");
    let got = "";
    for await (const chunk of secured) got += String(chunk);
    assert.match(got, /tls \/x$/);
  });

  async function inspected(name: string): Promise<string> {
    const ca = readFileSync(join(directory, "inspection", "ca.pem"), "utf8");
    const socket = await openTunnel(sidecar.port, `${name}.example:${tls.port}`);
    const secured = connectTls({ socket, servername: `${name}.example`, ca });
    await once(secured, "secureConnect");
    const host = `${name}.example:${tls.port}`;
    secured.write(
      `GET /x HTTP/1.1\r\nHost: ${host}\r\n\r\nGET /y HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    let got = "";
    for await (const chunk of secured) got += String(chunk);
    return got;
  }

  test("INV-CHAIN-NO-FALLBACK: inspected requests go through it, or nowhere; the tunnel counts as their one connection", async () => {
    const before = connect.asked.length;
    assert.match(await inspected("seen"), /tls \/x[^]*tls \/y/);
    assert.deepEqual(connect.asked.slice(before), [`127.0.0.1:${tls.port}`]);
    const reached = tls.seen.connections;
    assert.match(await inspected("seen-down"), /^HTTP\/1\.1 502 [^]*Sluice-Reason: upstream_unreachable/);
    assert.equal(tls.seen.connections, reached);
  });

  test("plain HTTP goes through CONNECT, and each request is on record alone", async () => {
    const before = connect.asked.length;
    const head = (path: string): string =>
      `GET http://web.example:${http.port}${path} HTTP/1.1\r\nHost: web.example:${http.port}\r\n\r\n`;
    const answer = await rawRequest(sidecar.port, head("/one") + head("/two"), { until: /\/two / });
    assert.match(answer.text, /http \/one [^]*http \/two /);
    assert.deepEqual(connect.asked.slice(before), [`127.0.0.1:${http.port}`], "one connection for both");
    assert.deepEqual(http.seen.requests.slice(-2), [
      `GET /one web.example:${http.port}`,
      `GET /two web.example:${http.port}`,
    ]);
  });

  test("tinyproxy, by address", async (context) => {
    if (tiny === undefined) return context.skip("tinyproxy is not installed");
    await echoesOpen(await openTunnel(sidecar.port, `by-tinyproxy.example:${tcp.port}`));
  });

  test("Squid, by name", async (context) => {
    if (cached === undefined) return context.skip("Squid is not installed");
    await echoesOpen(await openTunnel(sidecar.port, `origin.bench:${tcp.port}`));
    const record = await auditRecord(sidecar.auditDirectory, admitted("by-squid"));
    assert.equal(record.detail["addressVetted"], false);
  });
});

describe("no other way", () => {
  const ask = async (name: string, port: number): Promise<string> => {
    const authority = `${name}.example:${port}`;
    return (await rawRequest(sidecar.port, `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)).text;
  };

  for (const [name, reason, said] of [
    ["down", "upstream_unreachable", /Parent proxy down: .*ECONNREFUSED/],
    ["unknown", "upstream_unreachable", /No parent proxy is configured as nobody/],
  ] as const) {
    test(`INV-CHAIN-NO-FALLBACK: ${name}`, async () => {
      const before = tcp.seen.connections;
      const text = await ask(name, tcp.port);
      assert.match(text, new RegExp(`^HTTP/1\\.1 502 [^]*Sluice-Reason: ${reason}\r`));
      const record = await auditRecord(sidecar.auditDirectory, (one) => one.rule === name && one.reason === reason);
      assert.match(String(record.detail["detail"]), said);
      assert.equal(tcp.seen.connections, before, "nobody went there directly");
    });
  }

  test("INV-CHAIN-NO-FALLBACK: plain HTTP", async () => {
    const before = http.seen.connections;
    const host = `down-web.example:${http.port}`;
    const { text } = await rawRequest(sidecar.port, `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.match(text, /^HTTP\/1\.1 502 [^]*Sluice-Reason: upstream_unreachable/);
    assert.equal(http.seen.connections, before);
  });

  test("an answer that was there before its request reaches nobody", async () => {
    const host = `forged.example:${http.port}`;
    const { text } = await rawRequest(sidecar.port, `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.match(text, /^HTTP\/1\.1 502 [^]*Sluice-Reason: upstream_/);
    assert.doesNotMatch(text, /forged$/);
  });

  test("an address that policy refuses is not asked of the parent", async () => {
    const before = connect.asked.length;
    assert.match(await ask("private", tcp.port), /Sluice-Reason: address_not_allowed/);
    assert.equal(connect.asked.length, before);
  });

  test("a failing parent shows, and does not make the pod unready", async () => {
    await ask("down", tcp.port);
    const status = (await (await fetch(`http://127.0.0.1:${sidecar.adminPort}/status`)).json()) as {
      conditions: { name: string; state: string; reason: string }[];
    };
    const condition = status.conditions.find(({ name }) => name === "proxies");
    assert.equal(condition?.state, "degraded");
    assert.match(condition.reason, /Parent proxy down/);
    assert.equal((await fetch(`http://127.0.0.1:${sidecar.adminPort}/readyz`)).status, 200);
  });
});

test("INV-CHAIN-SECRET: a new credential counts within a second or so, and neither one is in any log or record", async () => {
  assert.ok(connect.credentials.length > 0 && socks.credentials.length > 0);
  assert.ok([...connect.credentials, ...socks.credentials].every((one) => one === `agent:${PASSWORD}`));
  const other = "swordfish-2";
  // At once: half a credential would be refused as well.
  writeFileSync(join(directory, "credential.new"), `agent:${other}`);
  renameSync(join(directory, "credential.new"), join(directory, "credential"));
  const deadline = Date.now() + 10_000;
  for (;;) {
    // The parent refuses it, which shows that it was read.
    const opened = await openTunnel(sidecar.port, `raw.example:${tcp.port}`).catch(String);
    if (typeof opened === "string") {
      assert.match(opened, /upstream_unreachable/);
      break;
    }
    opened.destroy();
    assert.ok(Date.now() < deadline, "the old credential still counts");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(connect.credentials.at(-1), `agent:${other}`);
  const records = readdirSync(sidecar.auditDirectory).map((name) =>
    readFileSync(join(sidecar.auditDirectory, name), "latin1"),
  );
  const status = await (await fetch(`http://127.0.0.1:${sidecar.adminPort}/status`)).text();
  for (const secret of [PASSWORD, other, Buffer.from(`agent:${PASSWORD}`).toString("base64")]) {
    assert.ok(!sidecar.output().includes(secret));
    assert.ok(!records.some((text) => text.includes(secret)));
    assert.ok(!status.includes(secret));
  }
});
