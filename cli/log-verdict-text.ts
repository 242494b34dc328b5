import { basename } from "node:path";
import type { ChainReport, RecordMark } from "../router/core/audit/chain-report.ts";
import type { HeadVerdict, LogVerdict } from "./log-verdict.ts";

/** What `audit verify` says of one log, for people. */
export function verdictText(verdict: LogVerdict): string {
  const { path, report, error } = verdict;
  if (report === undefined) return `${path}: UNREADABLE\n  ${error ?? ""}\n`;
  const lines = [...damageLines(report), ...coverLines(report), ...headLines(verdict, report), ...adviceLines(verdict)];
  return `${path}: ${titleOf(verdict, report)}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function titleOf({ exit, anchors = [] }: LogVerdict, report: ChainReport): string {
  if (exit === 0) return "VERIFIED TO AN ANCHOR";
  if (exit === 1) return "TAMPERED";
  if (exit === 3) return "NOT WHAT WAS SIGNED";
  if (exit === 2) return report.records === 0 ? "UNREADABLE" : "INTACT, BUT AN ANCHOR IS NOT SIGNED";
  if (report.gaps > 0 && anchors.length > 0) return "INTACT, WITH GAPS";
  return "INTACT, NOT ANCHORED";
}

function damageLines({ damage }: ChainReport): string[] {
  if (damage === undefined) return [];
  const { file, line, offset } = damage.place;
  const record = damage.seq === null ? "" : `, record ${damage.seq}`;
  return [`${file}:${line}, octet ${offset}${record}: ${damage.kind}`, damage.sentence];
}

function coverLines(report: ChainReport): string[] {
  const { damage, first, last, records, segments, streams, gaps, recoveries } = report;
  const lines: string[] = [];
  if (first !== undefined && last !== undefined) {
    const what = `${count(records, "record")} in ${count(segments, "segment")}, ${count(streams, "start")}`;
    lines.push(`${damage === undefined ? "covers" : "intact before that:"} ${what}`);
    lines.push(`  from ${markText(first)}`, `  to   ${markText(last)}`);
    if (report.continues !== undefined) lines.push(`begins after ${report.continues}, which was not read`);
  }
  if (gaps + recoveries > 0) {
    const found = `${count(gaps, "gap record")}, ${count(recoveries, "recovery record")}`;
    lines.push(`${found}: the writer says there what it could not write`);
  }
  return lines;
}

const FAULTS = {
  shorter: "is SHORTER than this checkpoint: records that it covers are not there",
  inconsistent: "is NOT THE LOG of this checkpoint: other records are in the place of those that it covers",
  unknown_stream: "holds NOTHING of the stream that this checkpoint is of",
} as const;

function headLines({ anchors = [], checkpoints = [] }: LogVerdict, report: ChainReport): string[] {
  const lines: string[] = [];
  for (const head of [...anchors, ...checkpoints]) {
    if (head.verdict !== "covered" && head.verdict !== "earlier") {
      lines.push(`the log ${FAULTS[head.verdict]}: ${head.file}, ${head.size} of stream ${head.stream}`);
    }
    if (head.signedBy === "unsigned") lines.push(`${head.file}: no signature that counts is on it`);
    if (head.signedBy === "unknown")
      lines.push(`${head.file}: the log does not say here whose key it is: name it with --key`);
  }
  const anchored = furthest(anchors);
  if (anchored !== undefined) {
    lines.push(
      `anchored: the first ${count(anchored.records, "record")}, by ${basename(anchored.file)}, ${signer(anchored)}`,
    );
    const rest = report.records - anchored.records;
    lines.push(
      rest === 0 ? "nothing is behind the anchor" : `chained only: ${count(rest, "record")} behind the anchor`,
    );
  }
  const signed = furthest(checkpoints);
  if (signed !== undefined && signed.records > (anchored?.records ?? 0)) {
    lines.push(`signed: the first ${count(signed.records, "record")}, by ${basename(signed.file)}, ${signer(signed)}`);
  }
  return lines;
}

function adviceLines({ exit, anchors = [], report }: LogVerdict): string[] {
  if (report === undefined || report.damage !== undefined) return [];
  const lines: string[] = [];
  if (!report.stopped) lines.push("ends without a stop record: still being written, killed, or cut off after a record");
  if (exit === 4 && anchors.length === 0) {
    lines.push(
      "not anchored: whoever can write here could have cut records off at the end, or written all of it anew; only a",
      "checkpoint that was kept elsewhere tells: --anchor FILE (a checkpoint, or the sidecar's own log), --key KEY",
    );
  }
  return lines;
}

function furthest(heads: readonly HeadVerdict[]): HeadVerdict | undefined {
  const covered = heads.filter(
    ({ verdict, signedBy }) => verdict === "covered" && signedBy !== "unsigned" && signedBy !== "unknown",
  );
  return covered.toSorted((one, other) => other.records - one.records)[0];
}

function signer({ signedBy }: HeadVerdict): string {
  return signedBy === "pinned"
    ? "signed with a key that you named"
    : "signed with the key that the log names itself (pin one with --key)";
}

function markText({ seq, stream, time }: RecordMark): string {
  return `record ${seq} of stream ${stream}, ${time}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
