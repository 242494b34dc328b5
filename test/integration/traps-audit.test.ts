import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { listSegments } from "../../router/edge/audit/read-segments.ts";
import { verifyLog } from "../../router/edge/audit/verify-log.ts";
import { cardSigner } from "../fakes/agent-card.ts";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { httpOrigin } from "../fakes/origins.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { startSidecar } from "../fakes/sidecar.ts";
import { requirement } from "../require.ts";

/** What the reference's audit log gets wrong in a whole process (research section 1.4), each with what happens here. */
const SETTINGS = ["limits: { drain: 200ms }"];
const CONNECT = "CONNECT no.example:443 HTTP/1.1\r\nHost: no.example:443\r\n\r\n";

test(
  "trap 1.4: what /status says of the log it knows: nothing of it is read again",
  requirement("proc", existsSync("/proc/self/io"), "it counts what a process reads"),
  async () => {
    await using sidecar = await startSidecar({ allow: [], settings: SETTINGS });
    for (let wave = 0; wave < 20; wave += 1) {
      await Promise.all(Array.from({ length: 20 }, () => rawRequest(sidecar.port, CONNECT)));
    }
    const refused = (): number =>
      auditRecords(sidecar.auditDirectory).filter(({ target }) => target === "no.example:443").length;
    for (const deadline = Date.now() + 15_000; refused() < 400;) {
      assert.ok(Date.now() < deadline, `${refused()} records`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const [segment = ""] = await listSegments(sidecar.auditDirectory);
    const read = (): number => {
      const [, octets = ""] = /^rchar: ([0-9]+)$/m.exec(readFileSync(`/proc/${sidecar.child.pid}/io`, "utf8")) ?? [];
      return Number(octets);
    };
    const before = read();
    for (let count = 0; count < 20; count += 1) {
      const answer = await fetch(`http://127.0.0.1:${sidecar.adminPort}/status`);
      const { audit } = (await answer.json()) as { audit: { records: number } };
      assert.ok(audit.records >= 400, `${audit.records}`);
    }
    const size = statSync(segment).size;
    assert.ok(size > 100_000, `${size}`);
    assert.ok(read() - before < size, `${read() - before} octets were read, of a log of ${size}`);
  },
);

test("trap 1.4: a peer's trust that changes is in the chain on disk, in its place, also over a kill and a restart", async () => {
  await using origin = await httpOrigin();
  const { kid, algorithm, spki } = cardSigner("EdDSA", "k1").key;
  const at = `127.0.0.1:${origin.port}`;
  const options = {
    allow: [`{ id: peer, addresses: ["${at}"], protocol: http }`],
    governance: [
      "delegate: [egress]",
      "rules: [{ id: mesh, effect: allow, actions: [mesh.send] }]",
      "trust:",
      "  rates: { initial: 595, reward: 10, penalty: 50, perHour: 100, decay: 0 }",
      `  peers: [{ id: near, keys: [{ kid: ${kid}, algorithm: ${algorithm}, spki: "${spki}" }], endpoints: ["${at}"], addresses: ["${at}"] }]`,
      "  graph: [{ from: self, to: near }]",
    ],
    settings: SETTINGS,
  };
  const get = `GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\nConnection: close\r\n\r\n`;
  const first = await startSidecar(options);
  await rawRequest(first.port, get);
  const { seq } = await auditRecord(
    first.auditDirectory,
    ({ kind, action }) => kind === "governance.alert" && action === "trust",
  );
  assert.ok(seq > 0);
  first.child.kill("SIGKILL");
  await first.exited();

  const { directory, signer } = first;
  await using second = await startSidecar({ allow: [], settings: SETTINGS, directory, signer, again: true });
  await rawRequest(second.port, CONNECT);
  await auditRecord(second.auditDirectory, ({ target }) => target === "no.example:443");
  const records = auditRecords(second.auditDirectory);
  assert.equal(records.filter(({ action }) => action === "trust").length, 1);
  // Each start is a stream of its own, in segments of its own, and says which one it follows.
  const begins = records.flatMap(({ kind, action, seq: number }) =>
    kind === "segment" ? [`${action} ${number}`] : [],
  );
  assert.deepEqual(begins, ["begin 0", "begin 0"]);
  assert.equal((await listSegments(second.auditDirectory)).length, 2);
  const { damage, streams } = await verifyLog(await listSegments(second.auditDirectory));
  assert.deepEqual([damage, streams], [undefined, 2]);
});

test("trap 1.4: a policy that a restart finds broken is none: nothing is ready until the good one is there again", async () => {
  const options = { allow: ["{ id: a, hosts: [a.example], ports: [443] }"], settings: SETTINGS };
  const first = await startSidecar(options);
  const { directory, signer, policyDirectory } = first;
  first.child.kill("SIGKILL");
  await first.exited();
  const file = join(policyDirectory, "egress.yaml");
  const good = readFileSync(file);
  const again = { allow: [], settings: SETTINGS, directory, signer, again: true } as const;
  writeFileSync(file, `${good.toString()}# changed\n`);
  await assert.rejects(startSidecar({ ...again, readyWithin: 10_000 }), /digest_mismatch/);
  writeFileSync(file, good);
  await using last = await startSidecar(again);
  const { text } = await rawRequest(last.port, CONNECT);
  assert.match(text, /host_not_allowed/);
});
