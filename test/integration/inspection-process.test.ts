import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ProxyAgent, request } from "undici";
import { auditRecords } from "../fakes/audit-records.ts";
import { testCa } from "../fakes/origins.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";

/** The real process, with its CA and secrets in files, between clients and an origin that speaks both versions of HTTP. */
const directory = mkdtempSync(join(tmpdir(), "sluice-inspected-"));
const SECRET = "a-secret-of-the-origin";
let origin: Http2SecureServer;
let sidecar: Sidecar;
let port: number;

before(async () => {
  const { certificatePem, keyPem } = testCa().issue(["web.test"]);
  origin = createSecureServer({ cert: certificatePem, key: keyPem, allowHTTP1: true }, (asked, answer) => {
    const { authorization = "nobody" } = asked.headers;
    answer.end(
      `HTTP/${asked.httpVersion} ${asked.url} ${authorization === `Bearer ${SECRET}` ? "with the secret" : authorization}`,
    );
  });
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  ({ port } = origin.address() as AddressInfo);
  writeFileSync(join(directory, "roots.pem"), testCa().certificatePem);
  sidecar = await startSidecar({
    allow: [
      `{ id: web, hosts: [web.test], ports: [${port}], addresses: ["127.0.0.1:${port}"], protocol: tls, inspect: true, http: { methods: [GET, POST], paths: ["/open/**"], bodyBytes: 10 }, inject: [{ header: authorization, secret: token, prefix: "Bearer " }], limits: { connections: 1 } }`,
    ],
    hosts: { "web.test": ["127.0.0.1"] },
    secrets: { token: SECRET },
    settings: [`inspection: { directory: ${join(directory, "trust")}, caFile: ${join(directory, "roots.pem")} }`],
  });
});

after(async () => {
  await sidecar[Symbol.asyncDispose]();
  origin.close();
  rmSync(directory, { recursive: true, force: true });
});

async function run(program: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 20_000 }, (_error, out, problems) => resolve(out + problems));
  });
}

const url = (path: string): string => `https://web.test:${port}${path}`;
const proxied = (): readonly string[] => [
  "-sS",
  "--proxy",
  `http://127.0.0.1:${sidecar.port}`,
  "--cacert",
  join(directory, "trust/ca.pem"),
];

for (const [version, flag] of [
  ["1.1", "--http1.1"],
  ["2.0", "--http2"],
] as const) {
  test(`curl over HTTP/${version}: judged alone, injected, refused with the same reasons`, async () => {
    const told = await run("curl", ...proxied(), flag, "-w", "\n", url("/open/a"), url("/secret"), url("/open/b"));
    const [first = "", second = "", third = ""] = told.trim().split("\n");
    assert.equal(first, `HTTP/${version} /open/a with the secret`);
    assert.match(second, /"code":"path_not_allowed"/);
    assert.equal(third, `HTTP/${version} /open/b with the secret`);
    const long = await run("curl", ...proxied(), flag, "-d", "x".repeat(11), url("/open/c"));
    assert.match(long, /"code":"request_too_large"/);
  });
}

test("undici takes the CA that it is pointed to", async () => {
  const ca = readFileSync(join(directory, "trust/ca.pem"), "utf8");
  const agent = new ProxyAgent({ uri: `http://127.0.0.1:${sidecar.port}`, requestTls: { ca } });
  const answer = await request(url("/open/undici"), { dispatcher: agent });
  assert.match(await answer.body.text(), /^HTTP\/2\.0 \/open\/undici with the secret$/);
  await agent.close();
});

test("neither log nor audit holds the secret or the CA's key, and both say what was inspected", async () => {
  await run("curl", ...proxied(), url("/open/audit"));
  const status = (await (await fetch(`http://127.0.0.1:${sidecar.adminPort}/status`)).json()) as {
    readonly egress: { readonly inspection: { readonly fingerprint: string; readonly minted: number } };
  };
  assert.match(status.egress.inspection.fingerprint, /^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  assert.equal(status.egress.inspection.minted, 1);
  const metrics = await (await fetch(`http://127.0.0.1:${sidecar.adminPort}/metrics`)).text();
  assert.match(metrics, /inspection_handshakes_total\{[^}]*\} [1-9]/);
  sidecar.child.kill("SIGTERM");
  await once(sidecar.child, "exit");
  const records = auditRecords(sidecar.auditDirectory);
  assert.ok(records.some(({ target }) => String(target).includes("web.test")));
  const everything = JSON.stringify(records) + sidecar.output();
  assert.ok(!everything.includes(SECRET));
  assert.ok(!everything.includes("PRIVATE KEY"));
});
