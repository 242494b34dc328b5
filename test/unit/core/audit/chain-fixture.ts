import { hash } from "node:crypto";
import type { AuditEvent } from "../../../../router/core/audit/audit-event.ts";
import type { ChainReport } from "../../../../router/core/audit/chain-report.ts";
import { recordRenderer } from "../../../../router/core/audit/record.ts";
import { NO_LEAF, type PreviousSegment, segmentDetail } from "../../../../router/core/audit/segment-header.ts";
import { ChainVerifier } from "../../../../router/core/audit/verify-chain.ts";
import { appendLeaves, type CompactRange, emptyRange } from "../../../../router/core/tlog/compact-range.ts";
import { nodeHash } from "../../../../router/edge/audit/node-hash.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";

const BASE = {
  time: epochMillis(0),
  action: "",
  decision: "none",
  reason: null,
  rule: null,
  policy: null,
  request: null,
} as const;

export function leafOf(line: string | Uint8Array): string {
  return hash("sha256", Buffer.concat([Buffer.of(0), Buffer.from(line)]), "hex");
}

/** Writes chains as the writer does, without a disk: `A` starts stream A, `+` rotates, a letter is a record, `.` stops. */
export class ChainFixture {
  readonly files: string[][] = [];
  #stream = "";
  #seq = 0;
  #prev = NO_LEAF;
  #previous: PreviousSegment | null = null;
  #tree: CompactRange = emptyRange(0);

  constructor(...segments: readonly (readonly [stream: string, targets: string])[]) {
    for (const [stream, targets] of segments) this.#segment(stream.repeat(32), targets);
  }

  #segment(stream: string, targets: string): void {
    const segment = this.files.length + 1;
    if (stream !== this.#stream) {
      this.#seq = 0;
      this.#tree = emptyRange(0);
    }
    this.#stream = stream;
    const lines: string[] = [];
    this.files.push(lines);
    this.#add(lines, "segment", "", segmentDetail({ segment, previous: this.#previous, tree: this.#tree.hashes }));
    for (const target of targets) this.#add(lines, target === "." ? "stop" : "egress.end", target, {});
    this.#previous = {
      file: `${segment}`,
      segment,
      stream,
      seq: this.#seq - 1,
      leaf: this.#prev,
      bytes: lines.join("\n").length + 1,
      ended: "unclean",
    };
  }

  #add(lines: string[], kind: AuditEvent["kind"], target: string, detail: NonNullable<AuditEvent["detail"]>): void {
    const at = { seq: this.#seq, prev: this.#prev, time: "2026-11-20T00:00:00.000Z", uptime: millis(0) };
    const actor = { namespace: "", pod: "", agent: "" };
    const line = recordRenderer(actor, this.#stream)({ ...BASE, kind, target, detail }, at);
    lines.push(line);
    this.#seq += 1;
    this.#prev = leafOf(line);
    this.#tree = appendLeaves(this.#tree, [this.#prev], nodeHash);
  }
}

/** Each file as lines, all of them ended. */
export function verifyLines(files: readonly (readonly string[])[]): ChainReport {
  return verifyBytes(files.map((lines) => Buffer.from(lines.map((line) => `${line}\n`).join(""))));
}

export function verifyBytes(files: readonly Buffer[]): ChainReport {
  const verifier = new ChainVerifier(nodeHash);
  for (const [index, bytes] of files.entries()) {
    let offset = 0;
    for (let line = 1; line === 1 || offset < bytes.length; line += 1) {
      const newline = bytes.indexOf(0x0a, offset);
      const end = newline === -1 ? bytes.length : newline;
      const octets = bytes.subarray(offset, end);
      const text = octets.toString("utf8");
      const place = { file: `${index + 1}`, line, offset };
      verifier.add({
        place,
        text: Buffer.from(text).equals(octets) ? text : undefined,
        leaf: leafOf(octets),
        ended: newline !== -1,
      });
      offset = end + 1;
    }
  }
  return verifier.finish();
}
