import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { createServer as createTlsServer } from "node:tls";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { after, afterEach, before, test } from "node:test";
import { AttackAgent } from "../fakes/attack-agent.ts";
import { misbehaviours } from "../fakes/attack-answers.ts";
import { type AttackOrigin, attackOrigin } from "../fakes/attack-origin.ts";
import { clientHello } from "../fakes/client-hello.ts";
import { type InspectionWorld, inspectionWorld } from "../fakes/inspection-world.ts";
import { testCa } from "../fakes/origins.ts";
import { type TlsFront, tlsFront } from "../fakes/tls-front.ts";
import { makeAuthority } from "../../router/edge/inspection/authority.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { soonest } from "../fakes/soonest.ts";
import { until } from "../fakes/until.ts";

const HOST = "web.example";
let web: AttackOrigin;
let front: TlsFront;
let world: InspectionWorld;

const rule = (more = "", id = "web"): string =>
  `{ id: ${id}, hosts: [${HOST}], ports: [${front.port}], addresses: ["127.0.0.1:${front.port}"], protocol: tls, inspect: true, http: { paths: ["/open/**", "/o/**"] }${more} }`;

before(async () => {
  web = await attackOrigin(misbehaviours);
  front = await tlsFront(web.port, [HOST]);
  world = await inspectionWorld({ allow: [rule()], limits: { headTimeout: 500, idle: 1_000 } });
});

after(async () => {
  AttackAgent.closeAll();
  await world[Symbol.asyncDispose]();
  await front[Symbol.asyncDispose]();
  await web.close();
});

afterEach(async () => {
  AttackAgent.closeAll();
  await world.quiet();
});

