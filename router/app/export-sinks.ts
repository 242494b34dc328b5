import type { Writable } from "node:stream";
import type { Clock } from "../core/base/clock.ts";
import { type Millis, millis } from "../core/base/quantity.ts";
import type { ExportConfig, RouterConfig } from "../core/config/router-config.ts";
import { type ExportBody, exportBody, type ExportFormat } from "../core/export/export-body.ts";
import { otlpBody } from "../core/export/otlp-body.ts";
import type { AuditLog } from "../edge/audit/audit-log.ts";
import { cursorFile } from "../edge/audit/cursor-file.ts";
import { type BatchLimit, type CursorLine, readBatch, type SegmentCursor } from "../edge/audit/segment-cursor.ts";
import type { Log } from "../edge/log/log.ts";
import { POST_DEADLINES } from "../edge/upstream/post.ts";
import type { NameResolver } from "../edge/upstream/resolver.ts";
import { AuditExport, type AuditExportOptions, type ExportObserver, type ExportStatus } from "./audit-export.ts";
import { secretSource } from "./endpoint-secrets.ts";
import type { Sink } from "./export-delivery.ts";
import { createHttpSink } from "./http-sink.ts";
import { createStdoutSink, STDOUT_BATCH } from "./stdout-sink.ts";

export interface ExportRooms {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Pick<Log, "event">;
  readonly resolve: NameResolver["resolve"];
  readonly durableEnd: AuditLog["durableEnd"];
  /** For sinks of the kind `stdout`. */
  readonly output: Writable;
}

/** All sinks of the audit log. */
export interface AuditExports {
  /** To be called whenever records became durable: it waits for nothing. */
  wake(): void;
  /** One for each sink, in the order of the configuration. */
  status(): readonly ExportStatus[];
  /** Sends what there is until the deadline, then keeps the cursors; ends within the deadline and half a second. */
  close(deadline: Millis): Promise<void>;
}

const MEBIBYTE = 1024 * 1024;
/** What of a RouterConfig says where records are read and where they go. */
export interface ExportSettings {
  readonly audit: Pick<RouterConfig["audit"], "directory" | "exports">;
  readonly state: RouterConfig["state"];
}

/** Lines that go out as they are: 0.1 ms of this thread for a batch (measured). */
const PLAIN_BATCH: BatchLimit = { records: 512, bytes: MEBIBYTE };
/** Lines that are parsed and said anew: 0.6 ms (CloudEvents) to 2 ms (OCSF) for a batch. */
const MAPPED_BATCH: BatchLimit = { records: 128, bytes: MEBIBYTE / 4 };

/**
 * Starts the sinks that the configuration names, each from where it stood. Nothing that a sink meets comes back to
 * whoever writes the log: they read its files behind `durableEnd`.
 */
export async function openAuditExports(config: ExportSettings, rooms: ExportRooms): Promise<AuditExports> {
  const sinks = config.audit.exports.map((target) => ({ target, sink: sinkOf(target, rooms) }));
  // While nothing waits yet: what undici takes to load would be a pause of all traffic later.
  await Promise.allSettled(sinks.map(({ sink }) => sink.prepare()));
  const running = await Promise.all(sinks.map(({ target, sink }) => startExport(config, target, sink, rooms)));
  return {
    wake() {
      for (const one of running) one.wake();
    },
    status: () => running.map((one) => one.status),
    async close(deadline) {
      await Promise.all(running.map((one) => one.stop(deadline)));
      for (const { sink } of sinks) sink.close();
    },
  };
}

async function startExport(
  config: ExportSettings,
  target: ExportConfig,
  sink: Sink,
  { version, clock, log, durableEnd }: ExportRooms,
): Promise<AuditExport> {
  const { name, kind, format } = target;
  const { directory } = config.audit;
  const cursor = cursorFile(config.state.directory, name);
  let from: SegmentCursor | undefined;
  try {
    from = await cursor.load();
  } catch (error) {
    log.event("warn", "an export begins again", { export: name, problem: String(error) });
  }
  const running = new AuditExport({
    name,
    clock,
    from,
    limit: kind === "stdout" ? STDOUT_BATCH : kind === "webhook" && format === "jsonl" ? PLAIN_BATCH : MAPPED_BATCH,
    read: (at, limit) => {
      const end = durableEnd();
      return readBatch(directory, at, limit, end && { file: end.file, offset: end.bytes });
    },
    encode(lines) {
      if (kind === "otlp") return otlpBody(lines, version, clock.now());
      return kind === "stdout" ? eventLines(format, lines, version) : exportBody(format, lines, version);
    },
    deliver: (payload, records, signal) => sink.deliver(payload, records, signal),
    persist: (at) => cursor.save(at),
    after,
    random: () => Math.random(),
    observer: observerOf(name, log),
  });
  running.start();
  return running;
}

/** Standard output is made of lines: an event in each, and no list of several. */
function eventLines(format: ExportFormat, records: readonly CursorLine[], version: string): ExportBody {
  const bodies = records.map((record) => exportBody(format, [record], version));
  const lines =
    format === "jsonl" ? bodies.map(({ body }) => body) : bodies.map(({ body }) => `${body.slice(1, -1)}\n`);
  return {
    contentType: "application/x-ndjson",
    body: lines.filter((line) => line !== "\n").join(""),
    unreadable: bodies.reduce((sum, { unreadable }) => sum + unreadable, 0),
  };
}

function sinkOf(
  { kind, endpoint, caFile, tokenFile, headersFile, signatureKeyFile, timeout }: ExportConfig,
  rooms: ExportRooms,
): Sink {
  if (kind === "stdout") return createStdoutSink(rooms.output, timeout, after);
  // The configuration's shape sees to it.
  if (endpoint === undefined) throw new Error(`an export of kind ${kind} without an endpoint`);
  const files = { ca: caFile, token: tokenFile, headers: headersFile, signingKey: signatureKeyFile };
  return createHttpSink({
    endpoint,
    protocol: kind,
    secrets: secretSource(files, rooms.clock),
    resolve: rooms.resolve,
    clock: rooms.clock,
    deadlines: {
      connect: shorter(POST_DEADLINES.connect, timeout),
      head: timeout,
      body: shorter(POST_DEADLINES.body, timeout),
      total: timeout,
    },
  });
}

function shorter(one: Millis, other: Millis): Millis {
  return millis(Math.min(one, other));
}

const after: AuditExportOptions["after"] = (delay, run) => {
  const timer = setTimeout(run, delay);
  return () => clearTimeout(timer);
};

function observerOf(name: string, log: ExportRooms["log"]): ExportObserver {
  return {
    rejected: (records, problem) => log.event("warn", "records were rejected", { export: name, records, problem }),
    skipped: (segments, lines, problem) =>
      log.event("warn", "an export passed something over", { export: name, segments, lines, problem }),
    changed: ({ state, lastProblem, lagSeconds }) =>
      log.event(state === "ok" ? "info" : "warn", `an export is ${state}`, {
        export: name,
        problem: state === "ok" ? undefined : lastProblem,
        lagSeconds,
      }),
  };
}
