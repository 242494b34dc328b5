import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { type Origin, tcpOrigin } from "../fakes/origins.ts";
import { openTunnel } from "../fakes/raw-client.ts";
import { egressPolicy, type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { testSigner, writeSigned, writeTrust } from "../fakes/signing.ts";
import { soonest } from "../fakes/soonest.ts";

let origin: Origin;
const rule = (name: string): string =>
  `{ id: ${name}, hosts: [${name}.example], ports: [${origin.port}], addresses: ["127.0.0.1:${origin.port}"], protocol: tcp }`;
const hosts = { "a.example": ["127.0.0.1"], "b.example": ["127.0.0.1"] };

before(async () => {
  origin = await tcpOrigin((socket) => {
    socket.on("data", (chunk: Buffer) => socket.write(chunk));
    socket.on("end", () => socket.end());
  });
});
after(async () => {
  await origin[Symbol.asyncDispose]();
});

async function start(): Promise<Sidecar> {
  return startSidecar({ allow: [rule("a"), rule("b")], hosts });
}

const tunnel = async (sidecar: Sidecar, name: string): Promise<Socket> => {
  const socket = await openTunnel(sidecar.port, `${name}.example:${origin.port}`);
  socket.resume();
  return socket;
};

async function refused(sidecar: Sidecar, name: string): Promise<string> {
  try {
    (await tunnel(sidecar, name)).destroy();
    return "allowed";
  } catch (error) {
    return /Sluice-Reason: (\S+)/.exec(String(error))?.[1] ?? String(error);
  }
}

async function status(
  sidecar: Sidecar,
): Promise<{ policy: { state: string; version: number; condition: { problems?: { code: string }[] } } }> {
  return (await (await fetch(`http://127.0.0.1:${sidecar.adminPort}/status`)).json()) as never;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 6_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `still waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function echoes(socket: Socket, text: string): Promise<boolean> {
  socket.write(text);
  const [chunk] = (await once(socket, "data")) as [Buffer];
  return chunk.toString() === text;
}

describe("reload", () => {
  test("INV-RELOAD-1: a tunnel that lost its rule is cut within 100 ms of the swap, the others go on", async () => {
    await using sidecar = await start();
    const kept = await Promise.all(Array.from({ length: 50 }, async () => tunnel(sidecar, "b")));
    let tries = 0;
    const cut = await soonest(101, async () => {
      if (tries > 0) sidecar.publish([rule("a"), rule("b")]);
      tries += 1;
      await until("a is allowed", async () => (await refused(sidecar, "a")) === "allowed");
      const lost = await Promise.all(Array.from({ length: 50 }, async () => tunnel(sidecar, "a")));
      let last = 0;
      const closed = Promise.all(
        lost.map(
          async (socket) =>
            new Promise<void>((resolve) => {
              socket.on("close", () => {
                last = Date.now();
                resolve();
              });
            }),
        ),
      );
      const before = auditRecords(sidecar.auditDirectory).length;
      sidecar.publish([rule("b")]);
      await closed;
      const swapped = await auditRecord(
        sidecar.auditDirectory,
        (record) => record.kind === "policy.load" && record.seq >= before,
      );
      return last - Date.parse(String((swapped as unknown as { time: string }).time));
    });
    assert.ok(cut <= 100, `cut ${cut} ms after the swap`);
    assert.equal(await refused(sidecar, "a"), "host_not_allowed");
    for (const socket of kept) assert.ok(await echoes(socket, "still here"));
    for (const socket of kept) socket.destroy();
    const end = await auditRecord(
      sidecar.auditDirectory,
      (record) => record.kind === "egress.end" && record.rule === "a" && record.reason !== null,
    );
    assert.equal(end.reason, "host_not_allowed");
  });

  test("a ConfigMap swap (..data) is followed", async () => {
    const sidecar = await start();
    await using _ = sidecar;
    const directory = sidecar.policyDirectory;
    const publish = (version: number, allow: readonly string[]): void => {
      const inside = join(directory, `..v${version}`);
      writeSigned(inside, "egress.yaml", egressPolicy(version, allow), sidecar.signer);
      symlinkSync(`..v${version}`, join(directory, "..data_tmp"));
      renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
      for (const name of ["egress.yaml", "egress.yaml.sigstore.json"]) {
        const link = join(directory, name);
        rmSync(link);
        symlinkSync(`..data/${name}`, link);
      }
    };
    publish(5, [rule("a")]);
    await until("version 5", async () => (await status(sidecar)).policy.version === 5);
    assert.equal(await refused(sidecar, "b"), "host_not_allowed");
    publish(6, [rule("b")]);
    await until("version 6", async () => (await status(sidecar)).policy.version === 6);
    assert.equal(await refused(sidecar, "b"), "allowed");
  });

  const bad: readonly (readonly [name: string, code: string, spoil: (sidecar: Sidecar) => void])[] = [
    [
      "an unsigned policy",
      "unsigned",
      ({ policyDirectory }) => {
        unlinkSync(join(policyDirectory, "egress.yaml.sigstore.json"));
        writeFileSync(join(policyDirectory, "egress.yaml"), egressPolicy(9, []));
      },
    ],
    [
      "a changed octet",
      "digest_mismatch",
      ({ policyDirectory }) => {
        const file = join(policyDirectory, "egress.yaml");
        writeFileSync(file, readFileSync(file, "utf8").replace("a.example", "x.example"));
      },
    ],
    [
      "somebody else's signature",
      "signer_unknown",
      ({ policyDirectory }) => writeSigned(policyDirectory, "egress.yaml", egressPolicy(9, []), testSigner()),
    ],
    [
      "a lower version",
      "rolled_back",
      ({ policyDirectory, signer }) => {
        writeSigned(policyDirectory, "egress.yaml", egressPolicy(1, []), signer);
      },
    ],
    [
      "another audience",
      "wrong_audience",
      ({ policyDirectory, signer }) =>
        writeSigned(policyDirectory, "egress.yaml", egressPolicy(9, []).replace("[test]", "[other]"), signer),
    ],
    [
      "another name",
      "renamed",
      ({ policyDirectory, signer }) =>
        writeSigned(policyDirectory, "egress.yaml", egressPolicy(9, []).replace("name: test", "name: other"), signer),
    ],
    [
      "an expired policy",
      "expired",
      ({ policyDirectory, signer }) =>
        writeSigned(
          policyDirectory,
          "egress.yaml",
          egressPolicy(9, [])
            .replace(/expiresAt: .*/, 'expiresAt: "2026-01-02T00:00:00Z"')
            .replace(/issuedAt: .*/, 'issuedAt: "2026-01-01T00:00:00Z"'),
          signer,
        ),
    ],
    [
      "a policy that does not parse",
      "unknown_key",
      ({ policyDirectory, signer }) =>
        writeSigned(
          policyDirectory,
          "egress.yaml",
          egressPolicy(9, []).replace("mode: enforce", "mode: enforce\n  modes: 1"),
          signer,
        ),
    ],
    [
      "an empty directory",
      "policy_absent",
      ({ policyDirectory }) => {
        for (const name of ["egress.yaml", "egress.yaml.sigstore.json"]) unlinkSync(join(policyDirectory, name));
      },
    ],
    [
      "trap 1.1: a second policy",
      "policy_twice",
      ({ policyDirectory, signer }) => writeSigned(policyDirectory, "more.yaml", egressPolicy(9, []), signer),
    ],
  ];
  for (const [name, code, spoil] of bad) {
    test(`INV-RELOAD-2: ${name} keeps the last good snapshot and shows Degraded (${code})`, async () => {
      await using sidecar = await start();
      sidecar.publish([rule("a")]);
      await until("version 2", async () => (await status(sidecar)).policy.version === 2);
      const socket = await tunnel(sidecar, "a");
      spoil(sidecar);
      await until("degraded", async () => (await status(sidecar)).policy.state === "degraded");
      await until(code, async () =>
        ((await status(sidecar)).policy.condition.problems ?? []).some((problem) => problem.code.includes(code)),
      );
      assert.equal((await status(sidecar)).policy.version, 2);
      assert.equal(await refused(sidecar, "a"), "allowed");
      assert.ok(await echoes(socket, "untouched"));
      socket.destroy();
      assert.equal((await fetch(`http://127.0.0.1:${sidecar.adminPort}/readyz`)).status, 200);
      await auditRecord(sidecar.auditDirectory, (record) => record.kind === "policy.refused");
    });
  }

  test("trap 1.4: INV-TRUST-ROLLBACK: the high-water mark survives a restart, and no version before it is taken", async () => {
    const first = await start();
    first.publish([rule("a")]);
    await until("version 2", async () => (await status(first)).policy.version === 2);
    const { directory, signer } = first;
    first.child.kill("SIGKILL");
    await first.exited();
    // startSidecar writes version 1 again, rightly signed: it must not be taken.
    const again = { allow: [rule("a"), rule("b")], hosts, directory, signer };
    let said = "";
    // On a busy machine three seconds may be too short for it to say anything at all.
    for (const readyWithin of [3_000, 15_000]) {
      said = await startSidecar({ ...again, readyWithin }).then(async (taken) => {
        await taken[Symbol.asyncDispose]();
        return "ready";
      }, String);
      if (said === "ready" || said.includes("rolled_back")) break;
    }
    assert.match(said, /rolled_back/);
    rmSync(directory, { recursive: true, force: true });
  });

  test("INV-TRUST-WITHDRAWN: a policy falls with the trust in its signer", async () => {
    await using sidecar = await start();
    const socket = await tunnel(sidecar, "a");
    const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    writeTrust(join(sidecar.directory, "trust"), testSigner());
    await closed;
    assert.equal(await refused(sidecar, "a"), "policy_missing");
    assert.equal((await fetch(`http://127.0.0.1:${sidecar.adminPort}/readyz`)).status, 503);
  });

  test("at its end the policy denies, and what is open is cut", async () => {
    await using sidecar = await start();
    const soon = new Date(Date.now() + 4_000).toISOString();
    writeSigned(
      sidecar.policyDirectory,
      "egress.yaml",
      egressPolicy(3, [rule("a")]).replace(/expiresAt: .*/, `expiresAt: "${soon}"`),
      sidecar.signer,
    );
    await until("version 3", async () => (await status(sidecar)).policy.version === 3);
    const socket = await tunnel(sidecar, "a");
    await new Promise<void>((resolve) => socket.on("close", () => resolve()));
    assert.equal(await refused(sidecar, "a"), "policy_expired");
  });
});

