import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { AttackAgent } from "../fakes/attack-agent.ts";
import { type AttackOrigin, attackOrigin, type Misbehaviour } from "../fakes/attack-origin.ts";
import { auditRecords, type ReadRecord } from "../fakes/audit-records.ts";
import { clientHello } from "../fakes/client-hello.ts";
import { type DnsScript, type FakeDns, fakeDns } from "../fakes/dns-server.ts";
import { type FakeOrigin, fakeOrigin } from "../fakes/origin-server.ts";
import { type Origin, testCa, tlsOrigin } from "../fakes/origins.ts";
import { egressPolicy, type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { silentListener } from "../fakes/silent-listener.ts";
import { testSigner, writeSigned, writeTrust } from "../fakes/signing.ts";
import { freePort } from "../fakes/ports.ts";

/** No octet of an attack that must not reach an origin is without it. */
const FORBIDDEN = "FORBIDDEN";
const CONNECTIONS = 150;

let sidecar: Sidecar;
let web: AttackOrigin;
let echo: FakeOrigin;
/** Behind a tls rule; remembers what reaches it, and never answers. */
let door: FakeOrigin;
let doorText = "";
let tls: Origin;
/** Takes connections and never reads from them. */
let deaf: FakeOrigin;
let dns: FakeDns;
let silent: { close(): Promise<void> };
let silentPort = 0;
let allow: readonly string[] = [];
let start: { readonly rss: number; readonly descriptors: number };

const misbehaviours: Record<string, Misbehaviour> = {};

const script: Record<string, DnsScript> = {
  "A slow.dns.example": { failure: "silence" },
  "AAAA slow.dns.example": { failure: "silence" },
};

before(async () => {
  web = await attackOrigin(misbehaviours);
  echo = await fakeOrigin((socket) => {
    socket.on("data", (chunk: Buffer) => socket.write(chunk));
    socket.on("end", () => socket.end());
  });
  door = await fakeOrigin((socket) => socket.on("data", (chunk: Buffer) => (doorText += chunk.toString("latin1"))));
  deaf = await fakeOrigin((socket) => socket.pause());
  tls = await tlsOrigin(["tls.example"]);
  dns = await fakeDns(script);
  silentPort = await freePort();
  // An address of its own: a port that is free there stays free.
  silent = await silentListener("127.0.0.77", silentPort);
  const at = (port: number): string => `ports: [${port}], addresses: ["127.0.0.1:${port}"]`;
  allow = [
    `{ id: web, hosts: [web.example, "*.web.example"], ${at(web.port)}, protocol: http, http: { methods: [GET, POST, HEAD, PUT], paths: ["/open/**", "/o/**"] } }`,
    `{ id: meager, hosts: [meager.example], ${at(web.port)}, protocol: http, limits: { bytesOut: 1000, bytesIn: 1000 } }`,
    `{ id: echo, hosts: [echo.example, "*.echo.example"], ${at(echo.port)}, protocol: tcp }`,
    `{ id: door, hosts: [door.example], ${at(door.port)} }`,
    `{ id: tls, hosts: [tls.example], ${at(tls.port)} }`,
    `{ id: deaf, hosts: [deaf.example], ${at(deaf.port)}, protocol: tcp }`,
    `{ id: deaf-web, hosts: [deafweb.example], ${at(deaf.port)}, protocol: http }`,
    `{ id: silent, hosts: ["*.silent.example"], ports: [${silentPort}], addresses: ["127.0.0.77:${silentPort}"], protocol: tcp }`,
    `{ id: dns, hosts: ["*.dns.example"], ${at(echo.port)}, protocol: tcp }`,
  ];
  sidecar = await startSidecar({
    allow,
    deny: [`{ id: never, hosts: [never.web.example] }`],
    settings: [
      `limits: { connections: ${CONNECTIONS}, headTimeout: 700ms, connectTimeout: 700ms, idle: 1500ms, drain: 1s }`,
      `resolver:`,
      `    servers: ["${dns.server}"]`,
      `    timeout: 1s`,
      `    hosts: { ${["web", "meager", "echo", "door", "tls", "deaf", "deafweb", "silent", "a.echo", "a.web"].map((name) => `${name}.example: ["127.0.0.1"]`).join(", ")} }`,
    ],
  });
  await exercise();
  start = resources();
});

after(async () => {
  AttackAgent.closeAll();
  await sidecar?.[Symbol.asyncDispose]();
  for (const origin of [web, echo, door, deaf, dns, silent]) await origin?.close();
  await tls?.[Symbol.asyncDispose]();
});

/** Every way once, so that what is loaded and allocated lazily is not taken for a leak. */
async function exercise(): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    const agents = await Promise.all(Array.from({ length: 40 }, async () => AttackAgent.open(sidecar.port)));
    agents.forEach((agent, index) =>
      agent.send(index % 2 === 0 ? get("/open/warm") : connectTo("echo.example", echo.port)),
    );
    await Promise.all(agents.map(async (agent) => agent.until(/HTTP\/1/)));
    for (const agent of agents) agent.reset();
  }
}

