import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test, type TestContext } from "node:test";
import { auditRecords } from "../fakes/audit-records.ts";
import { type Origin, tcpOrigin } from "../fakes/origins.ts";
import { uncovered, verifyPrinted } from "../fakes/printed-heads.ts";
import { type Sidecar, type SidecarOptions, startSidecar } from "../fakes/sidecar.ts";
import { type TokenLoad, tokenLoad } from "../fakes/token-load.ts";
import { type TokenOrigin, tokenOrigin, tokenRules } from "../fakes/token-origin.ts";
import { atRest } from "../fakes/until.ts";
import { requirement } from "../require.ts";
import { eventually } from "../unit/edge/audit/log-fixture.ts";

function run(program: string, ...options: readonly string[]): boolean {
  return spawnSync(program, options).status === 0;
}

function mountable(...options: readonly string[]): boolean {
  return run("unshare", "-m", "mount", ...options, tmpdir());
}

/** An ext4 file system in a file: a disk that can be frozen, and shut down, as no tmpfs can. */
function makeDisk(file: string): boolean {
  return run("truncate", "-s", "32M", file) && run("mkfs.ext4", "-q", "-F", "-m", "0", file);
}

function haveDisk(): boolean {
  const directory = mkdtempSync(join(tmpdir(), "sluice-disk-"));
  const image = join(directory, "image");
  try {
    return makeDisk(image) && run("fsfreeze", "--version") && run("python3", "-V") && mountable("-o", "loop", image);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const tmpfs = requirement("tmpfs", mountable("-t", "tmpfs", "none"), "needs leave to mount a tmpfs");
const disk = requirement("loop", haveDisk(), "needs leave to mount an ext4 image, and fsfreeze and python3");

let origin: TokenOrigin;
/** It takes connections and never says a word. */
let silent: Origin;
before(async () => {
  origin = await tokenOrigin();
  silent = await tcpOrigin(() => undefined);
});
after(async () => {
  await origin[Symbol.asyncDispose]();
  await silent[Symbol.asyncDispose]();
});

interface Place {
  readonly sidecar: Sidecar;
  readonly load: TokenLoad;
}

/** A sidecar under load, whose audit directory `mount` has made. */
async function place(
  t: TestContext,
  mount: (audit: string, directory: string) => boolean,
  options: Partial<SidecarOptions> = {},
): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-disk-"));
  const audit = join(directory, "audit");
  mkdirSync(audit);
  const closers: (() => Promise<void>)[] = [];
  t.after(async () => {
    // Whatever hangs must go on, or nothing can end.
    run("fsfreeze", "-u", audit);
    for (const close of closers.toReversed()) await close();
    while (run("umount", "-l", audit));
    rmSync(directory, { recursive: true, force: true });
  });
  assert.ok(mount(audit, directory));
  const sidecar = await startSidecar({
    ...tokenRules(origin.port),
    directory,
    audit: ["checkpoint: { records: 50, interval: 20ms }"],
    settings: ["limits: { drain: 200ms }"],
    ...options,
  });
  closers.push(async () => sidecar[Symbol.asyncDispose]());
  const load = tokenLoad(sidecar.port, origin.port, 16);
  closers.push(load.stop);
  await eventually("it works", () => load.answered.size > 50);
  return { sidecar, load };
}

const refusals = ({ refused }: TokenLoad): number => refused.get("audit_unavailable") ?? 0;

async function readyz({ adminPort }: Sidecar): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz?verbose`);
  return `${answer.status} ${await answer.text()}`;
}

/** Nothing goes through any more, and the sidecar says why. */
async function closedFor({ sidecar, load }: Place, why: RegExp): Promise<void> {
  await eventually("it refuses", () => refusals(load) > 0);
  // What was dialled before may still arrive.
  const connections = await atRest(() => origin.connections, 200);
  const before = refusals(load);
  await eventually("it refuses everybody", () => refusals(load) > before + 20);
  assert.equal(origin.connections, connections);
  assert.match(await readyz(sidecar), why);
}

async function openAgain({ sidecar, load }: Place): Promise<void> {
  const answered = load.answered.size;
  const deadline = performance.now() + 10_000;
  while (load.answered.size <= answered + 20) {
    assert.ok(performance.now() < deadline, await readyz(sidecar));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function stop({ sidecar, load }: Place): Promise<void> {
  await load.stop();
  sidecar.child.kill("SIGTERM");
  assert.equal(await sidecar.exited(), 0);
}

/** Holds what the origins saw and what was printed against what is on the disk. */
async function settle({ sidecar, load }: Place, directory = sidecar.auditDirectory): Promise<void> {
  const records = auditRecords(directory);
  const recorded = new Set(
    records
      .filter(({ kind, decision }) => kind === "egress.decision" && decision === "allow")
      .map(({ detail }) => detail["trace"]),
  );
  const unrecorded = [...load.answered].filter((token) => !recorded.has(token) || !origin.tokens.has(token));
  assert.deepEqual(unrecorded, []);
  const kinds = new Set(records.map(({ kind }) => kind));
  assert.ok(kinds.has("gap") && kinds.has("recovery"));
  const verdict = await verifyPrinted(sidecar.output(), directory);
  assert.deepEqual([verdict.exit, verdict.report?.damage, uncovered(verdict)], [4, undefined, []]);
}

test(
  "INV-AUDIT-STRICT: a disk that runs full in the middle of a batch: no head covers what was cut, and it goes on",
  tmpfs,
  async (t) => {
    const here = await place(t, (audit) => run("mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", audit));
    const { auditDirectory } = here.sidecar;
    const ballast = join(auditDirectory, "ballast");
    for (let round = 0; round < 3; round += 1) {
      const { bavail, bsize } = statfsSync(auditDirectory);
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail - 15) * bsize));
      here.load.refused.clear();
      await closedFor(here, /^503 [^]*\[-\]audit failed/);
      rmSync(ballast);
      await openAgain(here);
    }
    await stop(here);
    await settle(here);
  },
);

test(
  "INV-AUDIT-STRICT: a directory that becomes read-only under load refuses, and goes on once it is writable",
  tmpfs,
  async (t) => {
    const here = await place(t, (audit) => run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", audit));
    const { auditDirectory } = here.sidecar;
    // The kernel makes no mount read-only while a file on it is open for writing: another one is put before it.
    assert.equal(run("mount", "-o", "remount,ro", auditDirectory), false);
    assert.ok(run("mount", "-t", "tmpfs", "-o", "ro,size=4k", "tmpfs", auditDirectory));
    await closedFor(here, /^503 [^]*\[-\]audit failed[^]*read-only/i);
    assert.ok(run("umount", auditDirectory));
    await openAgain(here);
    await stop(here);
    await settle(here);
  },
);

test(
  "INV-AUDIT-DURABLE: a disk that dies (EIO) is refused, holds all that was acknowledged, and another one goes on",
  disk,
  async (t) => {
    const images: string[] = [];
    const mount = (image: string | undefined, audit: string): boolean => run("mount", "-o", "loop", image ?? "", audit);
    const here = await place(t, (audit, directory) => {
      images.push(join(directory, "image-1"), join(directory, "image-2"));
      return images.every(makeDisk) && mount(images[0], audit);
    });
    const { auditDirectory, directory } = here.sidecar;
    // EXT4_IOC_SHUTDOWN without a last flush of its journal: what is left is what a power cut would leave.
    const shutdown =
      "import fcntl,os,struct,sys;fcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),0x8004587D,struct.pack('I',2))";
    assert.ok(run("python3", "-c", shutdown, auditDirectory));
    await closedFor(here, /^503 [^]*\[-\]audit failed: EIO/);
    assert.ok(mount(images[1], auditDirectory), "another disk in its place");
    await openAgain(here);
    await stop(here);

    const joined = join(directory, "joined");
    cpSync(auditDirectory, joined, { recursive: true, filter: (name) => !name.endsWith("lost+found") });
    const [header] = auditRecords(joined);
    const previous = header?.detail["previous"] as { file: string; bytes: number; ended: string };
    assert.equal(previous.ended, "failed");
    while (run("umount", auditDirectory));
    assert.ok(mount(images[0], auditDirectory));
    const first = join(joined, previous.file);
    cpSync(join(auditDirectory, previous.file), first);
    assert.ok(statSync(first).size >= previous.bytes, "all that was durable is there");
    // The writer cuts what it did not acknowledge, where the disk lets it.
    truncateSync(first, previous.bytes);
    await settle(here, joined);
  },
);

test(
  "INV-AUDIT-FAIL-CLOSED: a frozen disk under load is refused after its deadline, and nothing is lost once it answers",
  disk,
  async (t) => {
    const here = await place(t, (audit, directory) => {
      const image = join(directory, "image");
      return makeDisk(image) && run("mount", "-o", "loop", image, audit);
    });
    const { auditDirectory } = here.sidecar;
    assert.ok(run("fsfreeze", "-f", auditDirectory));
    const began = performance.now();
    await closedFor(here, /^503 [^]*The disk did not answer within 2000 ms/);
    const took = performance.now() - began;
    assert.ok(took < 8_000, `${took} ms`);
    assert.ok(run("fsfreeze", "-u", auditDirectory));
    await openAgain(here);
    await stop(here);
    await settle(here);
  },
);

test("INV-AUDIT-FAIL-CLOSED: with disk, sink and witness hanging the sidecar answers, drains and closes in time", async (t) => {
  const endpoint = `http://127.0.0.1:${silent.port}`;
  const key = "witness.example+d2eb50ba+BF4jU6RyNPy1QOE6eSR4zPCJkdRLC54nQYBacjfN87XR";
  const hook = pathToFileURL(join(import.meta.dirname, "../fakes/hanging-disk.ts")).href;
  const here = await place(t, () => true, {
    nodeFlags: ["--import", hook],
    audit: [
      `checkpoint: { interval: 20ms, witnesses: [{ url: "${endpoint}", key: "${key}" }] }`,
      `exports: [{ name: hook, kind: webhook, endpoint: "${endpoint}/" }]`,
    ],
  });
  const { sidecar, load } = here;
  const fifo = join(sidecar.directory, "hang");
  assert.ok(run("mkfifo", fifo));
  const release = (): void => {
    rmSync(fifo, { force: true });
  };
  t.after(release);
  await closedFor(here, /^503 [^]*The disk did not answer within 2000 ms/);
  const asked = performance.now();
  await readyz(sidecar);
  assert.ok(performance.now() - asked < 1_900);
  await load.stop();
  const began = performance.now();
  sidecar.child.kill("SIGTERM");
  let isOpen = true;
  while (isOpen) {
    assert.ok(performance.now() - began < 12_000, "the admin listener closes last");
    await new Promise((resolve) => setTimeout(resolve, 50));
    isOpen = await readyz(sidecar).then(
      () => true,
      () => false,
    );
  }
  const took = performance.now() - began;
  // A thread of the pool waits for the disk, and must not keep the process.
  await sidecar.exited();
  const ended = performance.now() - began - took;
  assert.ok(ended < 3_000, `${ended} ms`);
  t.diagnostic(`closed in ${Math.round(took)} ms, and ended ${Math.round(ended)} ms later`);
  const descriptor = openSync(fifo, "r+");
  closeSync(descriptor);
  const recorded = new Set(auditRecords(sidecar.auditDirectory).map(({ detail }) => detail["trace"]));
  assert.deepEqual(
    [...load.answered].filter((token) => !recorded.has(token)),
    [],
  );
  const verdict = await verifyPrinted(sidecar.output(), sidecar.auditDirectory);
  assert.deepEqual(uncovered(verdict), []);
});
