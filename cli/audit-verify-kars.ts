import { hash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Place } from "../router/core/audit/chain-report.ts";
import { type KarsMark, type KarsReport, KarsVerifier } from "../router/core/audit/kars-chain.ts";
import { safeText } from "../router/core/wire/safe-text.ts";
import { readLines } from "../router/edge/audit/read-segments.ts";
import { EXIT } from "./cli-io.ts";

/** Never 0: an intact log of kars is a chain that nobody signed. */
export type KarsExit = 1 | 2 | 4;

export interface KarsVerdict {
  readonly exit: KarsExit;
  readonly report: KarsReport;
}

const DAILY = /^[0-9]{4}-[0-9]{2}-[0-9]{2}\.jsonl$/;

/** Whether the first line of a log tells that it is of kars, written by it or by another; a record of Sluice does not. */
export function isKarsLine(line: string): boolean {
  return line.startsWith('{"sandbox":') || (line.includes('"prev_hash":') && line.includes('"agent_id":'));
}

/** The daily files of kars in a directory, in the order of their days. */
export async function listKarsFiles(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => DAILY.test(name));
  return names.toSorted().map((name) => join(directory, name));
}

/** Verifies files of kars as one log, in the order given. Constant memory; throws what the file system throws. */
export async function verifyKarsFiles(files: readonly string[]): Promise<KarsVerdict> {
  const verifier = new KarsVerifier((text) => hash("sha256", text, "hex"));
  for (const file of files) {
    await readLines(file, (line) => {
      verifier.add(line);
      return true;
    });
  }
  const report = verifier.finish();
  // Where not one line is an entry, this may be any file at all.
  const exit = report.entries === 0 ? EXIT.usage : report.damage === undefined ? 4 : EXIT.no;
  return { exit, report };
}

/** What was found and what cannot be, for people; each line ends. */
export function karsText(path: string, { exit, report }: KarsVerdict): string {
  const { damage, first, last } = report;
  const title = { 1: "TAMPERED", 2: "UNREADABLE", 4: "INTACT, NOT SIGNED" }[exit];
  const lines: string[] = [];
  if (damage !== undefined) {
    const entry = damage.seq === null ? "" : `, entry ${damage.seq}`;
    lines.push(`${placeText(damage.place)}${entry}: ${damage.kind}`, damage.sentence);
    if (report.breaks > 1) lines.push(`and ${report.breaks - 1} more after it`);
  }
  if (first !== undefined && last !== undefined) {
    lines.push(`a log of kars; entries: ${report.entries}, chains: ${report.chains} (each start begins one)`);
    lines.push(`  from ${markText(first)}`, `  to   ${markText(last)}`);
  } else {
    lines.push("not one entry of a log of kars");
  }
  lines.push("what this format cannot show:", ...report.cannotProve.map((sentence) => `- ${sentence}`));
  return `${path}: ${title}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function placeText({ file, line, offset }: Place): string {
  return `${file}:${line}, octet ${offset}`;
}

/** The time is text from the log, and may be anything. */
function markText({ place, seq, ts }: KarsMark): string {
  return `entry ${seq}, ${safeText(ts, 40)}, ${placeText(place)}`;
}