function resources(): { readonly rss: number; readonly descriptors: number } {
  const pid = sidecar.child.pid ?? 0;
  const rss = Number(/VmRSS:\s+([0-9]+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
  return { rss, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

const connectTo = (host: string, port: number, more = ""): string =>
  `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n${more}\r\n`;
const request = (method: string, path: string, more = "", host = "web.example"): string =>
  `${method} http://${host}:${web.port}${path} HTTP/1.1\r\nHost: ${host}:${web.port}\r\n${more}\r\n`;
const get = (path: string, more = "", host = "web.example"): string => request("GET", path, more, host);

async function open(): Promise<AttackAgent> {
  return AttackAgent.open(sidecar.port);
}

async function tunnel(host: string, port: number): Promise<AttackAgent> {
  const agent = (await open()).send(connectTo(host, port));
  await agent.until(/\r\n\r\n/);
  assert.deepEqual(agent.answers, ["200"], agent.text);
  return agent;
}

const pause = async (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

async function eventually(what: string, holds: () => boolean | Promise<boolean>, milliseconds = 4_000): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `still waiting: ${what}`);
    await pause(20);
  }
}

/** Runs rows side by side: each is a connection of its own. */
async function sideBySide<Row>(rows: readonly Row[], run: (row: Row) => Promise<void>, width = 12): Promise<void> {
  const queue = [...rows];
  const failures: unknown[] = [];
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let row = queue.shift(); row !== undefined; row = queue.shift()) {
        try {
          await run(row);
        } catch (error) {
          failures.push(error);
        }
      }
    }),
  );
  if (failures.length > 0) throw new Error(failures.map((failure) => String(failure).slice(0, 600)).join("\n"));
}

