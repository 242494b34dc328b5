import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { type InspectionWorld, inspectionWorld } from "../fakes/inspection-world.ts";
import { type Origin, testCa, tlsOrigin } from "../fakes/origins.ts";

let origin: Origin;
let world: InspectionWorld;
const authority = (): string => `web.test:${origin.port}`;

before(async () => {
  origin = await tlsOrigin(["web.test"]);
  const to = `addresses: ["127.0.0.1:${origin.port}"], ports: [${origin.port}], protocol: tls, inspect: true`;
  world = await inspectionWorld({
    allow: [
      `{ id: web, hosts: [web.test, other.test], ${to}, http: { methods: [GET, POST, HEAD], paths: ["/open/**"], headers: [{ name: x-version, values: ["1", "2"] }], bodyBytes: 1Ki } }`,
      `{ id: plainer, hosts: [web.test], ${to}, http: { methods: [GET], paths: ["/free/**"] } }`,
    ],
  });
});

after(async () => {
  await world[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

interface Said {
  readonly code: number;
  readonly output: string;
}

async function run(program: string, args: readonly string[], input = ""): Promise<Said> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { timeout: 20_000 }, (error, out, problems) => {
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, output: out + problems });
    });
    child.stdin?.end(input);
  });
}

async function curl(...args: readonly string[]): Promise<Said> {
  return run("curl", ["-sS", "-m", "10", "-x", `http://127.0.0.1:${world.port}`, "--cacert", world.caFile, ...args]);
}

const codeOf = (body: string): string | undefined => /"code":"([a-z_]+)"/.exec(body)?.[1];

test("curl: each request of one connection is judged alone", async () => {
  const from = await world.quiet();
  const url = (path: string): string => `https://${authority()}${path}`;
  const told = await curl("-H", "X-Version: 1", url("/open/1"), url("/secret"), url("/open/2"));
  assert.match(told.output, /^tls \/open\/1\{.*"path_not_allowed".*\}tls \/open\/2$/s);
  const outcomes = (await world.settled(from + 4)).slice(from);
  assert.deepEqual(
    outcomes.map(({ kind, rule, start, facts }) => [start.action, kind, rule, facts.status]),
    [
      ["http.GET", "completed", "web", 200],
      ["http.GET", "refused", "web", undefined],
      ["http.GET", "completed", "web", 200],
      ["connect", "completed", "web", undefined],
    ],
  );
  assert.deepEqual(origin.seen.requests.slice(-2), [`GET /open/1 ${authority()}`, `GET /open/2 ${authority()}`]);
});

const refusals: readonly (readonly [name: string, args: readonly string[], code: string])[] = [
  ["another path", ["-H", "X-Version: 1", "/secret"], "path_not_allowed"],
  ["another method", ["-X", "DELETE", "-H", "X-Version: 1", "/free/x"], "method_not_allowed"],
  ["a long body", ["-H", "X-Version: 1", "-d", "x".repeat(1025), "/open/x"], "request_too_large"],
  [
    "a long body in chunks",
    ["-H", "X-Version: 1", "-H", "Transfer-Encoding: chunked", "-d", "x".repeat(1025), "/open/x"],
    "request_too_large",
  ],
  ["another Host", ["-H", "X-Version: 1", "-H", "Host: other.test", "/open/x"], "host_mismatch"],
  ["another port in Host", ["-H", "X-Version: 1", "-H", "Host: web.test:1", "/open/x"], "host_mismatch"],
  ["Host without the port", ["-H", "X-Version: 1", "-H", "Host: web.test", "/open/x"], "host_mismatch"],
  [
    "absolute form to another",
    ["-H", "X-Version: 1", "--request-target", "https://evil.test/open/x", "/"],
    "host_mismatch",
  ],
  ["absolute form in clear", ["--request-target", "http://web.test/open/x", "/"], "malformed_request"],
  ["a tunnel in the tunnel", ["-X", "CONNECT", "--request-target", "web.test:443", "/"], "malformed_request"],
];

for (const [name, args, code] of refusals) {
  test(`refused inside: ${name}`, async () => {
    const before = origin.seen.requests.length;
    const path = args.at(-1) ?? "";
    const told = await curl("--http1.1", ...args.slice(0, -1), `https://${authority()}${path}`);
    assert.equal(codeOf(told.output), code, told.output);
    assert.equal(origin.seen.requests.length, before);
  });
}

test("content that says it is too long is refused before anyone is asked; other content is cut off", async () => {
  const from = await world.quiet();
  const url = `https://${authority()}/open/x`;
  await curl("-H", "X-Version: 1", "-d", "x".repeat(1025), url);
  await curl("-H", "X-Version: 1", "-H", "Transfer-Encoding: chunked", "-d", "x".repeat(1025), url);
  const told = (await world.settled(from + 4)).slice(from).filter(({ start }) => start.action === "http.POST");
  assert.deepEqual(
    told.map((outcome) => (outcome.kind === "completed" ? outcome.kind : `${outcome.kind} ${outcome.reason}`)),
    ["refused request_too_large", "aborted request_too_large"],
  );
  assert.ok(told.every(({ facts }) => facts.bytesOut === 0));
});

test("a field that the rule asks for: missing, other, twice", async () => {
  const url = `https://${authority()}/open/x`;
  const none = await curl(url);
  const other = await curl("-H", "X-Version: 3", url);
  const twice = await curl("-H", "X-Version: 1", "-H", "X-Version: 2", url);
  const right = await curl("-H", "X-Version: 2", url);
  const codes = [none, other, twice].map(({ output }) => codeOf(output));
  assert.ok(
    codes.every((code) => code !== undefined),
    codes.join(),
  );
  assert.equal(right.output, "tls /open/x");
});

