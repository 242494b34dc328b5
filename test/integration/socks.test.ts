import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { AttackAgent } from "../fakes/attack-agent.ts";
import { auditRecord, auditRecords, type ReadRecord } from "../fakes/audit-records.ts";
import { clientHello } from "../fakes/client-hello.ts";
import { httpOrigin, type Origin, tcpOrigin, testCa, tlsOrigin } from "../fakes/origins.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { askSocks, SOCKS_GREETING, socksRequest } from "../fakes/socks-client.ts";
import { requirement } from "../require.ts";

let tls: Origin;
let http: Origin;
let echo: Origin;
/** Behind a tls rule, but counts what reaches it. */
let door: Origin;
let doorOctets = 0;
let sidecar: Sidecar;
let directory: string;
let caFile: string;

before(async () => {
  tls = await tlsOrigin(["tls.example"]);
  http = await httpOrigin();
  echo = await tcpOrigin((socket) => {
    socket.on("data", (chunk: Buffer) => socket.write(chunk));
    socket.on("end", () => socket.end("bye"));
  });
  door = await tcpOrigin((socket) => socket.on("data", (chunk: Buffer) => (doorOctets += chunk.length)));
  const at = (origin: Origin): string => `ports: [${origin.port}], addresses: ["127.0.0.1:${origin.port}"]`;
  sidecar = await startSidecar({
    allow: [
      `{ id: secure, hosts: [tls.example], ${at(tls)} }`,
      `{ id: door, hosts: [door.example], ${at(door)} }`,
      `{ id: web, hosts: [web.example], ${at(http)}, protocol: http, http: { methods: [GET], paths: ["/open/**"] } }`,
      `{ id: echo, hosts: [echo.example], ${at(echo)}, protocol: tcp }`,
      `{ id: few, hosts: [few.example], ${at(echo)}, protocol: tcp, limits: { connectionsPerMinute: 1 } }`,
      `{ id: dead, hosts: [dead.example], ports: [1], addresses: ["127.0.0.1:1"], protocol: tcp }`,
      `{ id: unknown, hosts: [unknown.example], ports: [443] }`,
      `{ id: private, hosts: [private.example], ports: [443], protocol: tcp }`,
      `{ id: literal, addresses: ["127.0.0.1:${echo.port}", "[::1]:9"], protocol: tcp }`,
    ],
    deny: ["{ id: never, hosts: [never.example] }"],
    hosts: {
      "tls.example": ["127.0.0.1"],
      "door.example": ["127.0.0.1"],
      "web.example": ["127.0.0.1"],
      "echo.example": ["127.0.0.1"],
      "few.example": ["127.0.0.1"],
      "dead.example": ["127.0.0.1"],
      "private.example": ["10.0.0.1", "169.254.169.254"],
    },
    settings: ["limits: { headTimeout: 700ms, connectTimeout: 1s }"],
  });
  directory = mkdtempSync(join(tmpdir(), "sluice-socks-"));
  caFile = join(directory, "ca.pem");
  writeFileSync(caFile, testCa().certificatePem);
});

