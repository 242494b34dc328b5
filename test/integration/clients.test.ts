import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ProxyAgent, request } from "undici";
import { httpOrigin, type Origin, testCa, tlsOrigin } from "../fakes/origins.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { requirement } from "../require.ts";

let tls: Origin;
let http: Origin;
let sidecar: Sidecar;
let directory: string;
let caFile: string;

before(async () => {
  tls = await tlsOrigin(["tls.example"]);
  http = await httpOrigin();
  sidecar = await startSidecar({
    allow: [
      `{ id: secure, hosts: [tls.example], ports: [${tls.port}], addresses: ["127.0.0.1:${tls.port}"] }`,
      `{ id: web, hosts: [web.example], ports: [${http.port}], addresses: ["127.0.0.1:${http.port}"], protocol: http }`,
    ],
    hosts: { "tls.example": ["127.0.0.1"], "web.example": ["127.0.0.1"] },
  });
  directory = mkdtempSync(join(tmpdir(), "sluice-clients-"));
  caFile = join(directory, "ca.pem");
  writeFileSync(caFile, testCa().certificatePem);
});
after(async () => {
  for (const part of [sidecar, tls, http]) await part?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

async function run(
  program: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const proxy = `http://127.0.0.1:${sidecar.port}`;
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      {
        env: {
          PATH: process.env["PATH"],
          HTTP_PROXY: proxy,
          http_proxy: proxy,
          HTTPS_PROXY: proxy,
          https_proxy: proxy,
          SSL_CERT_FILE: caFile,
        },
      },
      (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : 1, stdout, stderr }),
    );
  });
}

const curl = requirement("curl", spawnSync("curl", ["--version"]).status === 0, "needs curl");
const python = requirement("python3", spawnSync("python3", ["--version"]).status === 0, "needs python3");

test("curl through the proxy variables", curl, async () => {
  const secure = await run("curl", ["-sS", "--cacert", caFile, `https://tls.example:${tls.port}/c`]);
  assert.equal(secure.stdout, "tls /c", secure.stderr);
  const plain = await run("curl", ["-sS", "-d", "x=1", `http://web.example:${http.port}/c`]);
  assert.equal(plain.stdout, "http /c x=1", plain.stderr);
  const large = await run("curl", [
    "-sS",
    "-H",
    "Expect: 100-continue",
    "-d",
    "y".repeat(100_000),
    `http://web.example:${http.port}/l`,
  ]);
  assert.equal(large.stdout.length, "http /l ".length + 100_000, large.stderr);
  const chunked = await run("curl", [
    "-sS",
    "-H",
    "Transfer-Encoding: chunked",
    "-d",
    "z=1",
    `http://web.example:${http.port}/k`,
  ]);
  assert.equal(chunked.stdout, "http /k z=1", chunked.stderr);
  const refused = await run("curl", ["-sS", "--cacert", caFile, "https://evil.example/"]);
  assert.equal(refused.code, 56);
  assert.match(refused.stderr, /403/);
  // Its first request on a connection in clear asks for an upgrade to h2c.
  const clear2 = await run("curl", ["-sS", "--http2", "-d", "h=2", `http://web.example:${http.port}/h2c`]);
  assert.equal(clear2.stdout, "http /h2c h=2", clear2.stderr);
  const tunnelled = await run("curl", [
    "-sS",
    "-p",
    `http://web.example:${http.port}/a`,
    `http://web.example:${http.port}/b`,
  ]);
  assert.equal(tunnelled.stdout, "http /a http /b ", tunnelled.stderr);
  const http2 = await run("curl", ["-sS", "--http2", "--cacert", caFile, `https://tls.example:${tls.port}/h2`]);
  assert.equal(http2.stdout, "tls /h2", http2.stderr);
});

test("Python's urllib through the proxy variables", python, async () => {
  const script = [
    "import sys, urllib.request, urllib.error",
    "print(urllib.request.urlopen(sys.argv[1]).read().decode())",
    "print(urllib.request.urlopen(sys.argv[2]).read().decode())",
    "try: urllib.request.urlopen('https://evil.example/')",
    "except Exception as error: print(error)",
  ].join("\n");
  const ran = await run("python3", [
    "-c",
    script,
    `https://tls.example:${tls.port}/p`,
    `http://web.example:${http.port}/p`,
  ]);
  const [secure, plain, refused] = ran.stdout.split("\n");
  assert.equal(secure, "tls /p", ran.stderr);
  assert.equal(plain, "http /p ");
  assert.match(refused ?? "", /403 Forbidden \(sluice: host_not_allowed\)/);
});

test("undici's ProxyAgent, tunnelled and not", async () => {
  for (const proxyTunnel of [true, false]) {
    const dispatcher = new ProxyAgent({
      uri: `http://127.0.0.1:${sidecar.port}`,
      proxyTunnel,
      requestTls: { ca: testCa().certificatePem },
    });
    const secure = await request(`https://tls.example:${tls.port}/u`, { dispatcher });
    assert.equal(await secure.body.text(), "tls /u");
    for (let turn = 0; turn < 3; turn += 1) {
      const plain = await request(`http://web.example:${http.port}/u`, { dispatcher, method: "POST", body: "body" });
      assert.equal(await plain.body.text(), "http /u body");
    }
    await assert.rejects(request("https://evil.example/", { dispatcher }));
    await dispatcher.close();
  }
});

test("Node's own fetch, by NODE_USE_ENV_PROXY", async () => {
  const script = `
    const one = await fetch("https://tls.example:${tls.port}/n"); console.log(await one.text());
    const two = await fetch("http://web.example:${http.port}/n"); console.log(await two.text());
    try { await fetch("https://evil.example/"); } catch { console.log("refused"); }`;
  const proxy = `http://127.0.0.1:${sidecar.port}`;
  const ran = await new Promise<string>((resolve) => {
    execFile(
      process.execPath,
      ["--input-type=module", "-e", script],
      { env: { NODE_USE_ENV_PROXY: "1", HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NODE_EXTRA_CA_CERTS: caFile } },
      (_error, stdout, stderr) => resolve(stdout + stderr),
    );
  });
  assert.equal(ran, "tls /n\nhttp /n \nrefused\n");
});
