import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { AuditEvent } from "../../../../router/core/audit/audit-event.ts";
import type { ChainReport } from "../../../../router/core/audit/chain-report.ts";
import { bytes, epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { type AuditFiles, nodeFiles } from "../../../../router/edge/audit/audit-files.ts";
import { type AuditLog, type AuditLogOptions, openAuditLog } from "../../../../router/edge/audit/audit-log.ts";
import type { CheckpointOptions } from "../../../../router/edge/audit/checkpoints.ts";
import { createSigner } from "../../../../router/edge/audit/ed25519.ts";
import { listSegments } from "../../../../router/edge/audit/read-segments.ts";
import { verifyLog } from "../../../../router/edge/audit/verify-log.ts";

/** Hooks run first come, first served: what must be closed before a directory goes is kept with the directory. */
const closers = new Map<string, (() => Promise<void>)[]>();

/** A directory for one test, taken away once every log in it is closed. */
export function scratchDirectory(
  t: TestContext,
  remove = (directory: string): void => rmSync(directory, { recursive: true, force: true }),
): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-audit-"));
  closers.set(directory, []);
  t.after(async () => {
    for (const close of closers.get(directory) ?? []) await close();
    remove(directory);
  });
  return directory;
}

export function logOptions(directory: string, changes: Partial<AuditLogOptions> = {}): AuditLogOptions {
  return {
    directory,
    mode: "strict",
    segmentBytes: bytes(1_000_000),
    segmentAge: millis(3_600_000),
    maximumBytes: bytes(100_000_000),
    identity: { namespace: "research", pod: "agent-7f9c", agent: "researcher" },
    clock: { now: () => epochMillis(Date.now()), monotonic: () => millis(performance.now()) },
    onHealth: () => undefined,
    observer: { recorded: () => undefined, synced: () => undefined },
    writeDeadline: millis(20_000),
    retryAfter: millis(20),
    heartbeat: millis(3_600_000),
    checkpoints: checkpointOptions(),
    ...changes,
  };
}

/** A new key; nothing is kept of the heads that it signs, unless `publish` does. */
export function checkpointOptions(changes: Partial<CheckpointOptions> = {}): CheckpointOptions {
  return {
    signerOf: createSigner,
    records: 1_000,
    interval: millis(10_000),
    publish: () => undefined,
    ...changes,
  };
}

/** Opens a log in a scratch directory. */
export async function openLog(directory: string, changes: Partial<AuditLogOptions> = {}): Promise<AuditLog> {
  const opened = await openAuditLog(logOptions(directory, changes));
  assert.ok(opened.ok);
  closers.get(directory)?.push(() => opened.value.close());
  return opened.value;
}

export function auditEvent(request: string, changes: Partial<AuditEvent> = {}): AuditEvent {
  return {
    time: epochMillis(Date.now()),
    kind: "egress.decision",
    action: "connect",
    target: "api.github.com:443",
    decision: "allow",
    reason: null,
    rule: "github",
    policy: null,
    request,
    ...changes,
  };
}

interface Written {
  readonly kind: string;
  readonly seq: number;
  readonly request: string | null;
  readonly action: string;
  readonly target: string;
  readonly time: string;
  readonly detail: { readonly [key: string]: unknown };
}

/** All records of a directory, or of one segment in it, in the order of the chain. */
export async function recordsOf(directory: string, segment?: string): Promise<Written[]> {
  const files = segment === undefined ? await listSegments(directory) : [segment];
  return files.flatMap((file) =>
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Written),
  );
}

export async function requestsOf(directory: string): Promise<(string | null)[]> {
  return (await recordsOf(directory)).filter(({ kind }) => kind.startsWith("egress")).map(({ request }) => request);
}

export async function verifyDirectory(directory: string): Promise<ChainReport> {
  return verifyLog(await listSegments(directory));
}

/** Waits for what comes by itself, and fails where it does not come. */
export async function eventually(what: string, isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 3_000; tries += 1) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`it never came to be that ${what}`);
}

/**
 * The real file system, with faults: each function is called before the real call of its name, and may throw or wait;
 * `sync` once the octets are in the file, but before anybody hears that they are durable.
 */
export interface Faults {
  write?: (length: number) => Promise<void> | void;
  /** How many octets of a write get through at most. */
  writes?: (length: number) => number;
  sync?: () => Promise<void> | void;
  create?: () => Promise<void> | void;
  rename?: () => Promise<void> | void;
  syncDirectory?: () => Promise<void> | void;
  cut?: () => Promise<void> | void;
  free?: () => number;
}

export function faultyFiles(faults: Faults): AuditFiles {
  return {
    ...nodeFiles,
    async create(name) {
      await faults.create?.();
      const handle = await nodeFiles.create(name);
      return {
        async append(octets) {
          await faults.write?.(octets.length);
          const count = await handle.append(octets.subarray(0, faults.writes?.(octets.length) ?? octets.length));
          await faults.sync?.();
          return count;
        },
        standing: (path, length) => handle.standing(path, length),
        close: () => handle.close(),
      };
    },
    async rename(from, to) {
      await faults.rename?.();
      return nodeFiles.rename(from, to);
    },
    async syncDirectory(directory) {
      await faults.syncDirectory?.();
      return nodeFiles.syncDirectory(directory);
    },
    async cut(path, length) {
      await faults.cut?.();
      return nodeFiles.cut(path, length);
    },
    async free(directory) {
      return faults.free?.() ?? nodeFiles.free(directory);
    },
  };
}

export function errno(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
