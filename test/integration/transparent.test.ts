import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { AttackAgent } from "../fakes/attack-agent.ts";
import { attackHellos } from "../fakes/attack-hellos.ts";
import { FORBIDDEN } from "../fakes/attack-origin.ts";
import { auditRecord, auditRecords, type ReadRecord } from "../fakes/audit-records.ts";
import { clientHello } from "../fakes/client-hello.ts";
import { lowPorts } from "../fakes/low-ports.ts";
import { httpOrigin, type Origin, ownLoopback, tcpOrigin, testCa, tlsOrigin } from "../fakes/origins.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { until } from "../fakes/until.ts";
import { requirement } from "../require.ts";

/** The most connections that this sidecar serves. */
const CONNECTIONS = 60;

let tls: Origin;
let http: Origin;
let door: Origin;
let doorText = "";
let sidecar: Sidecar;
let allow: readonly string[];
let directory: string;
let caFile: string;

before(async () => {
  if (lowPorts.skip !== false) return;
  const [first, second] = [ownLoopback(), ownLoopback()];
  tls = await tlsOrigin(["tls.example", "plain.example"], { host: first, port: 443 });
  http = await httpOrigin({ host: first, port: 80 });
  door = await tcpOrigin(
    (socket) => {
      socket.on("data", (chunk: Buffer) => (doorText += chunk.toString("latin1")));
      socket.on("end", () => socket.end());
    },
    { host: second, port: 443 },
  );
  const at = (address: string, port: number): string => `ports: [${port}], addresses: ["${address}:${port}"]`;
  allow = [
    `{ id: secure, hosts: [tls.example], ${at(first, 443)} }`,
    `{ id: door, hosts: [door.example], ${at(second, 443)} }`,
    `{ id: raw, hosts: [raw.example], ${at(second, 443)}, protocol: tcp }`,
    `{ id: hidden, hosts: [hidden.example], ${at(second, 443)}, tls: { ech: allow } }`,
    `{ id: http-on-443, hosts: [plain.example], ${at(first, 443)}, protocol: http }`,
    `{ id: elsewhere, hosts: [elsewhere.example], ports: [8443, 8080] }`,
    `{ id: private, hosts: [private.example], ports: [443] }`,
    `{ id: private-web, hosts: [private.example], ports: [80], protocol: http }`,
    `{ id: unknown, hosts: [unknown.example], ports: [443] }`,
    `{ id: dead, hosts: [dead.example], ${at("127.255.255.1", 443)} }`,
    `{ id: few, hosts: [few.example], ${at(first, 443)}, limits: { connectionsPerMinute: 1 } }`,
    `{ id: web, hosts: [web.example, other.example], ${at(first, 80)}, protocol: http, http: { methods: [GET, POST], paths: ["/open/**"] } }`,
    `{ id: tls-on-80, hosts: [tls.example], ports: [80] }`,
  ];
  sidecar = await startSidecar({
    allow,
    deny: ["{ id: never, hosts: [never.example] }"],
    hosts: {
      ...Object.fromEntries(
        ["tls", "plain", "few", "web", "other"].map((name) => [`${name}.example`, [first]] as const),
      ),
      ...Object.fromEntries(["door", "raw", "hidden"].map((name) => [`${name}.example`, [second]] as const)),
      "private.example": ["10.0.0.1", "169.254.169.254", "127.0.0.1"],
      "dead.example": ["127.255.255.1"],
    },
    settings: [`limits: { headTimeout: 700ms, connectTimeout: 1s, connections: ${CONNECTIONS} }`],
  });
  directory = mkdtempSync(join(tmpdir(), "sluice-transparent-"));
  caFile = join(directory, "ca.pem");
  writeFileSync(caFile, testCa().certificatePem);
});