describe("request heads", () => {
  const port = (): number => web.port;
  const rows = (): readonly (readonly [name: string, octets: string, verdict: string])[] => {
    const host = `web.example:${port()}`;
    const line = (target: string, hostField = host): string => `GET ${target} HTTP/1.1\r\nHost: ${hostField}\r\n\r\n`;
    const bad = "400 malformed_request, fin";
    return [
      ["LF only", `GET http://${host}/open/x HTTP/1.1\nHost: ${host}\n\n`, bad],
      ["CR only", `GET http://${host}/open/x HTTP/1.1\rHost: ${host}\r\r`, bad],
      ["CR CR LF", `GET http://${host}/open/x HTTP/1.1\r\r\nHost: ${host}\r\n\r\n`, bad],
      ["NUL in the method", `GE\0T http://${host}/ HTTP/1.1\r\n\r\n`, bad],
      ["folded field", get("/open/x", "X: a\r\n b\r\n"), bad],
      ["first field folded", `GET http://${host}/open/x HTTP/1.1\r\n Host: ${host}\r\n\r\n`, bad],
      ["space before the colon", get("/open/x", "Content-Length : 5\r\n"), bad],
      ["no colon", get("/open/x", "Content-Length\r\n"), bad],
      ["empty field name", get("/open/x", ": 5\r\n"), bad],
      ["control in a value", get("/open/x", "X: a\x01b\r\n"), bad],
      ["NUL in a value", get("/open/x", "X: a\0b\r\n"), bad],
      ["two spaces", `GET  http://${host}/open/x HTTP/1.1\r\nHost: ${host}\r\n\r\n`, bad],
      ["tabs", `GET\thttp://${host}/open/x\tHTTP/1.1\r\nHost: ${host}\r\n\r\n`, bad],
      ["HTTP/0.9", "GET /\r\n", bad],
      ["HTTP/1.2", `GET http://${host}/open/x HTTP/1.2\r\nHost: ${host}\r\n\r\n`, bad],
      ["HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bad],
      ["lower-case connect", `connect ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, bad],
      ["lower-case method", `get http://${host}/open/x HTTP/1.1\r\nHost: ${host}\r\n\r\n`, bad],
      ["method of 40 letters", `${"G".repeat(40)} http://${host}/ HTTP/1.1\r\n\r\n`, bad],
      ["many empty lines first", `\r\n\r\n\r\n${get("/open/x")}`, bad],
      ["SOCKS4", "\x04\x01\x01\xbb\x7f\0\0\x01\0", bad],
      ["SOCKS5", "\x05\x01\0", bad],
      ["TLS", clientHello("web.example").toString("latin1"), bad],
      ["PROXY protocol", `PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n${get("/open/x")}`, bad],
      ["64 KiB of noise", "\xff".repeat(65_536), bad],
      [
        "a head of 17 KiB",
        get(
          "/open/x",
          "X: y\r\n".repeat(90) + `Y: ${"z".repeat(7_000)}\r\nZ: ${"z".repeat(7_000)}\r\nA: ${"z".repeat(3_000)}\r\n`,
        ),
        "431 malformed_request, fin",
      ],
      ["a line of 9 KiB", get("/open/x", `Y: ${"z".repeat(9_000)}\r\n`), "431 malformed_request, fin"],
      ["a target of 9 KiB", get(`/open/${"z".repeat(9_000)}`), "414 malformed_request, fin"],
      ["200 fields", get("/open/x", "X: y\r\n".repeat(200)), "431 malformed_request, fin"],
      [
        "both lengths",
        request("POST", "/open/x", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + FORBIDDEN,
        bad,
      ],
      [
        "both lengths, other order",
        request("POST", "/open/x", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + FORBIDDEN,
        bad,
      ],
      ["xchunked", request("POST", "/open/x", "Transfer-Encoding: xchunked\r\n") + FORBIDDEN, bad],
      ["gzip, chunked", request("POST", "/open/x", "Transfer-Encoding: gzip, chunked\r\n") + FORBIDDEN, bad],
      ["chunked, identity", request("POST", "/open/x", "Transfer-Encoding: chunked, identity\r\n") + FORBIDDEN, bad],
      [
        "chunked twice",
        request("POST", "/open/x", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + FORBIDDEN,
        bad,
      ],
      [
        "chunked with a vertical tab",
        request("POST", "/open/x", "Transfer-Encoding: \x0bchunked\r\n") + FORBIDDEN,
        bad,
      ],
      ["chunked in quotes", request("POST", "/open/x", 'Transfer-Encoding: "chunked"\r\n') + FORBIDDEN, bad],
      [
        "chunked in HTTP/1.0",
        `POST http://${host}/open/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n${FORBIDDEN}`,
        bad,
      ],
      [
        "Content-Length twice",
        request("POST", "/open/x", "Content-Length: 5\r\nContent-Length: 5\r\n") + FORBIDDEN,
        bad,
      ],
      ["Content-Length list", request("POST", "/open/x", "Content-Length: 5, 5\r\n") + FORBIDDEN, bad],
      ["Content-Length with a sign", request("POST", "/open/x", "Content-Length: +5\r\n") + FORBIDDEN, bad],
      ["Content-Length negative", request("POST", "/open/x", "Content-Length: -1\r\n") + FORBIDDEN, bad],
      ["Content-Length in hex", request("POST", "/open/x", "Content-Length: 0x5\r\n") + FORBIDDEN, bad],
      ["Content-Length in octal", request("POST", "/open/x", "Content-Length: 010\r\n") + FORBIDDEN, bad],
      [
        "Content-Length of 2^64",
        request("POST", "/open/x", "Content-Length: 18446744073709551616\r\n") + FORBIDDEN,
        bad,
      ],
      ["Content-Length empty", request("POST", "/open/x", "Content-Length:\r\n") + FORBIDDEN, bad],
      [
        "Connection: content-length",
        request("POST", "/open/x", "Connection: content-length\r\nContent-Length: 5\r\n") + FORBIDDEN,
        bad,
      ],
      [
        "Connection: transfer-encoding",
        request("POST", "/open/x", "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n") + FORBIDDEN,
        bad,
      ],
      ["Connection: host", get("/open/x", "Connection: host\r\n"), bad],
      ["Connection: authorization", get("/open/x", "Connection: authorization\r\nAuthorization: x\r\n"), bad],
      ["Connection that is no token", get("/open/x", "Connection: a b\r\n"), bad],
      [
        "Upgrade: h2c",
        get("/open/x", "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
        bad,
      ],
      ["Upgrade to two", get("/open/x", "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n"), bad],
      [
        "Upgrade by POST",
        request("POST", "/open/x", "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n"),
        bad,
      ],
      ["Upgrade without Connection", get("/open/x", "Upgrade: websocket\r\n"), bad],
      [
        "Expect something else",
        request("POST", "/open/x", "Expect: 200-ok\r\nContent-Length: 1\r\n"),
        "417 malformed_request, fin",
      ],
      ["no Host", `GET http://${host}/open/x HTTP/1.1\r\n\r\n`, bad],
      ["empty Host", line(`http://${host}/open/x`, ""), bad],
      ["two Hosts", line(`http://${host}/open/x`, `${host}\r\nHost: ${host}`), bad],
      ["Host list", line(`http://${host}/open/x`, `${host}, evil.example`), bad],
      ["Host of another", line(`http://${host}/open/x`, "evil.example"), "421 host_mismatch, fin"],
      ["Host on another port", line(`http://${host}/open/x`, "web.example:1"), "421 host_mismatch, fin"],
      ["Host with user", line(`http://${host}/open/x`, `evil.example@${host}`), bad],
      ["user before the host", line(`http://evil.example@${host}/open/x`), bad],
      ["user behind a fragment", line(`http://evil.example#@${host}/open/x`), bad],
      ["backslash before the host", line(`http://evil.example\\@${host}/open/x`), bad],
      ["fragment", line(`http://${host}/open/x#y`), bad],
      ["file URL", line("file:///etc/passwd"), bad],
      ["no host", line("http:///open/x"), bad],
      ["scheme-relative", line(`//${host}/open/x`), bad],
      ["ws URL", line(`ws://${host}/open/x`), bad],
      ["https URL", line(`https://${host}/open/x`), bad],
      ["brackets around a name", line(`http://[web.example]:${port()}/open/x`), bad],
      ["zone id", line(`http://[::1%25web.example]:${port()}/open/x`), bad],
      ["short address", line(`http://127.1:${port()}/open/x`), bad],
      ["hex address", line(`http://0x7f000001:${port()}/open/x`), bad],
      ["octal address", line(`http://0177.0.0.1:${port()}/open/x`), bad],
      ["decimal address", line(`http://2130706433:${port()}/open/x`), bad],
      ["percent in the name", line(`http://%77eb.example:${port()}/open/x`), bad],
      ["full-width letters", line(`http://\xef\xbd\x97eb.example:${port()}/open/x`), bad],
      ["two trailing dots", line(`http://web.example..:${port()}/open/x`), bad],
      ["a leading dot", line(`http://.web.example:${port()}/open/x`), bad],
      ["NUL in the name", line(`http://evil\0.web.example:${port()}/open/x`), bad],
      ["port 0", line("http://web.example:0/open/x"), bad],
      ["port 65536 + n", line(`http://web.example:${65_536 + port()}/open/x`), bad],
      ["port with a sign", line(`http://web.example:+${port()}/open/x`), bad],
      ["port with a zero before", line(`http://web.example:0${port()}/open/x`), bad],
      ["empty port", line("http://web.example:/open/x"), bad],
      ["two ports", line(`http://web.example:${port()}:${port()}/open/x`), bad],
      ["dot segments", get("/open/../secret"), bad],
      ["dot segments, encoded", get("/open/%2e%2e/secret"), bad],
      ["dot segments, encoded twice", get("/open/%252e%252e/secret"), bad],
      ["dot segments behind an encoded slash", get("/open/x%2f..%2fsecret"), bad],
      ["dot segments with a parameter", get("/open/..;/secret"), bad],
      ["backslash in the path", get("/open/..\\secret"), bad],
      ["encoded NUL in the path", get("/open/x%00"), bad],
      ["half an escape", get("/open/x%2"), bad],
      ["asterisk", "OPTIONS * HTTP/1.1\r\nHost: web.example\r\n\r\n", bad],
      ["origin-form", "GET /open/x HTTP/1.1\r\nHost: web.example\r\n\r\n", bad],
      ["CONNECT with Content-Length", connectTo("echo.example", echo.port, "Content-Length: 5\r\n") + FORBIDDEN, bad],
      [
        "CONNECT with Transfer-Encoding",
        connectTo("echo.example", echo.port, "Transfer-Encoding: chunked\r\n") + FORBIDDEN,
        bad,
      ],
      ["CONNECT to a URL", `CONNECT http://echo.example:${echo.port} HTTP/1.1\r\nHost: x\r\n\r\n`, bad],
      ["CONNECT to two", `CONNECT echo.example:${echo.port} evil.example:1 HTTP/1.1\r\nHost: x\r\n\r\n`, bad],
      ["CONNECT with a path", `CONNECT echo.example:${echo.port}/x HTTP/1.1\r\nHost: x\r\n\r\n`, bad],
      ["CONNECT without a port", "CONNECT echo.example HTTP/1.1\r\nHost: echo.example\r\n\r\n", bad],
      ["the head in halves, then nothing", "GET http://web.ex", bad],
      [
        "a policy's refusal, and the rest of the pipeline",
        get("/secret") + get("/open/after"),
        "403 path_not_allowed, 200, open",
      ],
      ["apex of a wildcard", connectTo("dns.example", echo.port), "403 host_not_allowed, fin"],
      ["two labels under a wildcard", connectTo("a.b.dns.example", echo.port), "403 host_not_allowed, fin"],
      ["a suffix that is no label", connectTo("evilecho.example", echo.port), "403 host_not_allowed, fin"],
      ["denied in capitals with a dot", get("/open/x", "", "NEVER.web.example."), "403 denied_by_rule, open"],
      [
        "a tls rule by plain HTTP",
        `GET http://tls.example:${tls.port}/ HTTP/1.1\r\nHost: tls.example:${tls.port}\r\n\r\n`,
        "403 not_tls, open",
      ],
      ["loopback by address", connectTo("127.0.0.1", 1), "403 port_not_allowed, fin"],
      ["all of loopback", connectTo("127.0.0.2", echo.port), "403 host_not_allowed, fin"],
      ["the unspecified address", connectTo("0.0.0.0", echo.port), "403 host_not_allowed, fin"],
      ["loopback, IPv6", connectTo("[::1]", echo.port), "403 host_not_allowed, fin"],
      ["loopback, mapped", connectTo("[::ffff:127.0.0.1]", echo.port), "403 host_not_allowed, fin"],
      ["localhost", connectTo("localhost", echo.port), "403 host_not_allowed, fin"],
      ["metadata by address", connectTo("169.254.169.254", 80), "403 host_not_allowed, fin"],
      ["this proxy", connectTo("127.0.0.1", sidecar.port), "403 port_not_allowed, fin"],
      [
        "the admin port",
        `GET http://127.0.0.1:${sidecar.adminPort}/metrics HTTP/1.1\r\nHost: 127.0.0.1:${sidecar.adminPort}\r\n\r\n`,
        "403 host_not_allowed, open",
      ],
    ];
  };

  test("INV-ATTACK-1: whatever the head, one answer, one deny record, nothing reaches an origin", async () => {
    await sideBySide(rows(), async ([name, octets, verdict]) => {
      const agent = (await open()).send(octets);
      const expected = verdict.split(", ").length - 1;
      await eventually(name, () => agent.answers.length >= expected || agent.end !== "open", 2_500);
      if (verdict.endsWith("fin")) {
        agent.fin();
        await agent.over();
      }
      assert.equal(agent.verdict, verdict, `${name}: ${agent.text.slice(0, 300)}`);
      assert.ok(!agent.text.includes(FORBIDDEN), `${name}: the answer repeats what was sent`);
      agent.reset();
      for (const [index, id] of agent.requestIds.entries()) {
        if (agent.answers[index] === "200") continue;
        const reason = agent.answers[index]?.split(" ")[1];
        await eventually(`${name}: its record`, () => recordsOf(id).length > 0);
        assert.deepEqual(
          recordsOf(id).map((record) => `${record.kind} ${record.decision} ${record.reason}`),
          [`egress.decision deny ${reason}`],
          name,
        );
      }
    });
  });
});

/** The audit log as far as it is written, each line parsed once. */
const records = (() => {
  const read: ReadRecord[] = [];
  const lengths = new Map<string, number>();
  return (): readonly ReadRecord[] => {
    for (const name of readdirSync(sidecar.auditDirectory).toSorted()) {
      if (!name.endsWith(".jsonl")) continue;
      const text = readFileSync(join(sidecar.auditDirectory, name), "utf8");
      const from = lengths.get(name) ?? 0;
      const to = text.lastIndexOf("\n") + 1;
      lengths.set(name, to);
      for (const line of text.slice(from, to).split("\n")) if (line !== "") read.push(JSON.parse(line) as ReadRecord);
    }
    return read;
  };
})();

function recordsOf(request: string): readonly ReadRecord[] {
  return records().filter((record) => record.request === request);
}

void [
  createHash,
  spawnSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  connect,
  join,
  connectTls,
  testCa,
  egressPolicy,
  testSigner,
  writeSigned,
  writeTrust,
  tunnel,
  doorText,
  start,
];
