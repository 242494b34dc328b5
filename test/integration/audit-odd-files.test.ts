import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { auditRecords } from "../fakes/audit-records.ts";
import { type SidecarStarts, sidecarStarts } from "../fakes/sidecar-starts.ts";
import { openTunnel } from "../fakes/raw-client.ts";
import { tokenOrigin, tokenRules } from "../fakes/token-origin.ts";
import { eventually } from "../unit/edge/audit/log-fixture.ts";

const program = join(import.meta.dirname, "../../cli/sluice.ts");
const STREAM = "f".repeat(32);
const SEGMENT = `audit-99999998-${STREAM}.jsonl`;
const NOTE = `checkpoint-${STREAM}.note`;

/** A verb of `sluice audit` in a process of its own; undefined where it did not end in time. */
async function verb(...argv: readonly string[]): Promise<number | undefined> {
  const child = spawn(process.execPath, ["--max-old-space-size=128", program, "audit", ...argv], { stdio: "ignore" });
  const exit = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  const code = await exit;
  clearTimeout(timer);
  return code ?? undefined;
}

function fifo(path: string): void {
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
}

/** `starts`: writable, or refusing with a sentence, which /readyz gives. */
const oddities: readonly [name: string, file: string, make: (path: string) => void, starts: RegExp][] = [
  ["a FIFO named like a segment", SEGMENT, fifo, /\[\+\]audit ok/],
  ["a directory named like a segment", SEGMENT, (path) => mkdirSync(path), /\[\+\]audit ok/],
  ["a symlink to /dev/zero named like a segment", SEGMENT, (path) => symlinkSync("/dev/zero", path), /\[\+\]audit ok/],
  [
    "a symlink to nothing named like a segment",
    SEGMENT,
    (path) => symlinkSync("/nowhere/at/all", path),
    /\[\+\]audit ok/,
  ],
  ["a symlink to itself named like a segment", SEGMENT, (path) => symlinkSync(SEGMENT, path), /\[\+\]audit ok/],
  ["a segment without an octet", SEGMENT, (path) => writeFileSync(path, ""), /\[\+\]audit ok/],
  ["a segment that is one hole of a mebibyte", SEGMENT, (path) => sparse(path, 1 << 20), /\[\+\]audit ok/],
  [
    "a segment that is one hole of a tebibyte",
    SEGMENT,
    (path) => sparse(path, 2 ** 40),
    /\[-\]audit failed: The audit log may hold/,
  ],
  ["a FIFO named like a segment being made", `${SEGMENT}.new`, fifo, /\[\+\]audit ok/],
  ["a directory named like a segment being made", `${SEGMENT}.new`, (path) => mkdirSync(path), /\[\+\]audit ok/],
  ["a symlink to itself as a checkpoint", NOTE, (path) => symlinkSync(NOTE, path), /\[\+\]audit ok/],
];

function sparse(path: string, size: number): void {
  writeFileSync(path, "");
  truncateSync(path, size);
}

async function audit({ adminPort }: SidecarStarts): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz?verbose`);
  return (await answer.text()).split("\n").find((line) => line.includes("]audit ")) ?? "";
}

test("INV-AUDIT-FAIL-CLOSED: whatever lies in the directory, the router starts or refuses with a sentence, and no reader hangs", async (t) => {
  await using origin = await tokenOrigin();
  await using starts = await sidecarStarts({ ...tokenRules(origin.port), settings: ["limits: { drain: 100ms }"] });
  const { auditDirectory, port } = starts;
  for (const [name, file, make, expected] of oddities) {
    await t.test(name, { timeout: 20_000 }, async (t) => {
      // Each on a directory of its own.
      for (const entry of readdirSync(auditDirectory)) rmSync(join(auditDirectory, entry), { recursive: true });
      const odd = join(auditDirectory, file);
      make(odd);
      const started = starts.start();
      t.after(() => started.child.kill("SIGKILL"));
      assert.ok(await started.listening(), started.output());
      await eventually("it is up", () => started.output().includes('"listening"'));
      assert.match(await audit(starts), expected);
      const isOk = expected.source.includes("ok");
      const tunnel = await openTunnel(port, `tunnel.example:${origin.port}`).catch((error: unknown) => String(error));
      if (typeof tunnel === "string") assert.match(tunnel, /audit_unavailable/);
      else tunnel.destroy();
      assert.equal(typeof tunnel === "string", !isOk);
      const verbs = ["verify", "show", "tail"].filter((word) => word !== "tail" || !name.includes("tebibyte"));
      const exits = verbs.map((word) => verb(word, auditDirectory));
      for (const exit of await Promise.all(exits)) assert.ok(exit !== undefined, "it hangs");
      rmSync(odd, { recursive: true });
      if (!isOk) {
        let now = "";
        for (let tries = 0; tries < 300 && !now.includes("audit ok"); tries += 1) {
          now = await audit(starts);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        assert.match(now, /audit ok/, "once it is gone, the log is written");
      }
      started.child.kill("SIGTERM");
      assert.equal(await started.exited, 0);
      assert.equal(auditRecords(auditDirectory).at(-1)?.kind, "stop");
    });
  }
});