after(async () => {
  for (const part of [sidecar, tls, http, echo, door]) await part?.[Symbol.asyncDispose]();
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

afterEach(() => AttackAgent.closeAll());

const denied = (since: number): readonly ReadRecord[] =>
  auditRecords(sidecar.auditDirectory)
    .slice(since)
    .filter(({ decision }) => decision === "deny");

async function open(host: string, port: number): Promise<Socket> {
  const answer = await askSocks(sidecar.port, host, port);
  assert.ok("socket" in answer, JSON.stringify(answer));
  return answer.socket;
}

describe("tunnels by SOCKS5", () => {
  test("by name, by a quad for a name, and by address", async () => {
    for (const request of [
      socksRequest("echo.example", echo.port),
      socksRequest("ECHO.example.", echo.port),
      socksRequest("127.0.0.1", echo.port),
      Buffer.concat([Buffer.of(5, 1, 0, 3, 9), Buffer.from("127.0.0.1"), Buffer.of(echo.port >> 8, echo.port & 255)]),
    ]) {
      const agent = (await AttackAgent.open(sidecar.port)).send(Buffer.concat([SOCKS_GREETING, request]));
      await agent.until(/^\x05\0\x05\0\0\x01\0{6}/);
      agent.send("hello").fin();
      await agent.until(/hellobye$/);
      assert.equal(agent.text, "\x05\0\x05\0\0\x01\0\0\0\0\0\0hellobye");
    }
  });

  test("octet by octet, with the tunnel's first octets behind the request", async () => {
    const agent = await AttackAgent.open(sidecar.port, "::1");
    await agent.trickle(Buffer.concat([SOCKS_GREETING, socksRequest("echo.example", echo.port), Buffer.from("early")]));
    await agent.until(/early$/);
    assert.equal(agent.text, "\x05\0\x05\0\0\x01\0\0\0\0\0\0early");
  });

  test("a tunnel to a tls rule shows its ClientHello, and none of it reaches the origin before", async () => {
    const socket = await open("tls.example", tls.port);
    const secure = connectTls({ socket, servername: "tls.example", ca: testCa().certificatePem });
    await once(secure, "secureConnect");
    secure.end("GET /hello HTTP/1.1\r\nHost: tls.example\r\nConnection: close\r\n\r\n");
    let text = "";
    for await (const chunk of secure) text += String(chunk);
    assert.match(text, /tls \/hello/);

    const other = (await AttackAgent.open(sidecar.port)).send(
      Buffer.concat([SOCKS_GREETING, socksRequest("door.example", door.port), clientHello("evil.example")]),
    );
    await other.over();
    assert.equal(other.text.slice(12), "\x15\x03\x03\0\x02\x02\x70", "an alert: unrecognized_name");
    await auditRecord(sidecar.auditDirectory, ({ reason }) => reason === "sni_mismatch");
    assert.equal(doorOctets, 0);
  });

  test("in a tunnel to an http rule each request is judged alone", async () => {
    const request = (path: string, host = "web.example"): string =>
      `GET ${path} HTTP/1.1\r\nHost: ${host}:${http.port}\r\n\r\n`;
    const agent = (await AttackAgent.open(sidecar.port)).send(
      Buffer.concat([
        SOCKS_GREETING,
        socksRequest("web.example", http.port),
        Buffer.from(request("/open/1") + request("/closed") + request("/open/2") + request("/open/3", "evil.example")),
      ]),
    );
    await agent.over();
    assert.equal(agent.verdict, "200, 403 path_not_allowed, 200, 421 host_mismatch, fin");
  });
});

describe("refused by SOCKS5", () => {
  const rows = (): readonly (readonly [name: string, host: string, port: number, reply: number, reason: string])[] => [
    ["a host nobody allows", "evil.example", 443, 2, "host_not_allowed"],
    ["another port", "tls.example", 1, 2, "port_not_allowed"],
    ["deny wins", "NEVER.example.", 443, 2, "denied_by_rule"],
    ["special-use answers", "private.example", 443, 2, "address_not_allowed"],
    ["an address nobody named", "10.1.2.3", 443, 2, "host_not_allowed"],
    ["metadata by address", "169.254.169.254", 80, 2, "host_not_allowed"],
    ["loopback in IPv6", "::1", 443, 2, "port_not_allowed"],
    ["loopback mapped into IPv6", "::ffff:127.0.0.1", echo.port, 2, "host_not_allowed"],
    ["this port", "127.0.0.1", sidecar.port, 2, "port_not_allowed"],
    ["an origin that is down", "dead.example", 1, 5, "upstream_unreachable"],
    ["a name nobody knows", "unknown.example", 443, 4, "dns_failure"],
    ["too many", "few.example", echo.port, 1, "rate_limited"],
  ];

  test("every refusal has its reply, and its reason on one record", async () => {
    (await open("few.example", echo.port)).destroy();
    for (const [name, host, port, reply, reason] of rows()) {
      const since = auditRecords(sidecar.auditDirectory).length;
      assert.deepEqual(await askSocks(sidecar.port, host, port), { reply }, name);
      await auditRecord(sidecar.auditDirectory, (found) => found.decision === "deny" && found.seq >= since);
      assert.deepEqual(
        denied(since).map((record) => record.reason),
        [reason],
        name,
      );
    }
  });
});

describe("what is no SOCKS5", () => {
  const greeting = "\x05\x01\0";
  const ask = (...parts: readonly string[]): string => [greeting, ...parts].join("");
  const failed = "\x05\0\x05\x01\0\x01\0\0\0\0\0\0";
  const reply = (code: number): string => `\x05\0\x05${String.fromCharCode(code)}\0\x01\0\0\0\0\0\0`;
  const evil = "EVIL".repeat(50);
  const rows: readonly (readonly [name: string, octets: string, answer: string, end?: "fin"])[] = [
    ["no method", "\x05\0", "\x05\xff"],
    ["a password is all it offers", "\x05\x01\x02", "\x05\xff"],
    ["a password that nobody asked for", "\x05\x01\x02\x01\x04user\x06secret", "\x05\xff"],
    ["GSSAPI is all it offers", "\x05\x01\x01", "\x05\xff"],
    ["BIND", ask("\x05\x02\0\x01\x7f\0\0\x01\0\x50"), reply(7)],
    ["UDP ASSOCIATE", ask("\x05\x03\0\x01\0\0\0\0\0\0"), reply(7)],
    ["command 0", ask("\x05\0\0\x01\x7f\0\0\x01\0\x50"), reply(7)],
    ["a reserved octet", ask("\x05\x01\x01\x01\x7f\0\0\x01\0\x50"), failed],
    ["address type 2", ask("\x05\x01\0\x02"), reply(8)],
    ["address type 0xff", ask("\x05\x01\0\xff", evil), reply(8)],
    ["a version between", ask("\x04\x01\0\x01\x7f\0\0\x01\0\x50"), failed],
    ["HTTP behind the greeting", ask("GET http://tls.example/ HTTP/1.1\r\n\r\n"), failed],
    ["an empty name", ask("\x05\x01\0\x03\0\x01\xbb"), failed],
    ["port 0", ask("\x05\x01\0\x03\x0btls.example\0\0"), failed],
    ["a NUL in the name", ask("\x05\x01\0\x03\x10tls.example\0.evl\x01\xbb"), failed],
    ["a name that is an address in hex", ask("\x05\x01\0\x03\x060x7f.1\x01\xbb"), failed],
    ["a name that is a decimal address", ask("\x05\x01\0\x03\x0a2130706433\x01\xbb"), failed],
    ["brackets for a name", ask("\x05\x01\0\x03\x05[::1]\x01\xbb"), failed],
    ["a name of 255 octets", ask(`\x05\x01\0\x03\xff${"a.".repeat(127)}a\x01\xbb`), failed],
    ["UTF-8 in the name", ask("\x05\x01\0\x03\x09\xc3\xa9.example\x01\xbb"), failed],
    ["half a request, then silence", ask("\x05\x01\0\x03\x0btls.ex"), failed],
    ["half a request, then FIN", ask("\x05\x01\0\x03\x0btls.ex"), failed, "fin"],
    ["a greeting, then FIN", greeting, failed, "fin"],
    ["half a greeting, then silence", "\x05\xff\0\0\0", ""],
    ["SOCKS4", "\x04\x01\0\x50\x7f\0\0\x01user\0", ""],
    ["SOCKS4a", "\x04\x01\0\x50\0\0\0\x01\0tls.example\0", ""],
  ];

  test("what is malformed has one answer, one record and its connection's end, and reaches nobody", async () => {
    const reached = [tls, http, echo].map((origin) => origin.seen.connections);
    for (const [name, octets, answer, end] of rows) {
      const since = auditRecords(sidecar.auditDirectory).length;
      const agent = (await AttackAgent.open(sidecar.port)).send(octets);
      if (end === "fin") agent.fin();
      await agent.over();
      assert.equal(agent.text, answer, name);
      assert.equal(agent.end, "fin", name);
      await auditRecord(sidecar.auditDirectory, ({ decision, seq }) => decision === "deny" && seq >= since);
      assert.deepEqual(
        denied(since).map(({ reason, action }) => `${action} ${reason}`),
        ["request malformed_request"],
        name,
      );
    }
    assert.deepEqual(
      [tls, http, echo].map((origin) => origin.seen.connections),
      reached,
    );
    for (const written of [sidecar.output(), JSON.stringify(auditRecords(sidecar.auditDirectory))]) {
      assert.ok(!written.includes("secret") && !written.includes("EVIL"));
    }
  });

  test("an agent that stops within its greeting is ended at the deadline, trickling or not", async () => {
    const agent = await AttackAgent.open(sidecar.port);
    const began = performance.now();
    void agent.trickle(`\x05\xff${"\x80".repeat(200)}`, 20);
    await agent.over();
    const took = performance.now() - began;
    assert.ok(took > 600 && took < 2_900, `${took} ms`);
  });
});

describe("programs", () => {
  const curl = requirement("curl", spawnSync("curl", ["--version"]).status === 0, "needs curl");
  const netcat = requirement("nc", /-X/.test(String(spawnSync("nc", ["-h"]).stderr)), "needs OpenBSD's nc");

  const run = async (program: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const child = execFile(program, args, { timeout: 10_000 }, (_error, stdout, stderr) =>
        resolve({ stdout, stderr }),
      );
      child.stdin?.end();
    });

  test("curl, the proxy resolving", curl, async () => {
    const by = (url: string): Promise<{ stdout: string; stderr: string }> =>
      run("curl", ["-sS", "--socks5-hostname", `127.0.0.1:${sidecar.port}`, "--cacert", caFile, url]);
    assert.equal((await by(`https://tls.example:${tls.port}/c`)).stdout, "tls /c");
    assert.equal((await by(`http://web.example:${http.port}/open/c`)).stdout, "http /open/c ");
    const { stderr } = await by("https://evil.example/");
    assert.match(stderr, /curl: \(97\) .*SOCKS5 connection.*\(2\)/);
  });

  test("curl with a credential in its proxy's URL goes without", curl, async () => {
    const proxy = `socks5h://user:secret@127.0.0.1:${sidecar.port}`;
    const { stdout, stderr } = await run("curl", [
      "-sS",
      "-x",
      proxy,
      "--cacert",
      caFile,
      `https://tls.example:${tls.port}/u`,
    ]);
    assert.equal(stdout, "tls /u", stderr);
    assert.ok(!sidecar.output().includes("secret"));
  });

  test("curl that resolves by itself asks for the address, which no rule names", curl, async () => {
    const args = ["-sS", "--socks5", `127.0.0.1:${sidecar.port}`, "--resolve", "tls.example:443:10.9.9.9"];
    const since = auditRecords(sidecar.auditDirectory).length;
    const { stderr } = await run("curl", [...args, "https://tls.example/"]);
    assert.match(stderr, /curl: \(97\) .*\(2\)/);
    await auditRecord(sidecar.auditDirectory, ({ decision, seq }) => decision === "deny" && seq >= since);
    assert.deepEqual(
      denied(since).map(({ reason, target }) => `${target} ${reason}`),
      ["10.9.9.9:443 host_not_allowed"],
    );
  });

  test("nc, as ssh's ProxyCommand", netcat, async () => {
    const { stdout, stderr } = await run("nc", [
      "-N",
      "-X",
      "5",
      "-x",
      `127.0.0.1:${sidecar.port}`,
      "echo.example",
      String(echo.port),
    ]);
    assert.equal(stdout, "bye", stderr);
  });
});
