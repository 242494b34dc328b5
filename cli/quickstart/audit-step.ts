import { writeFileSync } from "node:fs";
import type { AuditorAnswer, AuditorAsk } from "./auditor.ts";
import { LineWorker } from "./line-worker.ts";
import { program } from "./program-files.ts";
import type { TourRun } from "./tour-run.ts";

export type Auditor = LineWorker<AuditorAsk, AuditorAnswer>;

/** It takes a moment to load: whoever starts it early does not wait for it. */
export function startAuditor({ signal }: TourRun): Auditor {
  return new LineWorker("the auditor", [process.execPath, program("quickstart/auditor")], signal);
}

/** One call of the auditor, as a person would type it. */
export interface Command extends AuditorAsk {
  /** The file that its output goes to. */
  readonly into?: string;
}

/** A row of the table. */
export interface AuditStep {
  readonly tried: string;
  /** `exit 0: verified`: the exit code, and the verdict as the program says it. */
  readonly expected: string;
  /** Makes what the commands need. */
  readonly prepare?: () => unknown;
  /** The last one counts; all before it must exit with 0. */
  readonly commands: () => readonly Command[] | Promise<readonly Command[]>;
  /** The line of the last one's output that tells most. */
  readonly tells: RegExp;
}

/** Takes the step; the commands are shown as they can be repeated where `D` is the run's directory. */
export async function takeAuditStep(
  { steps, directory }: TourRun,
  auditor: Auditor,
  { tried, expected, prepare, commands, tells }: AuditStep,
): Promise<void> {
  await steps.take(tried, expected, async () => {
    await prepare?.();
    let outcome = "";
    const shown: string[] = [];
    for (const command of await commands()) {
      shown.push(`$ ${commandText(command)}`);
      const { exit, stdout, stderr } = await auditor.ask(command);
      const said = stdout === "" ? stderr : stdout;
      outcome = `exit ${exit}: ${verdictOf(said)}`;
      const told = said.split("\n").find((line) => tells.test(line));
      if (told !== undefined) shown.push(`  ${told.trim()}`);
      if (command.into === undefined) continue;
      if (exit !== 0) break;
      writeFileSync(command.into, stdout);
    }
    return [outcome, ...shown.map((line) => line.replaceAll(directory, "$D"))].join("\n");
  });
}

function commandText({ verb, argv, into }: Command): string {
  return ["sluice", verb, ...argv, ...(into === undefined ? [] : [">", into])].join(" ");
}

/** `tampered` of `/the/log: TAMPERED`, the first line of what a verb says; else all of that line. */
function verdictOf(said: string): string {
  const [first = ""] = said.split("\n");
  return /: ([A-Z ,]+)$/.exec(first)?.[1]?.toLowerCase() ?? first;
}
