/** What `helm test` runs in the image, here with this engine: it must be able to fail. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { startAdmissionServer } from "../../cluster/admission-server.ts";

const SCRIPT = readFileSync(join(import.meta.dirname, "../../../charts/sluice/files/controller-ready.mjs"), "utf8");

async function ask(readyz: string, webhook: string): Promise<{ readonly code: number; readonly said: string }> {
  const args = ["--input-type=module", "--eval", SCRIPT, readyz, webhook, "0"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], timeout: 20_000 });
  const [out, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: Number(code), said: out + errors };
}

async function admin(t: TestContext, status: number): Promise<string> {
  const server = createServer((_, response) => response.writeHead(status).end("certificate: failed"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/readyz`;
}

test("a controller that is ready and bears its name passes", async (t) => {
  await using webhook = await startAdmissionServer(["localhost"], () => ({ allowed: true }));
  const { code, said } = await ask(await admin(t, 200), `https://localhost:${webhook.port}/`);
  assert.equal(code, 0, said);
  assert.match(said, /The controller is ready/);
});

test("one that is not ready fails, and says why", async (t) => {
  await using webhook = await startAdmissionServer(["localhost"], () => ({ allowed: true }));
  const { code, said } = await ask(await admin(t, 503), `https://localhost:${webhook.port}/`);
  assert.equal(code, 1);
  assert.match(said, /answered 503: certificate: failed/);
});

test("one whose certificate is for another name fails", async (t) => {
  await using webhook = await startAdmissionServer(["another.example"], () => ({ allowed: true }));
  const { code, said } = await ask(await admin(t, 200), `https://localhost:${webhook.port}/`);
  assert.equal(code, 1);
  assert.match(said, /is for .*another\.example/);
});

test("one whose webhook port is closed fails", async (t) => {
  const { code, said } = await ask(await admin(t, 200), "https://localhost:1/");
  assert.equal(code, 1);
  assert.match(said, /ECONNREFUSED/);
});
