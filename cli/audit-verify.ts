import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { ChainReport, RecordMark } from "../router/core/audit/chain-report.ts";
import { listSegments } from "../router/edge/audit/read-segments.ts";
import { verifyLog } from "../router/edge/audit/verify-log.ts";
import { type CliIo, EXIT } from "./cli-io.ts";

/** The verb's own exit codes (contract.md); 0 and 3 need an anchor to check against. */
const TAMPERED = EXIT.no;
const UNREADABLE = EXIT.usage;
const UNANCHORED = 4;
const WORST_FIRST = [TAMPERED, UNREADABLE, UNANCHORED] as const;

/** One chain: what a directory holds, or all files that were named. */
interface Log {
  readonly path: string;
  readonly files: () => Promise<readonly string[]>;
}

interface Verdict {
  readonly path: string;
  readonly exit: (typeof WORST_FIRST)[number];
  readonly report: ChainReport | undefined;
  /** Why there is no report. */
  readonly error: string | undefined;
}

/** `sluice audit verify PATH... [--json]`: each directory is one chain, and so are all files named, in their order. */
export async function auditVerify(argv: readonly string[], io: CliIo): Promise<number> {
  let options;
  try {
    options = parseArgs({ args: [...argv], options: { json: { type: "boolean" } }, allowPositionals: true });
  } catch (error) {
    io.stderr(`sluice audit verify: ${messageOf(error)}\n`);
    return EXIT.usage;
  }
  if (options.positionals.length === 0) {
    io.stderr("sluice audit verify: name at least one directory or segment\n");
    return EXIT.usage;
  }
  const verdicts: Verdict[] = [];
  for (const log of await logsOf(options.positionals, io.cwd)) verdicts.push(await judge(log));
  const exit = WORST_FIRST.find((code) => verdicts.some((verdict) => verdict.exit === code)) ?? UNREADABLE;
  if (options.values.json === true) io.stdout(`${JSON.stringify({ exit, logs: verdicts })}\n`);
  else for (const verdict of verdicts) io.stdout(textOf(verdict));
  return exit;
}

async function logsOf(paths: readonly string[], cwd: string): Promise<Log[]> {
  const logs: Log[] = [];
  const files: string[] = [];
  for (const path of paths.map((name) => resolve(cwd, name))) {
    const isDirectory = await stat(path).then(
      (entry) => entry.isDirectory(),
      () => false,
    );
    if (isDirectory) logs.push({ path, files: () => listSegments(path) });
    else files.push(path);
  }
  if (files.length > 0) logs.push({ path: files.join(" "), files: () => Promise.resolve(files) });
  return logs;
}

async function judge({ path, files: list }: Log): Promise<Verdict> {
  const unreadable = (error: string): Verdict => ({ path, exit: UNREADABLE, report: undefined, error });
  try {
    const files = await list();
    if (files.length === 0) return unreadable("there is no audit segment in this directory");
    const report = await verifyLog(files);
    const { damage, records } = report;
    // Where not even the first line is a record, this may be any file at all.
    const isForeign = records === 0 && (damage?.kind === "malformed" || damage?.kind === "torn_tail");
    const exit = damage === undefined ? UNANCHORED : isForeign ? UNREADABLE : TAMPERED;
    return { path, exit, report, error: undefined };
  } catch (error) {
    return unreadable(messageOf(error));
  }
}

function textOf({ path, exit, report, error }: Verdict): string {
  if (report === undefined) return `${path}: UNREADABLE\n  ${error ?? ""}\n`;
  const { damage, first, last, records } = report;
  const lines: string[] = [];
  if (damage !== undefined) {
    const { file, line, offset } = damage.place;
    const record = damage.seq === null ? "" : `, record ${damage.seq}`;
    lines.push(`${file}:${line}, octet ${offset}${record}: ${damage.kind}`, damage.sentence);
  }
  if (first !== undefined && last !== undefined) {
    const what = `${count(records, "record")} in ${count(report.segments, "segment")}, ${count(report.streams, "start")}`;
    lines.push(`${damage === undefined ? "covers" : "intact before that:"} ${what}`);
    lines.push(`  from ${markText(first)}`, `  to   ${markText(last)}`);
    if (report.continues !== undefined) lines.push(`begins after ${report.continues}, which was not read`);
  }
  if (report.gaps + report.recoveries > 0) {
    const gaps = `${count(report.gaps, "gap record")}, ${count(report.recoveries, "recovery record")}`;
    lines.push(`${gaps}: the writer says there what it could not write`);
  }
  if (damage === undefined) {
    if (!report.stopped)
      lines.push("ends without a stop record: still being written, killed, or cut off after a record");
    lines.push(
      "not anchored: a chain alone shows neither a cut at its very end, nor a change of its last record, nor that it was",
      "written anew; that takes a signed head that was kept elsewhere",
    );
  }
  const title = exit === UNANCHORED ? "INTACT, NOT ANCHORED" : exit === TAMPERED ? "TAMPERED" : "UNREADABLE";
  return `${path}: ${title}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function markText({ seq, stream, time }: RecordMark): string {
  return `record ${seq} of stream ${stream}, ${time}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