test("Python with every strictness it has, Node and OpenSSL take the leaf", async () => {
  const python = await run("python3", [
    "-c",
    `import http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
context.verify_flags |= ssl.VERIFY_X509_STRICT
connection = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[2]), context=context)
connection.set_tunnel("web.test", int(sys.argv[3]))
for path in ("/free/1", "/free/2"):
    connection.request("GET", path)
    print(connection.getresponse().read().decode())
`,
    world.caFile,
    String(world.port),
    String(origin.port),
  ]);
  assert.equal(python.output, "tls /free/1\ntls /free/2\n");

  const node = await world.secure(authority());
  node.write(`GET /free/x HTTP/1.1\r\nHost: ${authority()}\r\nConnection: close\r\n\r\n`);
  assert.match(String((await once(node, "data"))[0]), /^HTTP\/1\.1 200 OK/);
  assert.equal(node.getPeerCertificate().subjectaltname, "DNS:web.test");

  const openssl = await run(
    "openssl",
    [
      "s_client",
      "-proxy",
      `127.0.0.1:${world.port}`,
      "-connect",
      authority(),
      "-servername",
      "web.test",
      "-CAfile",
      world.caFile,
      "-x509_strict",
      "-verify_return_error",
      "-verify_hostname",
      "web.test",
    ],
    "",
  );
  assert.match(openssl.output, /Verify return code: 0 \(ok\)/);
});

test("the bundle holds the platform's roots besides", async () => {
  const told = await run("curl", [
    "-sS",
    "-x",
    `http://127.0.0.1:${world.port}`,
    "--cacert",
    world.bundleFile,
    `https://${authority()}/free/x`,
  ]);
  assert.equal(told.output, "tls /free/x");
  const count = await run("sh", ["-c", `grep -c BEGIN ${world.bundleFile}`]);
  assert.ok(Number(count.output) > 100);
});

test("an agent that does not trust the CA is on record as that", async () => {
  const from = await world.quiet();
  const told = await run("curl", ["-sS", "-x", `http://127.0.0.1:${world.port}`, `https://${authority()}/free/x`]);
  assert.equal(told.code, 60);
  const [outcome] = (await world.settled(from + 1)).slice(from);
  assert.equal(outcome?.kind, "aborted");
  assert.match(outcome?.kind === "aborted" ? (outcome.detail ?? "") : "", /does not trust this router's CA/);
});

const hellos: readonly (readonly [name: string, servername: string, reason: string])[] = [
  ["another name", "other.test", "sni_mismatch"],
  ["no name", "", "sni_missing"],
];
for (const [name, servername, reason] of hellos) {
  test(`the ClientHello with ${name} ends in an alert`, async () => {
    const from = await world.quiet();
    await assert.rejects(world.secure(authority(), { servername }));
    const [outcome] = (await world.settled(from + 1)).slice(from);
    assert.equal(outcome?.kind === "refused" ? outcome.reason : outcome?.kind, reason);
  });
}

/** An origin whose TLS is not to be trusted; what the agent is told. */
const untrusted: readonly (readonly [name: string, names: readonly string[], roots: boolean, told: RegExp])[] = [
  ["for another name", ["evil.test"], true, /upstream_invalid.*for another name/],
  ["of an unknown issuer", ["web.test"], false, /upstream_invalid.*no trusted root|upstream_invalid.*not trusted/],
];
for (const [name, names, roots, told] of untrusted) {
  test(`an origin's certificate ${name}: the agent's requests are told`, async () => {
    await using bad = await tlsOrigin(names);
    await using own = await inspectionWorld({
      allow: [
        `{ id: web, hosts: [web.test], addresses: ["127.0.0.1:${bad.port}"], ports: [${bad.port}], protocol: tls, inspect: true, http: { paths: ["/open/**"] } }`,
      ],
      ...(roots ? {} : { originRoots: world.ca }),
    });
    const proxy = ["-sS", "-x", `http://127.0.0.1:${own.port}`, "--cacert", own.caFile];
    const url = `https://web.test:${bad.port}`;
    const answer = await run("curl", [...proxy, `${url}/open/x`, `${url}/closed`]);
    assert.match(answer.output, told);
    assert.match(answer.output, /path_not_allowed/);
    assert.equal(bad.seen.requests.length, 0);
    assert.deepEqual(own.handshakes, ["origin upstream_invalid", "agent completed"]);
  });
}

test("an origin that speaks TLS 1.1 only, or none, is not spoken to", async () => {
  const { certificatePem, keyPem } = testCa().issue(["web.test"]);
  const old = createHttpsServer(
    { cert: certificatePem, key: keyPem, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
    (_request, response) => response.end("old"),
  );
  await new Promise<void>((resolve) => old.listen(0, "127.0.0.1", resolve));
  const { port } = old.address() as AddressInfo;
  await using own = await inspectionWorld({
    allow: [
      `{ id: web, hosts: [web.test], addresses: ["127.0.0.1:${port}"], ports: [${port}], protocol: tls, inspect: true, http: { paths: ["/**"] } }`,
    ],
  });
  const told = await run("curl", [
    "-sS",
    "-x",
    `http://127.0.0.1:${own.port}`,
    "--cacert",
    own.caFile,
    `https://web.test:${port}/x`,
  ]);
  assert.match(told.output, /upstream_invalid.*ERR_SSL_/);
  old.close();
});
