import type { KeyObject } from "node:crypto";
import type { Writable } from "node:stream";
import { ownEvent } from "../core/audit/own-event.ts";
import type { Clock } from "../core/base/clock.ts";
import { millis } from "../core/base/quantity.ts";
import { fail, ok, type Result } from "../core/base/result.ts";
import type { AuditEvent } from "../core/audit/audit-event.ts";
import type { RouterConfig } from "../core/config/router-config.ts";
import { parseVerifierKey } from "../core/tlog/verifier-key.ts";
import type { AuditHealth } from "../edge/audit/audit-health.ts";
import { type AuditLog, openAuditLog } from "../edge/audit/audit-log.ts";
import { sha256, signerFromPrivateKey } from "../edge/audit/ed25519.ts";
import type { Log } from "../edge/log/log.ts";
import type { Instruments } from "../edge/metrics/instruments.ts";
import type { NameResolver } from "../edge/upstream/resolver.ts";
import { checkpointKey, hidingOf } from "./audit-keys.ts";
import { type AuditExports, openAuditExports } from "./export-sinks.ts";
import { CheckpointOutputs, type CheckpointOutputsOptions } from "./checkpoint-outputs.ts";
import { postToWitness } from "./post-to-witness.ts";

const WRITE_DEADLINE = millis(2_000);
const RETRY = millis(1_000);
const OUTPUTS_DEADLINE = millis(3_000);

/** The audit log with everything around it. */
export interface Audit {
  readonly log: AuditLog;
  readonly outputs: CheckpointOutputs;
  readonly exports: AuditExports;
  /** Signs the log's heads, and attestations. */
  readonly key: KeyObject;
  /** The last records, a last head, and what outputs can still be told of them in time. */
  close(): Promise<void>;
}

export interface AuditRooms {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly instruments: Instruments;
  readonly resolve: NameResolver["resolve"];
  /** Shown each event as it is given. */
  readonly seen: (event: AuditEvent) => void;
  /** For exports to stdout. */
  readonly output: Writable;
}

/** Opens the audit log and writes the start record. The problem is one sentence: a key or a directory that cannot be used. */
export async function openAudit(config: RouterConfig, rooms: AuditRooms): Promise<Result<Audit, string>> {
  const { clock, log, instruments } = rooms;
  const { audit, identity } = config;
  const key = await checkpointKey(audit.checkpoint);
  if (!key.ok) return key;
  const hiding = await hidingOf(audit.redact);
  if (!hiding.ok) return hiding;
  if (hiding.value !== undefined) log.hide(hiding.value.facts);

  let logKey = "";
  const witnesses: CheckpointOutputsOptions["witnesses"][number][] = [];
  for (const witness of audit.checkpoint.witnesses) {
    const verifierKey = parseVerifierKey(witness.key, sha256);
    const isWitness = verifierKey?.algorithm === "cosignature/v1";
    if (!isWitness) return fail(`audit.checkpoint.witnesses: ${witness.key} is not the key of a witness.`);
    const post = await postToWitness(witness.url, rooms.resolve, () => logKey);
    if (!post.ok) return post;
    witnesses.push({ config: witness, key: verifierKey, post: post.value });
  }
  const outputs = new CheckpointOutputs({
    directory: audit.directory,
    config: audit.checkpoint,
    witnesses,
    log,
  });

  let exports: AuditExports | undefined;
  const opened = await openAuditLog({
    directory: audit.directory,
    mode: audit.mode,
    segmentBytes: audit.segmentBytes,
    segmentAge: audit.segmentAge,
    maximumBytes: audit.maximumBytes,
    identity,
    clock,
    writeDeadline: WRITE_DEADLINE,
    retryAfter: RETRY,
    heartbeat: audit.heartbeat,
    checkpoints: {
      signerOf: (origin) => signerFromPrivateKey(origin, key.value),
      records: audit.checkpoint.records,
      interval: audit.checkpoint.interval,
      publish: outputs.publish,
    },
    ...(hiding.value === undefined ? {} : { redact: hiding.value.redact }),
    seen: rooms.seen,
    observer: {
      recorded(outcome, count) {
        instruments.recorded(outcome, count);
        if (outcome === "written") exports?.wake();
      },
      synced: (seconds) => instruments.auditSyncTook(millis(seconds * 1_000)),
    },
    onHealth: (health) => tellHealth(log, health),
  });
  if (!opened.ok) return fail(`${audit.directory}: ${opened.problem.message}`);
  const { identity: logIdentity } = opened.value;
  logKey = logIdentity.key;
  opened.value.appendSoon(
    ownEvent(clock.now(), "start", "start", "sluice", {
      version: rooms.version,
      node: process.version,
      image: identity.image ?? null,
      mode: audit.mode,
      origin: logIdentity.origin,
      key: logIdentity.key,
      keyId: logIdentity.keyId,
      hidden: audit.redact.fields,
    }),
  );
  const auditLog = opened.value;
  exports = await openAuditExports(config, { ...rooms, durableEnd: () => auditLog.durableEnd() });
  const running = exports;
  return ok({
    log: auditLog,
    outputs,
    exports: running,
    key: key.value,
    async close() {
      await auditLog.close();
      await Promise.all([outputs.close(OUTPUTS_DEADLINE), running.close(OUTPUTS_DEADLINE)]);
    },
  });
}

function tellHealth(log: Log, { writable, problem, nearlyFull }: AuditHealth): void {
  const event = writable ? "audit log is written" : "audit log is NOT written";
  log.event(writable ? "info" : "error", event, { problem: problem?.message, nearlyFull });
}