after(async () => {
  for (const part of [sidecar, tls, http, door]) await part?.[Symbol.asyncDispose]();
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

afterEach(() => AttackAgent.closeAll());

const alert = (description: number): string => `\x15\x03\x03\0\x02\x02${String.fromCharCode(description)}`;
const ACCESS_DENIED = alert(49);
const DECODE_ERROR = alert(50);
const INTERNAL_ERROR = alert(80);
const UNRECOGNIZED_NAME = alert(112);

/** The next refusals behind this many records: `count` of them, and a moment for another that must not be. */
async function refusals(since: number, count = 1): Promise<readonly ReadRecord[]> {
  const refused = ({ decision, kind, reason, seq }: ReadRecord): boolean =>
    seq >= since && (decision === "deny" || (kind === "egress.end" && reason !== null));
  const found = (): readonly ReadRecord[] => auditRecords(sidecar.auditDirectory).filter(refused);
  await until(() => found().length >= count, "a refusal on record");
  await new Promise((resolve) => setTimeout(resolve, 30));
  return found();
}

/** A hello that names no server. */
const nameless = attackHellos.find(({ name }) => name === "no server_name")?.octets ?? Buffer.alloc(0);

const recordCount = (): number => auditRecords(sidecar.auditDirectory).length;

describe("redirected 443", () => {
  const run = async (program: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const child = execFile(program, args, { timeout: 10_000 }, (_error, stdout, stderr) =>
        resolve({ stdout, stderr }),
      );
      child.stdin?.end();
    });
  const curl = requirement("curl", spawnSync("curl", ["--version"]).status === 0, "needs curl");
  const openssl = requirement("openssl", spawnSync("openssl", ["version"]).status === 0, "needs openssl");
  const python = requirement("python3", spawnSync("python3", ["--version"]).status === 0, "needs python3");
  const both = (other: { readonly skip: string | false }): { readonly skip: string | false } =>
    lowPorts.skip === false ? other : lowPorts;

  const curlTo = async (host: string): Promise<{ stdout: string; stderr: string }> => {
    const redirect = ["--connect-to", `::127.0.0.1:${sidecar.tlsPort}`];
    return run("curl", ["-sS", "--noproxy", "*", ...redirect, "--cacert", caFile, `https://${host}/c`]);
  };

  test("curl reaches what is allowed, and is told in TLS what is not", both(curl), async () => {
    assert.equal((await curlTo("tls.example")).stdout, "tls /c");
    assert.match((await curlTo("evil.example")).stderr, /curl: \(35\) .*alert access denied/);
    assert.match((await curlTo("unknown.example")).stderr, /curl: \(35\) .*alert internal error/);
  });

  test("openssl s_client names the alert", both(openssl), async () => {
    for (const [args, said] of [
      [["-servername", "evil.example"], /alert access denied/],
      [["-noservername"], /unrecognized name/],
    ] as const) {
      const { stderr } = await run("openssl", ["s_client", "-connect", `127.0.0.1:${sidecar.tlsPort}`, ...args]);
      assert.match(stderr, said);
    }
  });

  test("Python names the alert", both(python), async () => {
    const script = `import socket, ssl
context = ssl.create_default_context(cafile="${caFile}")
for host in ("tls.example", "evil.example"):
    try:
        with context.wrap_socket(socket.create_connection(("::1", ${sidecar.tlsPort})), server_hostname=host) as tls:
            tls.sendall(b"GET /p HTTP/1.1\\r\\nHost: tls.example\\r\\nConnection: close\\r\\n\\r\\n")
            print(tls.recv(65536).split(b"\\r\\n")[0].decode())
    except ssl.SSLError as error:
        print(error.reason)
`;
    const { stdout, stderr } = await run("python3", ["-c", script]);
    assert.equal(stdout, "HTTP/1.1 200 OK\nTLSV1_ALERT_ACCESS_DENIED\n", stderr);
  });

  test("the hello reaches the origin as it was sent, octet by octet, over IPv6", lowPorts, async () => {
    const agent = await AttackAgent.open(sidecar.tlsPort, "::1");
    await agent.trickle(clientHello("DOOR.Example"));
    await auditRecord(sidecar.auditDirectory, ({ kind, rule }) => kind === "egress.decision" && rule === "door");
    await until(() => doorText.includes(clientHello("DOOR.Example").toString("latin1")));
    agent.reset();
  });

  const rows: readonly (readonly [name: string, octets: Buffer, answer: string, reason: string])[] = [
    ["a host nobody allows", clientHello("evil.example"), ACCESS_DENIED, "host_not_allowed"],
    ["deny wins", clientHello("NEVER.example"), ACCESS_DENIED, "denied_by_rule"],
    ["a rule for other ports", clientHello("elsewhere.example"), ACCESS_DENIED, "port_not_allowed"],
    ["special-use answers", clientHello("private.example"), ACCESS_DENIED, "address_not_allowed"],
    ["a name nobody knows", clientHello("unknown.example"), INTERNAL_ERROR, "dns_failure"],
    ["an origin that is down", clientHello("dead.example"), INTERNAL_ERROR, "upstream_unreachable"],
    ["a rule for plain HTTP", clientHello("plain.example"), DECODE_ERROR, "malformed_request"],
    ["no name", nameless, UNRECOGNIZED_NAME, "sni_missing"],
    ["a trailing dot", clientHello("tls.example."), DECODE_ERROR, "malformed_request"],
    ["this router by its address", clientHello("127.0.0.1"), DECODE_ERROR, "malformed_request"],
    ["plain HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: tls.example\r\n\r\n"), "", "not_tls"],
    [
      "the proxy's CONNECT",
      Buffer.from("CONNECT tls.example:443 HTTP/1.1\r\nHost: tls.example:443\r\n\r\n"),
      "",
      "not_tls",
    ],
    ["SOCKS5", Buffer.of(5, 1, 0), "", "not_tls"],
    ["HTTP/2 in clear", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "", "not_tls"],
    ["silence", Buffer.alloc(0), "", "not_tls"],
  ];

  test("every refusal has its alert, and its reason on one record", lowPorts, async () => {
    const reached = tls.seen.connections;
    for (const [name, octets, answer, reason] of rows) {
      const since = recordCount();
      const agent = (await AttackAgent.open(sidecar.tlsPort)).send(octets);
      await agent.over(5_000);
      assert.equal(agent.text, answer, name);
      assert.equal(agent.end, "fin", name);
      assert.deepEqual(
        (await refusals(since)).map((record) => record.reason),
        [reason],
        name,
      );
    }
    assert.equal(tls.seen.connections, reached);
  });

  test("a rule's rate is the same through this door", lowPorts, async () => {
    for (const answer of [/^\x16\x03/, new RegExp(`^${INTERNAL_ERROR}$`)]) {
      const agent = (await AttackAgent.open(sidecar.tlsPort)).send(clientHello("few.example"));
      await agent.until(answer);
      assert.match(agent.text, answer);
    }
    await auditRecord(sidecar.auditDirectory, ({ rule, reason }) => rule === "few" && reason === "rate_limited");
  });

  test("whatever the hello, it is judged before an octet of it reaches the origin", lowPorts, async () => {
    for (const { name, octets, outcome, afterwards } of attackHellos) {
      const since = recordCount();
      const agent = (await AttackAgent.open(sidecar.tlsPort)).send(octets);
      if (afterwards !== undefined) await new Promise((resolve) => setTimeout(resolve, 30));
      if (afterwards === "fin") agent.fin();
      if (afterwards === "rst") agent.reset();
      if (outcome === "left") {
        await agent.over();
        assert.equal(recordCount(), since, name);
      } else if (outcome === "through") {
        await auditRecord(sidecar.auditDirectory, (found) => found.seq >= since && found.rule === "door");
        await until(() => doorText.includes(octets.toString("latin1")), name);
        agent.reset();
        await auditRecord(sidecar.auditDirectory, ({ kind, seq }) => seq >= since && kind === "egress.end");
      } else {
        await agent.over();
        // Nothing but the name in the hello says which host it is for.
        const reason = outcome === "sni_mismatch" ? "host_not_allowed" : outcome;
        assert.deepEqual(
          (await refusals(since)).map((record) => record.reason),
          [reason],
          name,
        );
      }
    }
    assert.ok(!doorText.includes(FORBIDDEN));
  });

  test("a rule for tcp gets the hello as it is, and one that allows ECH an encrypted one", lowPorts, async () => {
    const hidden = Buffer.from(clientHello("hidden.example"));
    hidden.writeUInt16BE(0xfe0d, hidden.lastIndexOf(Buffer.of(0, 0x15)));
    for (const octets of [clientHello("raw.example"), hidden]) {
      const agent = (await AttackAgent.open(sidecar.tlsPort)).send(octets);
      await until(() => doorText.includes(octets.toString("latin1")));
      agent.reset();
    }
  });

  test("Node's client is told why", lowPorts, async () => {
    const socket = connectTls({ port: sidecar.tlsPort, host: "127.0.0.1", servername: "evil.example" });
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once("error", resolve));
    assert.match(String(error.code), /ALERT_ACCESS_DENIED/);
  });
});

