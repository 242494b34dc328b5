import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { auditRecords } from "../fakes/audit-records.ts";
import { type Origin, tcpOrigin } from "../fakes/origins.ts";
import { openTunnel, rawRequest } from "../fakes/raw-client.ts";
import { startSidecar } from "../fakes/sidecar.ts";
import { requirement } from "../require.ts";

let origin: Origin;
before(async () => {
  origin = await tcpOrigin((socket) => socket.on("data", (chunk: Buffer) => socket.write(chunk)));
});
after(async () => {
  await origin[Symbol.asyncDispose]();
});

function mountable(): boolean {
  const directory = mkdtempSync(join(tmpdir(), "sluice-mount-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", directory]).status === 0;
  if (mounted) spawnSync("umount", [directory]);
  rmSync(directory, { recursive: true });
  return mounted;
}

const tmpfs = requirement("tmpfs", mountable(), "needs leave to mount a tmpfs");

/** A sidecar whose audit directory is a tmpfs of its own. */
async function onTmpfs(size: string) {
  const directory = mkdtempSync(join(tmpdir(), "sluice-audit-"));
  const audit = join(directory, "audit");
  mkdirSync(audit);
  assert.equal(spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", audit]).status, 0);
  const sidecar = await startSidecar({
    directory,
    allow: [
      `{ id: a, hosts: [a.example], ports: [${origin.port}], addresses: ["127.0.0.1:${origin.port}"], protocol: tcp }`,
    ],
    hosts: { "a.example": ["127.0.0.1"] },
  });
  return {
    sidecar,
    audit,
    async [Symbol.asyncDispose]() {
      await sidecar[Symbol.asyncDispose]();
      spawnSync("umount", ["-l", audit]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const head = (): string => `CONNECT a.example:${origin.port} HTTP/1.1\r\nHost: a.example:${origin.port}\r\n\r\n`;

async function reasonNow(port: number): Promise<string> {
  const answer = await rawRequest(port, head(), { until: /\r\n\r\n/, quiet: 3_000 });
  return /^Sluice-Reason: (.*)\r$/m.exec(answer.text)?.[1] ?? answer.text.slice(9, 12);
}

async function untilReason(port: number, wanted: string): Promise<void> {
  const deadline = Date.now() + 8_000;
  let seen = "";
  while (seen !== wanted) {
    assert.ok(Date.now() < deadline, `still ${seen}, not ${wanted}`);
    seen = await reasonNow(port);
  }
}

test(
  "INV-AUDIT-STRICT: a full disk refuses with audit_unavailable, forwards nothing unrecorded, and recovers",
  tmpfs,
  async () => {
    await using place = await onTmpfs("4m");
    const { sidecar, audit } = place;
    (await openTunnel(sidecar.port, `a.example:${origin.port}`)).destroy();
    const { bavail, bsize } = statfsSync(audit);
    writeFileSync(join(audit, "ballast"), Buffer.alloc((bavail - 20) * bsize));
    let reached = origin.seen.connections;
    let allowed = 0;
    for (;;) {
      const reason = await reasonNow(sidecar.port);
      if (reason === "audit_unavailable") break;
      assert.equal(reason, "200");
      allowed += 1;
      assert.ok(allowed < 1_000, "the disk never filled");
    }
    assert.equal(origin.seen.connections - reached, allowed);
    reached = origin.seen.connections;
    for (let attempt = 0; attempt < 20; attempt += 1) assert.equal(await reasonNow(sidecar.port), "audit_unavailable");
    assert.equal(origin.seen.connections, reached);
    assert.equal((await fetch(`http://127.0.0.1:${sidecar.adminPort}/readyz`)).status, 503);

    rmSync(join(audit, "ballast"));
    await untilReason(sidecar.port, "200");
    const decisions = auditRecords(audit).filter(
      (record) => record.kind === "egress.decision" && record.decision === "allow",
    );
    assert.equal(decisions.length, origin.seen.connections, "each connection that the origin saw has its record");
    assert.ok(auditRecords(audit).some((record) => record.kind === "recovery"));
  },
);

test("INV-AUDIT-STRICT: a read-only audit directory refuses with audit_unavailable", tmpfs, async () => {
  await using place = await onTmpfs("4m");
  const { sidecar, audit } = place;
  // Files that are open for writing keep a mount from turning read-only: a full one stands in until the segment ends.
  spawnSync("mount", ["-o", "remount,ro", audit]);
  const readOnly = spawnSync("touch", [join(audit, "probe")]).status !== 0;
  const { blocks, bfree, bsize } = statfsSync(audit);
  if (!readOnly) {
    const full = ["-o", `remount,size=${(blocks - bfree) * bsize}`, audit];
    assert.equal(spawnSync("mount", full).status, 0);
  }
  await untilReason(sidecar.port, "audit_unavailable");
  const reached = origin.seen.connections;
  for (let attempt = 0; attempt < 5; attempt += 1) assert.equal(await reasonNow(sidecar.port), "audit_unavailable");
  assert.equal(origin.seen.connections, reached);
});
