import { hash } from "node:crypto";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import type { AuditEvent } from "../../router/core/audit/audit-event.ts";
import { ownEvent } from "../../router/core/audit/own-event.ts";
import { recordRenderer } from "../../router/core/audit/record.ts";
import { NO_LEAF, segmentName } from "../../router/core/audit/segment-header.ts";
import { epochMillis, millis } from "../../router/core/base/quantity.ts";

/** 2026-11-20T03:00:00Z; each record is a second later than the one before. */
export const WRITTEN_AT = Date.UTC(2026, 10, 20, 3);

/** Writes what the router's writer would, at once and by hand: for those who read logs. */
export class WrittenLog {
  readonly directory: string;
  #stream = "";
  #render = recordRenderer({ namespace: "research", pod: "agent-7f9c", agent: "researcher" }, "");
  #seq = 0;
  #segment = 0;
  #time = WRITTEN_AT;
  #prev = NO_LEAF;

  constructor(directory: string, stream = "a") {
    this.directory = directory;
    this.start(stream);
  }

  get file(): string {
    return join(this.directory, segmentName(this.#segment, this.#stream));
  }

  /** Another stream, in a segment of its own. */
  start(stream: string): void {
    this.#stream = stream.repeat(32).slice(0, 32);
    this.#render = recordRenderer({ namespace: "research", pod: "agent-7f9c", agent: "researcher" }, this.#stream);
    this.#seq = 0;
    this.rotate();
  }

  rotate(): void {
    const previous = this.#segment === 0 ? null : { segment: this.#segment, ended: "rotated" };
    this.#segment += 1;
    this.append(
      ownEvent(epochMillis(0), "segment", "begin", segmentName(this.#segment, this.#stream), {
        segment: this.#segment,
        previous,
        tree: ["0".repeat(64)],
      }),
    );
  }

  /** Returns the line. */
  append(event: AuditEvent): string {
    const line = this.line(event);
    appendFileSync(this.file, `${line}\n`);
    return line;
  }

  /** The next record's line, for the caller to write. */
  line(event: AuditEvent): string {
    const time = new Date(this.#time).toISOString();
    const uptime = millis(this.#time - WRITTEN_AT);
    const line = this.#render(event, { seq: this.#seq, prev: this.#prev, time, uptime });
    this.#seq += 1;
    this.#time += 1_000;
    this.#prev = hash("sha256", `\0${line}`, "hex");
    return line;
  }
}

const BASE = {
  time: epochMillis(0),
  policy: { name: "research-agent", version: 7, digest: `sha256:${"d".repeat(64)}` },
} as const;

/** What an exchange leaves, as `router/core/outcome/audit-projection.ts` makes it. */
export const EVENTS = {
  allowed: (request: string, changes: Partial<AuditEvent> = {}): AuditEvent => ({
    ...BASE,
    kind: "egress.decision",
    action: "connect",
    target: "api.github.com:443",
    decision: "allow",
    reason: null,
    rule: "github",
    request,
    detail: { addresses: ["140.82.112.3"] },
    ...changes,
  }),
  ended: (request: string, changes: Partial<AuditEvent> = {}): AuditEvent => ({
    ...BASE,
    kind: "egress.end",
    action: "connect",
    target: "api.github.com:443",
    decision: "allow",
    reason: null,
    rule: "github",
    request,
    detail: { outcome: "completed", address: "140.82.112.3", bytesOut: 1_234, bytesIn: 35_651_584, millis: 12_345 },
    ...changes,
  }),
  denied: (request: string, changes: Partial<AuditEvent> = {}): AuditEvent => ({
    ...BASE,
    kind: "egress.decision",
    action: "connect",
    target: "gist.github.com:443",
    decision: "deny",
    reason: "denied_by_rule",
    rule: "no-gists",
    request,
    detail: { outcome: "refused" },
    ...changes,
  }),
};
