import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { once } from "node:events";
import type { Socket } from "node:net";
import { clientHello } from "../fakes/client-hello.ts";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { httpOrigin, type Origin, tcpOrigin, testCa, tlsOrigin } from "../fakes/origins.ts";
import { openTunnel, rawRequest } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { soonest } from "../fakes/soonest.ts";

let tls: Origin;
let http: Origin;
let tcp: Origin;
/** Behind a tls rule, but counts what reaches it. */
let door: Origin;
let doorOctets = 0;
let sidecar: Sidecar;

before(async () => {
  tls = await tlsOrigin(["tls.example", "a.wild.example", "*.wild.example"]);
  http = await httpOrigin();
  tcp = await tcpOrigin((socket) => {
    socket.on("data", (chunk: Buffer) => socket.write(chunk));
    socket.on("end", () => socket.end("bye"));
  });
  door = await tcpOrigin((socket) => socket.on("data", (chunk: Buffer) => (doorOctets += chunk.length)));
  const at = (origin: Origin): string => `addresses: ["127.0.0.1:${origin.port}"]`;
  sidecar = await startSidecar({
    allow: [
      `{ id: secure, hosts: [tls.example, "*.wild.example"], ports: [${tls.port}], ${at(tls)} }`,
      `{ id: web, hosts: [web.example], ports: [${http.port}], ${at(http)}, protocol: http, http: { methods: [GET, POST], paths: ["/open/**", "/echo"] } }`,
      `{ id: door, hosts: [door.example], ports: [${door.port}], ${at(door)} }`,
      `{ id: raw, hosts: [raw.example], ports: [${tcp.port}], ${at(tcp)}, protocol: tcp }`,
      `{ id: private, hosts: [private.example], ports: [${tcp.port}], protocol: tcp }`,
      `{ id: mixed, hosts: [mixed.example], ports: [${tcp.port}], ${at(tcp)}, protocol: tcp }`,
      `{ id: nameless, hosts: [nameless.example], ports: [${tls.port}], ${at(tls)}, tls: { missingSni: allow } }`,
      `{ id: few, hosts: [few.example], ports: [${tcp.port}], ${at(tcp)}, protocol: tcp, limits: { connectionsPerMinute: 2 } }`,
      `{ id: small, hosts: [small.example], ports: [${tcp.port}], ${at(tcp)}, protocol: tcp, limits: { bytesOut: 1000 } }`,
      `{ id: brief, hosts: [brief.example], ports: [${tcp.port}], ${at(tcp)}, protocol: tcp, limits: { lifetime: 700ms } }`,
      `{ id: quiet, hosts: [quiet.example], ports: [${tcp.port}], ${at(tcp)}, protocol: tcp, limits: { idle: 700ms } }`,
      `{ id: dead, hosts: [dead.example], ports: [1], addresses: ["127.0.0.1:1"], protocol: tcp }`,
      `{ id: unknown, hosts: [unknown.example], ports: [443], protocol: tls }`,
      `{ id: literal, addresses: ["127.0.0.1:${tcp.port}"], protocol: tcp }`,
    ],
    deny: [`{ id: no-gists, hosts: [denied.wild.example] }`],
    hosts: {
      "tls.example": ["127.0.0.1"],
      "a.wild.example": ["127.0.0.1"],
      "web.example": ["127.0.0.1"],
      "raw.example": ["127.0.0.1"],
      "door.example": ["127.0.0.1"],
      "private.example": ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"],
      "mixed.example": ["10.9.9.9", "127.0.0.1"],
      "nameless.example": ["127.0.0.1"],
      "few.example": ["127.0.0.1"],
      "small.example": ["127.0.0.1"],
      "brief.example": ["127.0.0.1"],
      "quiet.example": ["127.0.0.1"],
      "dead.example": ["127.0.0.1"],
    },
    settings: ["limits: { headTimeout: 1s, connectTimeout: 2s, connections: 200 }"],
  });
});

after(async () => {
  for (const part of [sidecar, tls, http, tcp, door]) await part?.[Symbol.asyncDispose]();
});

const connectHead = (authority: string, more = ""): string =>
  `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${more}\r\n`;

