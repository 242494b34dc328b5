import { parseArgs } from "node:util";
import { formatProblem } from "../router/core/base/problem.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import type { Alarm } from "../router/core/behavior/behavior-monitor.ts";
import type { DetectorRule, Response } from "../router/core/behavior/detector.ts";
import { replayBehavior } from "../router/core/behavior/replay-behavior.ts";
import { safeText } from "../router/core/wire/safe-text.ts";
import { auditSources, messageOf } from "./audit-sources.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { findGovernancePolicy } from "./policy-file.ts";
import { recordedEvents, type Tally } from "./recorded-events.ts";
import { shownText } from "./shown-text.ts";

const USAGE = "sluice behavior replay --policy DIR|FILE --audit DIR... [--json]";

interface Question {
  readonly policy: string;
  readonly audit: readonly string[];
  readonly json: boolean;
}

/**
 * `sluice behavior replay --policy DIR|FILE --audit DIR...`: the alarms that the policy's detectors would have raised over a
 * recorded log, in its order. What a response would have refused then happened all the same, so that after the first alarm
 * that does more than alert the rest is what went on unhindered. 0: there is
 * none; 1: there are, or parts of the log are no records; 2: something cannot be read.
 */
export async function behaviorReplay(argv: readonly string[], io: CliIo): Promise<number> {
  const question = readQuestion(argv);
  if (!question.ok) return unusable(io, `${question.problem}\nusage: ${USAGE}`);
  const { policy, audit, json } = question.value;
  const found = await findGovernancePolicy(io.cwd, policy);
  if (!found.ok) return unusable(io, ...found.problem.map(formatProblem));
  if (found.value === undefined) return unusable(io, `${policy}: no document in this directory is a GovernancePolicy`);
  const { detectors } = found.value.policy;
  if (detectors.length === 0) return unusable(io, `${found.value.file}: the policy has no detectors`);
  const { files, problems } = await auditSources(io.cwd, audit);
  if (problems.length > 0) return unusable(io, ...problems);
  const tally: Tally = { records: 0, damaged: 0 };
  const counts = new Map<string, number>(detectors.map(({ id }) => [id, 0]));
  try {
    for (const alarm of replayBehavior(detectors, recordedEvents(files, tally))) {
      counts.set(alarm.detector, (counts.get(alarm.detector) ?? 0) + 1);
      io.stdout(json ? `${JSON.stringify(formOf(alarm))}\n` : `${lineOf(alarm)}\n`);
    }
  } catch (error) {
    return unusable(io, messageOf(error));
  }
  const alarms = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const summary = { alarms, records: tally.records, damaged: tally.damaged, detectors: Object.fromEntries(counts) };
  if (json) io.stdout(`${JSON.stringify(summary)}\n`);
  else for (const line of summaryLines(detectors, counts, alarms, tally)) io.stdout(`${line}\n`);
  if (tally.records === 0) return unusable(io, "the log holds no record");
  return alarms + tally.damaged === 0 ? EXIT.yes : EXIT.no;
}

function readQuestion(argv: readonly string[]): Result<Question, string> {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { policy: { type: "string" }, audit: { type: "string", multiple: true }, json: { type: "boolean" } },
      allowPositionals: true,
    });
    const { policy, audit = [], json = false } = values;
    if (policy === undefined) return fail("--policy names the directory or file of the policy");
    // A shell makes several of `--audit log/*`.
    const paths = audit.length === 0 ? [] : [...audit, ...positionals];
    return paths.length === 0 ? fail("--audit names the directory of a log") : ok({ policy, audit: paths, json });
  } catch (error) {
    return fail(messageOf(error));
  }
}

function unusable(io: CliIo, ...messages: readonly string[]): number {
  for (const message of messages)
    io.stderr(
      `sluice behavior replay: ${message
        .split("\n")
        .map((line) => safeText(line, 2_000))
        .join("\n")}\n`,
    );
  return EXIT.usage;
}

function formOf({ at, ...alarm }: Alarm): unknown {
  return { time: new Date(at).toISOString(), ...alarm };
}

function lineOf({ at, detector, kind, action, target, count, response }: Alarm): string {
  const about = `${action} ${shownText(target, 300)}`;
  const many = kind === "volume" ? `${count} octets` : String(count);
  return `${new Date(at).toISOString()}  ${detector} (${kind}): ${many}, at ${about}; ${responseText(response)}`;
}

function responseText(response: Response): string {
  switch (response.kind) {
    case "alert":
    case "quarantine":
      return response.kind;
    case "throttle":
      return `throttle to ${response.perMinute} a minute for ${response.millis / 1_000} s`;
    case "require_approval":
      return `require_approval for ${response.millis / 1_000} s`;
    default:
      return response satisfies never;
  }
}

function* summaryLines(
  detectors: readonly DetectorRule[],
  counts: ReadonlyMap<string, number>,
  alarms: number,
  { records, damaged }: Tally,
): Generator<string> {
  for (const { id } of detectors) yield `${String(counts.get(id) ?? 0).padStart(6)}  ${id}`;
  const lost = damaged === 0 ? "" : `; ${damaged} lines are no records: "sluice audit verify" says more`;
  yield `${alarms} alarms in ${records} records${lost}`;
}