describe("redirected 80", () => {
  const get = (host: string, path = "/open/1", more = ""): string =>
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
  const bad = "400 malformed_request, fin";
  const rows: readonly (readonly [name: string, octets: string, verdict: string])[] = [
    ["allowed", get("web.example"), "200, open"],
    ["its port said", get("web.example:80"), "200, open"],
    ["another spelling", get("WEB.example."), "200, open"],
    ["HTTP/1.0 with Host", "GET /open/1 HTTP/1.0\r\nHost: web.example\r\n\r\n", "200, fin"],
    ["absolute form of the same host", get("web.example", "http://WEB.example/open/1"), "200, open"],
    [
      "each of many is judged alone, whatever hosts came before",
      get("web.example") +
        get("other.example") +
        get("evil.example") +
        get("web.example", "/closed") +
        get("web.example"),
      "200, 200, 403 host_not_allowed, 403 path_not_allowed, 200, open",
    ],
    ["a host nobody allows", get("evil.example"), "403 host_not_allowed, open"],
    ["deny wins", get("Never.example"), "403 denied_by_rule, open"],
    ["a rule for other ports", get("elsewhere.example"), "403 port_not_allowed, open"],
    ["a rule for TLS", get("tls.example"), "403 not_tls, open"],
    ["special-use answers", get("private.example"), "403 address_not_allowed, open"],
    ["an address nobody named", get("169.254.169.254", "/latest/meta-data/"), "403 host_not_allowed, open"],
    ["an address in IPv6", get("[::1]"), "403 host_not_allowed, open"],
    ["another method", `DELETE /open/1 HTTP/1.1\r\nHost: web.example\r\n\r\n`, "403 method_not_allowed, open"],
    ["another port", get("web.example:8080"), "421 host_mismatch, fin"],
    ["port 443", get("web.example:443"), "421 host_mismatch, fin"],
    ["this very port", get("127.0.0.1:18081"), "421 host_mismatch, fin"],
    ["absolute form of another host", get("web.example", "http://evil.example/open/1"), "421 host_mismatch, fin"],
    [
      "absolute form of an allowed host, Host of another",
      get("evil.example", "http://web.example/open/1"),
      "421 host_mismatch, fin",
    ],
    ["https in absolute form", get("web.example", "https://web.example/open/1"), bad],
    ["no Host", "GET /open/1 HTTP/1.1\r\n\r\n", bad],
    ["HTTP/1.0 without Host", "GET /open/1 HTTP/1.0\r\n\r\n", bad],
    ["HTTP/1.0, absolute form, no Host", "GET http://web.example/open/1 HTTP/1.0\r\n\r\n", bad],
    ["two Hosts", get("web.example", "/open/1", "Host: evil.example\r\n"), bad],
    ["a folded Host", "GET /open/1 HTTP/1.1\r\nHost: web.example\r\n .evil\r\n\r\n", bad],
    ["a NUL in Host", get("web.example\0.evil"), bad],
    ["a user in Host", get("web.example@evil.example"), bad],
    ["a decimal address", get("2130706433"), bad],
    ["HTTP/0.9", "GET /open/1\r\n", bad],
    ["CONNECT", "CONNECT web.example:80 HTTP/1.1\r\nHost: web.example:80\r\n\r\n", bad],
    ["OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: web.example\r\n\r\n", bad],
    [
      "both lengths",
      `POST /open/1 HTTP/1.1\r\nHost: web.example\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${FORBIDDEN}`,
      bad,
    ],
    [
      "h2c among others",
      get(
        "web.example",
        "/open/1",
        "Connection: upgrade, http2-settings\r\nUpgrade: h2c, x\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
      ),
      bad,
    ],
    ["HTTP/2 in clear", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bad],
    ["TLS", clientHello("web.example").toString("latin1"), bad],
    ["SOCKS5", "\x05\x01\0", bad],
    ["SSH", "SSH-2.0-OpenSSH_9.6\r\n", bad],
    [
      "a body of its own behind a refusal",
      `POST /closed HTTP/1.1\r\nHost: web.example\r\nContent-Length: 60\r\n\r\n${get("web.example", `/open/${FORBIDDEN}`)}`,
      "403 path_not_allowed, fin",
    ],
  ];

  test("every request has its answer, and its reason on a record", lowPorts, async () => {
    for (const [name, octets, verdict] of rows) {
      const since = recordCount();
      const agent = (await AttackAgent.open(sidecar.httpPort, "::1")).send(octets);
      const answers = verdict.split(", ").length - 1;
      const deadline = Date.now() + 10_000;
      while (agent.answers.length < answers && agent.end === "open" && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      if (verdict.endsWith("fin")) await agent.over();
      assert.equal(agent.verdict, verdict, `${name}: ${agent.text}`);
      const reasons = verdict.split(", ").flatMap((part) => part.split(" ").slice(1));
      if (reasons.length > 0) {
        const found = (await refusals(since, reasons.length)).map((record) => record.reason);
        assert.deepEqual(found, reasons, name);
      }
      agent.reset();
    }
    assert.ok(!http.seen.requests.some((line) => line.includes(FORBIDDEN) || line.includes("evil")));
    assert.ok(http.seen.requests.includes("GET /open/1 other.example"));
  });
});

describe("around the doors", () => {
  test("over the cap each door says so in its own words", lowPorts, async () => {
    const held = await Promise.all(Array.from({ length: CONNECTIONS }, async () => AttackAgent.open(sidecar.httpPort)));
    // Accepted here is not yet accepted there, and each listener has a queue of its own.
    const deadline = Date.now() + 10_000;
    for (let held = 0; held < CONNECTIONS && Date.now() < deadline;) {
      const status = await fetch(`http://127.0.0.1:${sidecar.adminPort}/status`);
      held = ((await status.json()) as { connections: number }).connections;
    }
    const since = recordCount();
    const secure = await (await AttackAgent.open(sidecar.tlsPort)).over();
    const plain = await (await AttackAgent.open(sidecar.httpPort)).over();
    for (const agent of held) agent.reset();
    assert.equal(secure.text, INTERNAL_ERROR);
    assert.equal(plain.verdict, "429 connection_limit, fin");
    const found = await refusals(since, 2);
    assert.deepEqual(
      found.map((record) => record.reason),
      ["connection_limit", "connection_limit"],
    );
  });

  test("no listener is reached through another, though a rule names its address", lowPorts, async () => {
    const { port, tlsPort, httpPort, agentPort, adminPort, dnsPort } = sidecar;
    const own = [port, tlsPort, httpPort, agentPort, adminPort, dnsPort];
    const named = own.flatMap((each) => [`"127.0.0.1:${each}"`, `"[::1]:${each}"`]);
    sidecar.publish([...allow, `{ id: loop, addresses: [${named.join(", ")}], protocol: tcp }`]);
    for (const each of own) {
      for (const host of ["127.0.0.1", "[::1]"]) {
        const head = `CONNECT ${host}:${each} HTTP/1.1\r\nHost: ${host}:${each}\r\n\r\n`;
        const deadline = Date.now() + 5_000;
        let text = "";
        while (!text.includes("address_not_allowed") && Date.now() < deadline) {
          text = (await rawRequest(port, head, { until: /"\}\}$/ })).text;
        }
        assert.match(text, /^HTTP\/1\.1 403 [^]*Sluice-Reason: address_not_allowed\r\n/, `${host}:${each}`);
      }
    }
  });
});