function reasonOf(text: string): string | undefined {
  return /^Sluice-Reason: (.*)\r$/m.exec(text)?.[1];
}

describe("verdicts", () => {
  const rows = (): readonly (readonly [name: string, octets: string, status: number, reason: string])[] => [
    ["unknown host", connectHead("evil.example:443"), 403, "host_not_allowed"],
    ["wrong port", connectHead("tls.example:1234"), 403, "port_not_allowed"],
    ["the apex of a wildcard", connectHead(`wild.example:${tls.port}`), 403, "host_not_allowed"],
    ["two labels under a one-label wildcard", connectHead(`a.b.wild.example:${tls.port}`), 403, "host_not_allowed"],
    ["deny wins", connectHead(`denied.wild.example:${tls.port}`), 403, "denied_by_rule"],
    ["deny wins in any spelling", connectHead(`DENIED.wild.example.:${tls.port}`), 403, "denied_by_rule"],
    ["only special-use answers", connectHead(`private.example:${tcp.port}`), 403, "address_not_allowed"],
    ["a literal nobody named", connectHead("10.1.2.3:443"), 403, "host_not_allowed"],
    ["a literal on another port", connectHead("127.0.0.1:2"), 403, "port_not_allowed"],
    ["the proxy itself", connectHead(`127.0.0.1:${sidecar.port}`), 403, "port_not_allowed"],
    ["no port", connectHead("tls.example"), 400, "malformed_request"],
    ["userinfo", connectHead(`tls.example@evil.example:443`), 400, "malformed_request"],
    ["decimal address", connectHead("2130706433:443"), 400, "malformed_request"],
    ["hex address", connectHead("0x7f.1:443"), 400, "malformed_request"],
    ["NUL in the name", connectHead("evil\0.tls.example:443"), 400, "malformed_request"],
    ["zone id", connectHead("[::ffff:1.2.3.4%25x.tls.example]:443"), 400, "malformed_request"],
    ["Host of another", `CONNECT tls.example:${tls.port} HTTP/1.1\r\nHost: evil.example\r\n\r\n`, 421, "host_mismatch"],
    ["no Host in 1.1", `CONNECT tls.example:${tls.port} HTTP/1.1\r\n\r\n`, 400, "malformed_request"],
    ["CONNECT with a body", connectHead(`tls.example:${tls.port}`, "Content-Length: 5\r\n"), 400, "malformed_request"],
    ["TLS on the proxy port", clientHello("tls.example").toString("latin1"), 400, "malformed_request"],
    ["origin-form", "GET / HTTP/1.1\r\nHost: web.example\r\n\r\n", 400, "malformed_request"],
    [
      "https in absolute-form, on a port that no rule names",
      "GET https://tls.example/ HTTP/1.1\r\nHost: tls.example\r\n\r\n",
      403,
      "port_not_allowed",
    ],
    [
      "lone LF",
      `GET http://web.example:${http.port}/open/1 HTTP/1.1\nHost: web.example:${http.port}\n\n`,
      400,
      "malformed_request",
    ],
    [
      "both lengths",
      `POST http://web.example:${http.port}/echo HTTP/1.1\r\nHost: web.example:${http.port}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      "malformed_request",
    ],
    [
      "plain HTTP to a tls rule",
      `GET http://tls.example:${tls.port}/ HTTP/1.1\r\nHost: tls.example:${tls.port}\r\n\r\n`,
      403,
      "not_tls",
    ],
    [
      "method",
      `DELETE http://web.example:${http.port}/open/1 HTTP/1.1\r\nHost: web.example:${http.port}\r\n\r\n`,
      403,
      "method_not_allowed",
    ],
    [
      "path",
      `GET http://web.example:${http.port}/closed HTTP/1.1\r\nHost: web.example:${http.port}\r\n\r\n`,
      403,
      "path_not_allowed",
    ],
    [
      "dot segments",
      `GET http://web.example:${http.port}/open/../closed HTTP/1.1\r\nHost: web.example:${http.port}\r\n\r\n`,
      400,
      "malformed_request",
    ],
    [
      "encoded slash",
      `GET http://web.example:${http.port}/open/%2e%2e%2fclosed HTTP/1.1\r\nHost: web.example:${http.port}\r\n\r\n`,
      400,
      "malformed_request",
    ],
    ["origin down", connectHead("dead.example:1"), 502, "upstream_unreachable"],
    ["name not resolvable", connectHead("unknown.example:443"), 502, "dns_failure"],
    [
      "a line too long",
      `GET http://web.example/${"a".repeat(20_000)} HTTP/1.1\r\nHost: web.example\r\n\r\n`,
      414,
      "malformed_request",
    ],
    [
      "too many fields",
      `${connectHead("tls.example:443").slice(0, -2)}${"X: y\r\n".repeat(150)}\r\n`,
      431,
      "malformed_request",
    ],
  ];
  test("INV-EGRESS-1: every refusal has its status and reason, within 250 ms, and reaches no origin", async () => {
    const before = [tls, http, tcp].map((origin) => origin.seen.connections);
    for (const host of ["127.0.0.1", "::1"]) {
      for (const [name, octets, status, reason] of rows()) {
        const ask = async () => rawRequest(sidecar.port, octets, { host, quiet: 7_000, until: /"\}\}$/ });
        const answer = await ask();
        assert.equal(Number(answer.text.slice(9, 12)), status, `${name}: ${answer.text}`);
        assert.equal(reasonOf(answer.text), reason, name);
        const slow = reason === "dns_failure" ? 6_000 : 250;
        const took =
          answer.milliseconds < slow
            ? answer.milliseconds
            : await soonest(slow, async () => (await ask()).milliseconds);
        assert.ok(took < slow, `${name}: ${took} ms`);
        const body = JSON.parse(answer.text.slice(answer.text.indexOf("\r\n\r\n") + 4)) as {
          error: { code: string; request_id: string };
        };
        assert.equal(body.error.code, reason);
        const record = await auditRecord(
          sidecar.auditDirectory,
          (found) => found.request === body.error.request_id && found.decision === "deny",
        );
        assert.equal(record.reason, reason, name);
      }
    }
    assert.deepEqual(
      [tls, http, tcp].map((origin) => origin.seen.connections),
      before,
    );
  });
});

describe("tls tunnels", () => {
  async function get(tunnelHost: string, servername: string): Promise<string> {
    const socket = await openTunnel(sidecar.port, `${tunnelHost}:${tls.port}`);
    const secure = connectTls({ socket, servername, ca: testCa().certificatePem });
    await once(secure, "secureConnect");
    secure.end(`GET /hello HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`);
    let text = "";
    for await (const chunk of secure) text += String(chunk);
    return text;
  }

  test("an allowed host is reached", async () => {
    assert.match(await get("tls.example", "tls.example"), /tls \/hello/);
    assert.match(await get("A.WILD.example.", "a.wild.example"), /tls \/hello/);
  });

  test("a ClientHello sent with the CONNECT is kept", async () => {
    const hello = clientHello("tls.example");
    const answer = await rawRequest(
      sidecar.port,
      Buffer.concat([Buffer.from(connectHead(`tls.example:${tls.port}`)), hello]),
      { quiet: 5_000, until: /\r\n\r\n[\x15\x16]\x03/ },
    );
    assert.match(answer.text, /^HTTP\/1\.1 200 [\s\S]*?\r\n\r\n[\x15\x16]\x03/);
  });

  const doors: readonly (readonly [name: string, octets: Buffer, reason: string])[] = [
    ["another name", clientHello("evil.example"), "sni_mismatch"],
    ["a subdomain", clientHello("x.door.example"), "sni_mismatch"],
    ["not TLS", Buffer.from("GET / HTTP/1.1\r\nHost: tls.example\r\n\r\n"), "not_tls"],
    ["an SSH banner", Buffer.from("SSH-2.0-OpenSSH_9.6\r\n"), "not_tls"],
    ["no name", withoutSni(), "sni_missing"],
    ["ECH", withEch("door.example"), "ech_not_allowed"],
    ["a NUL in the name", clientHello("door.example\0.evil"), "malformed_request"],
    ["a trailing dot", clientHello("door.example."), "malformed_request"],
  ];
  for (const [name, octets, reason] of doors) {
    test(`INV-EGRESS-2: ${name} is refused before a byte reaches the origin`, async () => {
      const before = doorOctets;
      const socket = await openTunnel(sidecar.port, `door.example:${door.port}`);
      socket.resume();
      socket.on("end", () => socket.end());
      socket.write(octets);
      await closed(socket);
      await auditRecord(
        sidecar.auditDirectory,
        (record) => record.kind === "egress.end" && record.rule === "door" && record.reason === reason,
      );
      assert.equal(doorOctets, before);
    });
  }

  test("a rule may let a ClientHello without a name pass", async () => {
    const answer = await rawRequest(
      sidecar.port,
      Buffer.concat([Buffer.from(connectHead(`nameless.example:${tls.port}`)), withoutSni()]),
      { quiet: 5_000, until: /\r\n\r\n[\x15\x16]\x03/ },
    );
    assert.match(answer.text, /\r\n\r\n[\x15\x16]\x03/);
  });

  test("a hello in single octets is judged like any other", async () => {
    const socket = await openTunnel(sidecar.port, `tls.example:${tls.port}`);
    const answered = once(socket, "data");
    socket.resume();
    for (const octet of clientHello("tls.example")) socket.write(Buffer.of(octet));
    await answered;
    socket.destroy();
  });
});

describe("tcp tunnels", () => {
  test("half-close is passed on in both directions", async () => {
    const socket = await openTunnel(sidecar.port, `raw.example:${tcp.port}`);
    socket.end("last words");
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    assert.equal(text, "last wordsbye");
  });

  test("of several answers only vetted addresses are dialled", async () => {
    const socket = await openTunnel(sidecar.port, `mixed.example:${tcp.port}`);
    socket.destroy();
    const record = await auditRecord(
      sidecar.auditDirectory,
      (found) => found.rule === "mixed" && found.kind === "egress.decision",
    );
    assert.deepEqual(record.detail["addresses"], ["127.0.0.1"]);
    assert.deepEqual(record.detail["refusedAddresses"], ["10.9.9.9"]);
  });

  test("new connections are limited per rule", async () => {
    for (let attempt = 0; attempt < 2; attempt += 1)
      (await openTunnel(sidecar.port, `few.example:${tcp.port}`)).destroy();
    const answer = await rawRequest(sidecar.port, connectHead(`few.example:${tcp.port}`));
    assert.match(answer.text, /^HTTP\/1\.1 429 /);
    assert.equal(reasonOf(answer.text), "rate_limited");
  });

  for (const [host, reason, octets] of [
    ["small", "byte_limit", 2_000],
    ["brief", "lifetime_limit", 1],
    ["quiet", "idle_timeout", 1],
  ] as const) {
    test(`${reason} ends a tunnel and is on record`, async () => {
      const socket = await openTunnel(sidecar.port, `${host}.example:${tcp.port}`);
      socket.resume();
      socket.write(Buffer.alloc(octets));
      await closed(socket);
      const record = await auditRecord(
        sidecar.auditDirectory,
        (found) => found.rule === host && found.kind === "egress.end",
      );
      assert.equal(record.reason, reason);
      assert.ok(Number(record.detail["bytesOut"]) <= 1_000);
    });
  }
});

describe("plain HTTP", () => {
  const request = (method: string, path: string, body = "", more = ""): string =>
    `${method} http://web.example:${http.port}${path} HTTP/1.1\r\nHost: web.example:${http.port}\r\n${more}${body === "" ? "" : `Content-Length: ${body.length}\r\n`}\r\n${body}`;

  test("INV-EGRESS-3: every request on a kept connection is judged alone", async () => {
    const answer = await rawRequest(
      sidecar.port,
      request("GET", "/open/1") +
        request("GET", "/closed") +
        request("POST", "/echo", "hello") +
        "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n" +
        request("GET", "/open/2"),
      { quiet: 5_000, until: /\/open\/2/ },
    );
    const statuses = [...answer.text.matchAll(/HTTP\/1\.1 ([0-9]{3})/g)].map((match) => match[1]);
    assert.deepEqual(statuses, ["200", "403", "200", "403", "200"]);
    assert.match(answer.text, /http \/echo hello/);
  });

  test("hop-by-hop fields stay here, Host is derived from the target", async () => {
    await rawRequest(
      sidecar.port,
      request(
        "GET",
        "/open/fields",
        "",
        "Proxy-Authorization: Basic c2VjcmV0\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nX-Kept: 2\r\nTE: trailers\r\n",
      ),
    );
    const head = http.seen.heads.find((seen) => seen.url === "/open/fields");
    assert.ok(head);
    assert.equal(head.headers.host, `web.example:${http.port}`);
    assert.equal(head.headers["x-kept"], "2");
    for (const gone of ["proxy-authorization", "x-mine", "keep-alive", "te"])
      assert.equal(head.headers[gone], undefined, gone);
    assert.ok(!sidecar.output().includes("c2VjcmV0"));
    assert.ok(!JSON.stringify(auditRecords(sidecar.auditDirectory)).includes("c2VjcmV0"));
  });

  test("a chunked body is passed on, a broken one never ends cleanly", async () => {
    const chunked = `POST http://web.example:${http.port}/echo HTTP/1.1\r\nHost: web.example:${http.port}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const whole = await rawRequest(sidecar.port, `${chunked}5\r\nhello\r\n0\r\n\r\n`, { quiet: 5_000, until: /hello/ });
    assert.match(whole.text, /http \/echo hello/);
    const broken = await rawRequest(sidecar.port, `${chunked}5\r\nhelloX\r\n0\r\n\r\n`);
    assert.equal(reasonOf(broken.text), "malformed_request");
  });

  test("requests inside a CONNECT tunnel to an http rule are judged one by one", async () => {
    const socket = await openTunnel(sidecar.port, `web.example:${http.port}`);
    const inner = (path: string, host = `web.example:${http.port}`): string =>
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    socket.write(inner("/open/in") + inner("/closed") + inner("/open/last", "evil.example"));
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    const statuses = [...text.matchAll(/HTTP\/1\.1 ([0-9]{3})/g)].map((match) => match[1]);
    assert.deepEqual(statuses, ["200", "403", "421"]);
  });
});

describe("deadlines and caps", () => {
  test("a head that does not end is refused at the head deadline", async () => {
    const answer = await rawRequest(sidecar.port, "CONNECT tls.exam", { quiet: 3_000 });
    assert.match(answer.text, /^HTTP\/1\.1 400 /);
    assert.ok(answer.milliseconds > 900 && answer.milliseconds < 2_900, `${answer.milliseconds} ms`);
    const id = /^Sluice-Request-Id: (.*)\r$/m.exec(answer.text)?.[1];
    await auditRecord(sidecar.auditDirectory, (record) => record.request === id);
  });

  test("a silent connection is closed at the head deadline without a record", async () => {
    const unread = (): number =>
      auditRecords(sidecar.auditDirectory).filter(({ action }) => action === "request").length;
    const before = unread();
    const answer = await rawRequest(sidecar.port, "", { quiet: 3_000 });
    assert.ok(answer.closed);
    assert.equal(unread(), before);
  });

  test("over the cap a connection is told so", async () => {
    const held = await Promise.all(
      Array.from({ length: 200 }, async () => openTunnel(sidecar.port, `raw.example:${tcp.port}`)),
    );
    const answer = await rawRequest(sidecar.port, connectHead(`raw.example:${tcp.port}`));
    for (const socket of held) socket.destroy();
    assert.match(answer.text, /^HTTP\/1\.1 429 /);
    assert.equal(reasonOf(answer.text), "connection_limit");
  });
});

/** However it ends, a reset included. */
async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once("close", () => resolve()));
}

/** The usual hello with its server_name turned into an extension nobody knows. */
function withoutSni(): Buffer {
  const hello = clientHello("tls.example");
  const at = hello.indexOf(Buffer.from([0, 0, 0, 16, 0, 14, 0]));
  assert.notEqual(at, -1);
  hello.writeUInt16BE(0xfafa, at);
  return hello;
}

/** The usual hello with its padding turned into encrypted_client_hello. */
function withEch(name: string): Buffer {
  const hello = clientHello(name);
  const at = hello.lastIndexOf(Buffer.from([0, 0x15]));
  assert.notEqual(at, -1);
  hello.writeUInt16BE(0xfe0d, at);
  return hello;
}
