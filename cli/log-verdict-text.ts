import { basename } from "node:path";
import type { ChainReport, RecordMark } from "../router/core/audit/chain-report.ts";
import type { HeadVerdict, LogVerdict } from "./log-verdict.ts";
import { shownText } from "./shown-text.ts";

const LONGEST_NAME = 200;

/** What `audit verify` says of one log, for people. */
export function verdictText(verdict: LogVerdict): string {
  const { path, report, error } = verdict;
  if (report === undefined) return `${path}: UNREADABLE\n  ${error ?? ""}\n`;
  const spoilt = (verdict.spoilt ?? []).slice(0, MOST_FAULTS).map((problem) => shownText(problem, 2 * LONGEST_NAME));
  const lines = [
    ...damageLines(report),
    ...coverLines(report),
    ...spoilt,
    ...headLines(verdict, report),
    ...adviceLines(verdict),
  ];
  return `${path}: ${titleOf(verdict, report)}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function titleOf({ exit, anchors = [] }: LogVerdict, report: ChainReport): string {
  if (exit === 0) return "VERIFIED TO AN ANCHOR";
  if (exit === 1) return "TAMPERED";
  if (exit === 3) return "NOT WHAT WAS SIGNED";
  if (exit === 2) return report.records === 0 ? "UNREADABLE" : "INTACT, BUT A CHECKPOINT IS NONE OR IS NOT SIGNED";
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
    if (report.continues !== undefined)
      lines.push(
        `begins after ${shownText(report.continues, LONGEST_NAME)}, which was not read: earlier segments are not here`,
      );
  }
  if (gaps + recoveries > 0) {
    const found = `${count(gaps, "gap record")}, ${count(recoveries, "recovery record")}`;
    lines.push(`${found}: the writer says there what it could not write`);
  }
  return lines;
}

const FAULTS = {
  shorter: "is SHORTER than this checkpoint: records that it covers are not there",
  beginning_missing:
    "has LOST ITS BEGINNING: records that this checkpoint covers are not there, the rest is as it was signed",
  inconsistent: "is NOT THE LOG of this checkpoint: other records are in the place of those that it covers",
  unknown_stream: "holds NOTHING of the stream that this checkpoint is of",
} as const;
/** Of one kind; a collected log may hold thousands of checkpoints. */
const MOST_FAULTS = 5;

function headLines({ exit, anchors = [], ignored = 0, checkpoints = [] }: LogVerdict, report: ChainReport): string[] {
  const faults = [...anchors, ...checkpoints.filter(({ verdict }) => verdict !== "beginning_missing")].flatMap(faultOf);
  const lines = [...Map.groupBy(faults, ([sentence]) => sentence)].flatMap(([sentence, all]) => [
    ...all.slice(0, MOST_FAULTS).map(([, where]) => `${sentence}: ${where}`),
    ...(all.length > MOST_FAULTS ? [`  and ${all.length - MOST_FAULTS} more`] : []),
  ]);
  const anchored = furthest(anchors, "pinned") ?? (exit === 0 ? furthest(anchors, "own") : undefined);
  if (anchored !== undefined) {
    const what = count(anchored.records, "record");
    lines.push(`anchored: the first ${what}, by ${fileName(anchored)}, ${signer(anchored)}`);
    const rest = report.records - anchored.records;
    const behind = `chained only: ${count(rest, "record")} behind the anchor`;
    lines.push(rest === 0 ? "nothing is behind the anchor" : behind);
  } else if (exit === 4 && anchors.length > 0) {
    lines.push("no anchor counts: none is signed with a key that you named, or that is known here");
  }
  if (ignored > 0)
    lines.push(`${count(ignored, "checkpoint")} in a collected log: ignored, for want of a signature that counts`);
  const signed = furthest(checkpoints, "pinned") ?? furthest(checkpoints, "own");
  if (signed !== undefined && signed.records > (anchored?.records ?? 0)) {
    lines.push(`signed: the first ${count(signed.records, "record")}, by ${fileName(signed)}, ${signer(signed)}`);
  }
  return lines;
}

/** What is wrong with it, and where it is. */
function faultOf(head: HeadVerdict): readonly (readonly [sentence: string, where: string])[] {
  const where = `${fileName(head)}, ${head.size} of stream ${head.stream}`;
  const { verdict, signedBy } = head;
  return [
    ...(verdict === "covered" ? [] : [[`the log ${FAULTS[verdict]}`, where] as const]),
    ...(signedBy === "wrong" ? [["no signature that counts is on the checkpoint", where] as const] : []),
    ...(signedBy === "unknown"
      ? [["the log does not say here whose key it is, name it with --key", where] as const]
      : []),
  ];
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

function furthest(heads: readonly HeadVerdict[], by: HeadVerdict["signedBy"]): HeadVerdict | undefined {
  return heads
    .filter(({ records, signedBy }) => records > 0 && signedBy === by)
    .reduce<HeadVerdict | undefined>((best, head) => (head.records > (best?.records ?? 0) ? head : best), undefined);
}

function fileName({ file }: HeadVerdict): string {
  return shownText(basename(file), LONGEST_NAME);
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