describe("life of the process", () => {
  test("a broken configuration exits 64 with every problem and binds nothing", async () => {
    const { spawnSync } = await import("node:child_process");
    const run = spawnSync(
      process.execPath,
      ["cli/sluice.ts", "run", "--audit-mode", "sometimes", "--limits-idle", "5 parsecs", "--no-such", "1"],
      {
        encoding: "utf8",
        cwd: join(import.meta.dirname, "../.."),
      },
    );
    assert.equal(run.status, 64);
    for (const part of ["--audit-mode", "--limits-idle", "--no-such", "identity"])
      assert.ok(run.stderr.includes(part), run.stderr);
  });

  test("SIGTERM drains: no new exchange, open ones may end, exit 0", async () => {
    const sidecar = await start();
    await using _ = sidecar;
    const socket = await tunnel(sidecar, "a");
    sidecar.child.kill("SIGTERM");
    await until("not ready", async () => {
      const response = await fetch(`http://127.0.0.1:${sidecar.adminPort}/readyz`).catch(() => undefined);
      return response === undefined || response.status === 503;
    });
    assert.ok(await echoes(socket, "while draining"));
    socket.end();
    assert.equal(await sidecar.exited(), 0);
    await auditRecord(sidecar.auditDirectory, (record) => record.kind === "stop");
  });
});
