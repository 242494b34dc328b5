import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { PARTS, profileOf, profileText } from "../../seccomp/profiles.ts";
import { auditRecords } from "../fakes/audit-records.ts";
import { fakeDns, type FakeDns } from "../fakes/dns-server.ts";
import { type ModelOrigin, startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy, PROVIDER_KEY } from "../fakes/model-policy.ts";
import { httpOrigin, type Origin, tcpOrigin, testCa, tlsOrigin } from "../fakes/origins.ts";
import { openTunnel, rawRequest } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { hostRoot, requireOci, runBundle } from "./oci.ts";

const need = requireOci();
const AT_ONCE = 40;

describe("INV-SECCOMP-ROUTER: the router does all its work under its profile", need, () => {
  let directory: string;
  let tls: Origin;
  let http: Origin;
  let tcp: Origin;
  let model: ModelOrigin;
  let dns: FakeDns;
  let sidecar: Sidecar;

  before(async () => {
    if (need.skip !== false) return;
    directory = mkdtempSync(join(tmpdir(), "sluice-seccomp-"));
    writeFileSync(join(directory, "router.json"), profileText("router"));
    tls = await tlsOrigin(["tls.example"]);
    http = await httpOrigin();
    tcp = await tcpOrigin((socket) => {
      socket.on("data", (chunk: Buffer) => socket.write(chunk));
      socket.on("end", () => socket.end());
    });
    model = await startModelOrigin();
    const here = { A: { addresses: ["127.0.0.1"] }, AAAA: { addresses: [] } };
    const names = ["tls.example", "web.example", "raw.example"];
    dns = await fakeDns(
      Object.fromEntries(
        names.flatMap((name) => [[`A ${name}`, here.A] as const, [`AAAA ${name}`, here.AAAA] as const]),
      ),
    );
    sidecar = await startSidecar({
      wrap: [process.execPath, join(import.meta.dirname, "contain.ts"), join(directory, "router.json")],
      allow: [
        `{ id: secure, hosts: [tls.example], ports: [${tls.port}], addresses: ["127.0.0.1:${tls.port}"] }`,
        `{ id: web, hosts: [web.example], ports: [${http.port}], addresses: ["127.0.0.1:${http.port}"], protocol: http }`,
        `{ id: raw, hosts: [raw.example], ports: [${tcp.port}], addresses: ["127.0.0.1:${tcp.port}"], protocol: tcp }`,
      ],
      settings: [`resolver: { servers: ["${dns.server}"] }`, "limits: { drain: 200ms }"],
      secrets: { "provider-key": PROVIDER_KEY },
      models: modelPolicy(model, { budgets: ["{ id: day, scope: pod, window: day, tokens: 1000000 }"] }),
    });
  });

  after(async () => {
    if (need.skip !== false) return;
    for (const each of [tls, http, tcp, model]) await each[Symbol.asyncDispose]();
    await dns.close();
    rmSync(directory, { recursive: true });
  });

  test("its process has the filter, no capability, and cannot gain any", async () => {
    // The container's first process is a grandchild of the wrapper: runc stays in between.
    const children = (of: string): readonly string[] =>
      readdirSync(`/proc/${of}/task`).flatMap((thread) =>
        readFileSync(`/proc/${of}/task/${thread}/children`, "utf8")
          .split(" ")
          .filter((each) => each !== ""),
      );
    const inside = children(String(sidecar.child.pid)).flatMap(children);
    assert.equal(inside.length, 1);
    const status = readFileSync(`/proc/${inside[0]}/status`, "utf8");
    assert.match(status, /^Seccomp:\t2$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^CapPrm:\t0+$/m);
  });

  test(`${AT_ONCE} tunnels, requests and calls at once, by names that it resolves, each with its durable record`, async () => {
    const secure = async () => {
      const socket = await openTunnel(sidecar.port, `tls.example:${tls.port}`);
      const client = connectTls({ socket, servername: "tls.example", ca: testCa().certificatePem });
      await once(client, "secureConnect");
      client.end("GET /hello HTTP/1.1\r\nHost: tls.example\r\nConnection: close\r\n\r\n");
      let text = "";
      for await (const chunk of client) text += String(chunk);
      assert.match(text, /tls \/hello/);
    };
    const raw = async () => {
      const socket = await openTunnel(sidecar.port, `raw.example:${tcp.port}`);
      socket.end(Buffer.alloc(300_000, 1));
      let octets = 0;
      for await (const chunk of socket) octets += (chunk as Buffer).length;
      assert.equal(octets, 300_000);
    };
    const plain = async () => {
      const host = `web.example:${http.port}`;
      const request = `GET http://${host}/x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      assert.match((await rawRequest(sidecar.port, request, { quiet: 10_000 })).text, /^HTTP\/1\.1 200 /);
    };
    const call = async (stream: boolean) => {
      const answer = await fetch(`http://127.0.0.1:${sidecar.agentPort}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "test-model", stream, messages: [{ role: "user", content: "hi" }] }),
      });
      assert.equal(answer.status, 200);
      assert.match(await answer.text(), /Hello|\[DONE\]/);
    };
    const work = Array.from({ length: AT_ONCE }, async (_, index) => {
      await Promise.all([secure(), raw(), plain(), call(index % 2 === 0)]);
    });
    await Promise.all(work);
    const allowed = auditRecords(sidecar.auditDirectory).filter((record) => record.decision === "allow");
    assert.equal(allowed.length >= 4 * AT_ONCE, true, String(allowed.length));
    assert.equal(dns.questions.length > 0, true);
  });

  test("a new policy is taken, metrics are read, and it ends in order", async () => {
    sidecar.publish([]);
    while (!/"version":2,.*policy loaded/.test(sidecar.output())) await new Promise((go) => setTimeout(go, 20));
    await assert.rejects(openTunnel(sidecar.port, `raw.example:${tcp.port}`));
    const metrics = await (await fetch(`http://127.0.0.1:${sidecar.adminPort}/metrics`)).text();
    assert.match(metrics, /sluice_egress_decisions_total\{[^}]*\} [1-9]/);
    sidecar.child.kill("SIGTERM");
    assert.equal(await sidecar.exited(), 0);
    assert.equal(auditRecords(sidecar.auditDirectory).at(-1)?.kind, "stop");
    await sidecar[Symbol.asyncDispose]();
  });

  test("no program can be started from it: not by fork, and in its place only by execve", async () => {
    const script = `
      const { spawnSync } = require("node:child_process");
      const ran = spawnSync("/bin/true");
      console.log(ran.error?.code, ran.status);
      new (require("node:worker_threads").Worker)("", { eval: true }).once("exit", (code) => console.log("thread", code));
    `;
    const bundle = { ...hostRoot(), args: [process.execPath, "-e", script] };
    assert.equal((await runBundle({ ...bundle, seccomp: profileOf(PARTS.router) })).stdout, "EPERM null\nthread 0\n");
    assert.equal((await runBundle(bundle)).stdout, "undefined 0\nthread 0\n");
  });
});