const pause = async (milliseconds: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  // The router is in this process: held up, it has first to read what came meanwhile.
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
const authority = (): string => `${HOST}:${front.port}`;
const open = async (in_ = world): Promise<AttackAgent> => AttackAgent.of(await in_.secure(authority()));
const get = (path: string, more = ""): string => `GET ${path} HTTP/1.1\r\nHost: ${authority()}\r\n${more}\r\n`;

async function outcomesOf(during: () => Promise<unknown>, count: number, in_ = world): Promise<string[]> {
  const from = in_.outcomes.length;
  await during();
  return (await in_.settled(from + count))
    .slice(from)
    .map((outcome) =>
      outcome.kind === "completed"
        ? `${outcome.start.action} completed`
        : `${outcome.start.action} ${outcome.kind} ${outcome.reason} ${outcome.detail}`,
    );
}

test("a WebSocket inside, verified, relayed, and ended by both ends of TLS", async () => {
  const key = "dGhlIHNhbXBsZSBub25jZQ==";
  const agent = await open();
  const told = await outcomesOf(async () => {
    agent.send(
      get(
        "/o/websocket",
        `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n`,
      ),
    );
    await agent.until(/early/);
    assert.match(agent.text, /^HTTP\/1\.1 101 /);
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    assert.ok(agent.text.includes(accept));
    await agent.send("ping-pong").until(/ping-pong/);
    await agent.fin().over();
    assert.equal(agent.end, "fin");
  }, 2);
  assert.deepEqual(told, ["http.GET completed", "connect completed"]);
});

test("a WebSocket ends with TLS's own end, for those who ask for it", async () => {
  const script = `import socket, ssl, sys
raw = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
name = "${HOST}:" + sys.argv[2]
raw.sendall(f"CONNECT {name} HTTP/1.1\\r\\nHost: {name}\\r\\n\\r\\n".encode())
raw.recv(4096)
context = ssl.create_default_context(cafile=sys.argv[3])
tls = context.wrap_socket(raw, server_hostname="${HOST}", suppress_ragged_eofs=False)
tls.sendall(f"GET /o/websocket HTTP/1.1\\r\\nHost: {name}\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n".encode())
text = b""
while not text.endswith(b"early"):
    text += tls.recv(4096)
tls.unwrap()
print("ended well")
`;
  const told = await new Promise<string>((resolve) => {
    const args = ["-c", script, String(world.port), String(front.port), world.caFile];
    execFile("python3", args, { timeout: 10_000 }, (_error, out, problems) => resolve(out + problems));
  });
  assert.equal(told, "ended well\n");
});

test("a WebSocket's rule limits what it carries", async () => {
  await using own = await inspectionWorld({ allow: [rule(", limits: { bytesOut: 100 }")] });
  const agent = await open(own);
  const upgrade = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;
  const told = await outcomesOf(
    async () => {
      await agent.send(get("/o/websocket", upgrade)).until(/early/);
      await agent.send("x".repeat(200)).over();
      assert.equal(agent.end, "rst");
    },
    2,
    own,
  );
  assert.equal(told[0], "http.GET aborted byte_limit undefined");
});

test("a handshake that stops ends at the deadline", async () => {
  const socket = await world.connect(authority());
  const told = await outcomesOf(async () => {
    socket.resume();
    socket.write(clientHello(HOST));
    await once(socket, "end");
  }, 1);
  assert.equal(told[0], "connect aborted undefined The TLS handshake did not end before the deadline.");
});

test("an agent that leaves in the handshake is on record as that", async () => {
  const socket = await world.connect(authority());
  const told = await outcomesOf(async () => {
    socket.resume();
    socket.write(clientHello(HOST));
    await once(socket, "data");
    socket.resetAndDestroy();
  }, 1);
  assert.match(told[0] ?? "", /^connect aborted undefined The agent closed during the TLS handshake/);
});

test("an agent that closes its end behind the ClientHello is not waited for", async () => {
  const socket = await world.connect(authority());
  const told = await outcomesOf(async () => {
    socket.resume();
    socket.end(clientHello(HOST));
    await once(socket, "end");
  }, 1);
  assert.match(told[0] ?? "", /^connect aborted undefined /);
});

test("an agent that is silent after the handshake is let go", async () => {
  const agent = await open();
  const told = await outcomesOf(async () => agent.over(), 1);
  assert.deepEqual(told, ["connect completed"]);
});

test("neither renegotiation nor 0-RTT", async () => {
  const client = await world.secure(authority(), { maxVersion: "TLSv1.2" });
  const outcome = await new Promise<string>((resolve) => {
    client.once("error", () => resolve("refused"));
    client.once("close", () => resolve("refused"));
    client.renegotiate({ rejectUnauthorized: true }, (error) => resolve(error === null ? "renegotiated" : "refused"));
  });
  assert.equal(outcome, "refused");
  client.destroy();

  // max_early_data_size (RFC 8446 section 4.6.1) is an extension of the ticket.
  const printed = await new Promise<string>((resolve) => {
    const args = ["s_client", "-proxy", `127.0.0.1:${world.port}`, "-connect", authority(), "-servername", HOST];
    const child = execFile("openssl", [...args, "-CAfile", world.caFile, "-ign_eof"], (_error, out) => resolve(out));
    child.stdin?.end(get("/open/x", "Connection: close\r\n"));
  });
  assert.match(printed, /Max Early Data: 0/);
  assert.doesNotMatch(printed, /Max Early Data: [1-9]/);
});

test("INV-INSPECT-5: a policy that loses the rule cuts the connection and what is under way in it", async () => {
  await using own = await inspectionWorld({ allow: [rule()] });
  const agent = await open(own);
  const told = await outcomesOf(
    async () => {
      await agent.send(get("/o/endless")).until(/200/);
      own.reload([`{ id: other, hosts: [other.example], ports: [443] }`]);
      await agent.over();
      assert.equal(agent.end, "rst");
    },
    2,
    own,
  );
  assert.deepEqual(told.toSorted(), [
    "connect aborted host_not_allowed undefined",
    "http.GET aborted host_not_allowed undefined",
  ]);
});

test("a policy that loses the rule while the origin is asked: nothing is minted", async () => {
  const silent = createTcpServer((socket) => void socket.on("error", () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  await using own = await inspectionWorld({
    allow: [`{ id: web, hosts: [${HOST}], ports: [${port}], addresses: ["127.0.0.1:${port}"], inspect: true }`],
  });
  const socket = await own.connect(`${HOST}:${port}`);
  socket.resume();
  socket.write(clientHello(HOST));
  const told = await outcomesOf(
    async () => {
      await once(silent, "connection");
      await pause(50);
      own.reload([`{ id: other, hosts: [other.example], ports: [443] }`]);
    },
    1,
    own,
  );
  assert.deepEqual(told, ["connect aborted host_not_allowed undefined"]);
  assert.equal(own.inspection.status().minted, 0);
  silent.close();
});

test("the rule's lifetime ends the connection", async () => {
  await using own = await inspectionWorld({ allow: [rule(", limits: { lifetime: 1s }")] });
  const agent = await open(own);
  const told = await outcomesOf(
    async () => {
      await agent.send(get("/open/x")).until(/open\/x/);
      await agent.over();
    },
    2,
    own,
  );
  assert.deepEqual(told, ["http.GET completed", "connect aborted lifetime_limit undefined"]);
});

test("the end of the process: idle connections close, the others with their answer", async () => {
  await using own = await inspectionWorld({ allow: [rule()], limits: { idle: 10_000 } });
  const idle = await open(own);
  const busy = await open(own);
  await idle.send(get("/open/x")).until(/open\/x/);
  busy.send(`POST /open/y HTTP/1.1\r\nHost: ${authority()}\r\nContent-Length: 5\r\n\r\nab`);
  await pause(50);
  own.drain();
  await idle.over();
  assert.equal(idle.end, "fin");
  await busy.send("cde").until(/abcde/);
  assert.match(busy.text, /Connection: close/);
  await busy.fin().over();
  assert.equal(busy.end, "fin");
  await own.settled(4);
  assert.equal(own.registry.size, 0);
});

test("an origin that closes between two requests is connected to anew", async () => {
  const agent = await open();
  await agent.send(get("/open/1")).until(/open\/1/);
  for (const socket of web.open) socket.end();
  await pause(50);
  await agent.send(get("/open/2")).until(/open\/2/);
  assert.deepEqual(agent.answers, ["200", "200"]);
  agent.reset();
});

test("an origin that closes, or speaks, before the first request is connected to anew", async () => {
  const before = front.handshakes;
  const agent = await open();
  await pause(20);
  for (const socket of web.open) socket.end();
  await pause(50);
  await agent.send(get("/open/1")).until(/open\/1/);
  assert.deepEqual(agent.answers, ["200"]);
  assert.equal(front.handshakes - before, 2);
  const other = await open();
  await pause(20);
  for (const socket of web.open) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
  await pause(50);
  await other.send(get("/open/2")).until(/open\/2/);
  assert.ok(!other.text.includes("forged"), other.text);
  agent.reset();
  other.reset();
});

test("no protocol is agreed to that the origin does not choose", async () => {
  const { certificatePem, keyPem } = testCa().issue([HOST]);
  for (const [origin, offered, expected] of [
    [["http/1.1"], ["h2", "http/1.1"], "http/1.1"],
    [undefined, ["h2", "http/1.1"], false],
    [["h2", "http/1.1"], ["http/1.1"], "http/1.1"],
    [["h2", "http/1.1"], ["acme-tls/1"], false],
  ] as const) {
    const server = createTlsServer(
      { cert: certificatePem, key: keyPem, ...(origin === undefined ? {} : { ALPNProtocols: [...origin] }) },
      (socket) => void socket.on("error", () => undefined),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await using own = await inspectionWorld({
      allow: [
        `{ id: web, hosts: [${HOST}], ports: [${port}], addresses: ["127.0.0.1:${port}"], protocol: tls, inspect: true }`,
      ],
    });
    const agent = await own.secure(`${HOST}:${port}`, { ALPNProtocols: [...offered] });
    assert.equal(agent.alpnProtocol, expected);
    agent.destroy();
    server.close();
  }
});

test("a CA that is given issues the leaves, and its files say so", async () => {
  const { certificatePem, keyPem } = givenCa();
  await using own = await inspectionWorld({ allow: [rule()], given: { certificate: certificatePem, key: keyPem } });
  const given = certificatePem.replaceAll("\r\n", "\n");
  const text = readFileSync(own.caFile, "utf8");
  assert.ok(text.startsWith(given), "and the operator's further roots behind it");
  assert.equal(text.slice(given.length), testCa().certificatePem);
  assert.equal(statSync(own.caFile).mode & 0o777, 0o444);
  assert.equal(statSync(own.bundleFile).mode & 0o777, 0o444);
  const agent = await own.secure(authority());
  assert.match(String(agent.getPeerCertificate().issuer.CN), /of given$/);
  agent.destroy();
});

function givenCa(): { readonly certificatePem: string; readonly keyPem: string } {
  const made = makeAuthority("given", epochMillis(Date.now()));
  return {
    certificatePem: made.trusted,
    keyPem: made.key.export({ type: "pkcs8", format: "pem" }),
  };
}

test("hundreds of handshakes leave nothing behind", async () => {
  const rounds = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 25) {
      const agents = await Promise.all(Array.from({ length: 25 }, async () => world.secure(authority())));
      for (const agent of agents) agent.destroy();
    }
  };
  await rounds(50);
  await world.settled(1);
  // What is left behind is so each time; what lies about until it is collected is not.
  const grown = await soonest(40, async () => {
    const settledFrom = world.outcomes.length;
    const before = process.memoryUsage().rss;
    await rounds(250);
    await world.settled(settledFrom + 225);
    return (process.memoryUsage().rss - before) / 1_048_576;
  });
  assert.ok(grown < 40, `${grown} MiB`);
  await until(() => world.registry.size === 0);
  assert.equal(world.inspection.status().connections, 0);
});
