import assert from "node:assert/strict";
import type { Clock } from "../../../router/core/base/clock.ts";
import { epochMillis, millis } from "../../../router/core/base/quantity.ts";
import { AuditExport, type AuditExportOptions, type ExportStatus } from "../../../router/app/audit-export.ts";
import type { Delivery, ExportPayload } from "../../../router/app/export-delivery.ts";
import type { SegmentCursor } from "../../../router/edge/audit/segment-cursor.ts";

const FILE = `audit-00000001-${"0".repeat(32)}.jsonl`;

/** Time that passes only when nothing else is left to do. */
export class Timeline {
  #now = 0;
  #timers: { at: number; run: () => void }[] = [];
  readonly clock: Clock = {
    now: () => epochMillis(1_800_000_000_000 + this.#now),
    monotonic: () => millis(this.#now),
  };

  get now(): number {
    return this.#now;
  }

  readonly after: AuditExportOptions["after"] = (delay, run) => {
    const timer = { at: this.#now + delay, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Goes on until it is so, one timer at a time. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    for (let steps = 0; steps < 3_000; steps += 1) {
      await this.settle();
      if (isSo()) return;
      const next = this.#timers.toSorted((one, other) => one.at - other.at)[0];
      if (next === undefined) assert.fail(`nothing is planned any more, and it is not so that ${what}`);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    assert.fail(`it never came to be that ${what}`);
  }

  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    let isOver = false;
    this.after(millis(milliseconds), () => (isOver = true));
    await this.until("time has passed", () => isOver && this.#now >= end);
  }
}

export const DELIVERED: Delivery = { kind: "delivered", rejected: 0, problem: undefined };
export const REFUSED: Delivery = { kind: "refused", problem: "The receiver answered 400." };
export const FAILED: Delivery = { kind: "failed", problem: "The receiver answered 503.", retryAfter: undefined };

/** Reads a log in memory: the offset of a cursor is an index. */
export function readOf(log: readonly string[]): AuditExportOptions["read"] {
  return (cursor, limit) => {
    const from = cursor?.offset ?? 0;
    const lines = log.slice(from, from + limit.records).map((line) => ({ line, leaf: "" }));
    const offset = from + lines.length;
    const full = offset < log.length;
    return Promise.resolve({
      lines,
      cursor: { file: FILE, offset },
      full,
      skippedSegments: 0,
      skippedLines: 0,
      problem: undefined,
    });
  };
}

export interface Harness {
  readonly time: Timeline;
  readonly running: AuditExport;
  /** The log: one entry a record. */
  readonly log: string[];
  /** The ids of each request, and when it came. */
  readonly requests: { readonly ids: readonly string[]; readonly at: number }[];
  /** The ids of everything that was accepted, in order. */
  readonly accepted: string[];
  readonly kept: SegmentCursor[];
  readonly rejected: string[];
  readonly skipped: string[];
  readonly changes: ExportStatus[];
  /** The bodies that were given to `deliver`. */
  readonly payloads: ExportPayload[];
}

export interface HarnessOptions {
  readonly answer?: (ids: readonly string[], count: number, signal: AbortSignal) => Delivery | Promise<Delivery>;
  readonly records?: number;
  readonly log?: readonly string[];
  readonly changes?: Partial<AuditExportOptions>;
}

/** A sink over a log in memory, with a receiver that answers as told; a record is `{"id":...}` or not even that. */
export function harness({
  answer = () => DELIVERED,
  records = 8,
  log: given = [],
  changes = {},
}: HarnessOptions): Harness {
  const time = new Timeline();
  const log = [...given];
  const requests: Harness["requests"] = [];
  const accepted: string[] = [];
  const kept: SegmentCursor[] = [];
  const rejected: string[] = [];
  const skipped: string[] = [];
  const statuses: ExportStatus[] = [];
  const payloads: ExportPayload[] = [];
  const running = new AuditExport({
    name: "siem",
    clock: time.clock,
    from: undefined,
    limit: { records, bytes: 1_000_000 },
    read: readOf(log),
    encode: (lines) => ({ contentType: "text/plain", body: lines.map(({ line }) => line).join("\n"), unreadable: 0 }),
    async deliver(payload, _records, signal) {
      payloads.push(payload);
      const ids = payload.body.split("\n");
      requests.push({ ids, at: time.now });
      const delivery = await answer(ids, requests.length, signal);
      if (delivery.kind === "delivered") accepted.push(...ids);
      return delivery;
    },
    persist: (cursor) => {
      kept.push(cursor);
      return Promise.resolve();
    },
    after: time.after,
    random: () => 1,
    observer: {
      rejected: (count, problem) => rejected.push(`${count} at ${accepted.length}: ${problem}`),
      skipped: (segments, lines, problem) => skipped.push(`${segments} ${lines} ${problem}`),
      changed: (status) => statuses.push(status),
    },
    ...changes,
  });
  return { time, running, log, requests, accepted, kept, rejected, skipped, changes: statuses, payloads };
}

export const ids = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `r${from + index}`);
