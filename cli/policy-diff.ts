import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { type DocumentProblem, formatProblem } from "../router/core/base/problem.ts";
import { epochMillis } from "../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { safeText } from "../router/core/wire/safe-text.ts";
import { readLines } from "../router/edge/audit/read-segments.ts";
import { auditSources, messageOf } from "./audit-sources.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { DiffTable } from "./diff-table.ts";
import { type AskedCase, casesBeside } from "./policy-cases.ts";
import { type PolicySet, readPolicySet } from "./policy-set.ts";
import { type Circumstances, wordOn } from "./policy-word.ts";
import { asRecorded, recordedTarget } from "./policy-diff-path.ts";
import { questionOf } from "./recorded-question.ts";
import { sameRules } from "./same-rules.ts";
import { readRecord, type ShownRecord } from "./shown-record.ts";

const USAGE = "sluice policy diff OLD NEW [--audit DIR]... [--json]";

interface Sets {
  readonly before: PolicySet;
  readonly after: PolicySet;
}

/** What was read besides decisions. */
interface Reading {
  /** Lines that are no record. */
  damaged: number;
  readonly problems: string[];
}

/**
 * `sluice policy diff OLD NEW [--audit DIR]... [--json]`: which of the recorded decisions, or, without a log, which cases
 * beside the policies would come out otherwise. OLD and NEW are directories or single policies. 0: every verdict stays;
 * 1: one changes, or may; 2: something cannot be read, or nothing could be compared.
 */
export async function policyDiff(argv: readonly string[], io: CliIo): Promise<number> {
  const options = parseOptions(argv);
  if (!options.ok) {
    io.stderr(`sluice policy diff: ${safeText(options.problem, 1_000)}\nusage: ${USAGE}\n`);
    return EXIT.usage;
  }
  const { old, next, audit, json } = options.value;
  const [before, after] = [await readPolicySet(io.cwd, old), await readPolicySet(io.cwd, next)];
  if (!before.ok || !after.ok) return unreadable(io, [before, after]);
  const sets: Sets = { before: before.value, after: after.value };
  const table = new DiffTable();
  const reading: Reading = { damaged: 0, problems: [] };
  if (audit.length > 0) {
    await compareRecords(io, audit, sets, table, reading);
  } else {
    const cases = [await casesBeside(io.cwd, sets.before), await casesBeside(io.cwd, sets.after)];
    if (cases.some((read) => !read.ok)) return unreadable(io, cases);
    for (const one of cases.flatMap((read) => (read.ok ? read.value : []))) compareCase(one, sets, table);
  }
  for (const problem of reading.problems) io.stderr(`sluice policy diff: ${safeText(problem, 1_000)}\n`);
  if (table.decisions === 0) {
    const what =
      audit.length > 0
        ? "no decision of these kinds in the log"
        : "no case beside the policies; --audit DIR reads a log";
    io.stderr(`sluice policy diff: nothing was compared: ${what}\n`);
    return EXIT.usage;
  }
  print(io, json, audit.length > 0 ? "audit" : "cases", table, reading);
  if (reading.problems.length > 0) return EXIT.usage;
  return table.changes + table.unknown + reading.damaged > 0 ? EXIT.no : EXIT.yes;
}

interface Options {
  readonly old: string;
  readonly next: string;
  readonly audit: readonly string[];
  readonly json: boolean;
}

function parseOptions(argv: readonly string[]): Result<Options, string> {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { audit: { type: "string", multiple: true }, json: { type: "boolean", default: false } },
      allowPositionals: true,
    });
    const [old, next, ...more] = positionals;
    if (old === undefined || next === undefined || more.length > 0) return fail("two paths are needed: OLD and NEW");
    return ok({ old, next, audit: values.audit ?? [], json: values.json });
  } catch (error) {
    return fail(messageOf(error));
  }
}

function unreadable(io: CliIo, results: readonly Result<unknown, readonly DocumentProblem[]>[]): number {
  for (const problem of results.flatMap((result) => (result.ok ? [] : result.problem))) {
    io.stderr(`${safeText(formatProblem(problem), 8_192)}\n`);
  }
  return EXIT.usage;
}

async function compareRecords(
  io: CliIo,
  paths: readonly string[],
  sets: Sets,
  table: DiffTable,
  reading: Reading,
): Promise<void> {
  const { files, problems } = await auditSources(io.cwd, paths);
  reading.problems.push(...problems);
  for (const file of files) {
    try {
      await readLines(file, ({ text, ended }) => {
        const record = ended ? readRecord(text) : fail("half a line");
        if (record.ok) compareRecord(record.value, sets, table);
        else reading.damaged += 1;
        return true;
      });
    } catch (error) {
      reading.problems.push(messageOf(error));
    }
  }
}

function compareRecord(record: ShownRecord, sets: Sets, table: DiffTable): void {
  const { action, time, seq } = record;
  const question = asRecorded(questionOf(record, sha256), record, [sets.before, sets.after]);
  const about = { action, target: recordedTarget(record), first: `${time} seq ${seq}` };
  if (question === "other" || !concerns(sets, record.kind)) return;
  if (question === "unreadable") {
    table.differ(undefined, undefined, about);
    return;
  }
  const at = epochMillis(Date.parse(time));
  const circumstances = { ...expectedIn(sets), at, labels: undefined, scoreOf: () => undefined };
  const [before, after] = [wordOn(sets.before, question, circumstances), wordOn(sets.after, question, circumstances)];
  const isKnown = before !== undefined && after !== undefined;
  const isSame = isKnown ? before.effect === after.effect : sameRules(sets.before, sets.after, question, at);
  if (isSame) table.stay();
  else table.differ(before, after, about);
}

/** Whether one of the sets holds a policy that such a decision depends on. */
function concerns({ before, after }: Sets, kind: string): boolean {
  return [before, after].some(({ egress, inference, governance }) => {
    if (kind === "governance.decision") return governance !== undefined;
    return governance !== undefined || (kind === "egress.decision" ? egress : inference) !== undefined;
  });
}

function compareCase(
  { name, action, target, question, at, labels, scores }: AskedCase,
  sets: Sets,
  table: DiffTable,
): void {
  const wordOf = (whole: PolicySet) => {
    // A case is about its own policy alone.
    const only = question.about === "egress" ? { egress: whole.egress } : { governance: whole.governance };
    const set: PolicySet = { egress: undefined, inference: undefined, governance: undefined, ...only };
    const issuedAt = set.egress?.policy.issuedAt ?? set.governance?.policy.issuedAt ?? epochMillis(0);
    const scoreOf = (peer: string) => scores?.get(peer);
    return wordOn(set, question, { ...expectedIn(sets), at: at ?? issuedAt, labels, scoreOf });
  };
  const [before, after] = [wordOf(sets.before), wordOf(sets.after)];
  if (before !== undefined && before.effect === after?.effect) table.stay();
  else table.differ(before, after, { action, target, first: name });
}

function expectedIn({ before, after }: Sets): Pick<Circumstances, "expected"> {
  const has = (kind: keyof PolicySet): boolean => before[kind] !== undefined || after[kind] !== undefined;
  return { expected: { egress: has("egress"), inference: has("inference"), governance: has("governance") } };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function print(io: CliIo, json: boolean, from: "audit" | "cases", table: DiffTable, { damaged }: Reading): void {
  const { decisions, stays, changes, unknown, unlisted, rows } = table;
  if (json) {
    io.stdout(`${JSON.stringify({ from, decisions, stays, changes, unknown, damaged, unlisted, rows })}\n`);
    return;
  }
  for (const line of table.lines()) io.stdout(`${line}\n`);
  if (damaged > 0) io.stdout(`${damaged} lines are no records: "sluice audit verify" says more\n`);
  if (from === "audit") {
    io.stdout("Policies alone were asked: no approval, limit, budget, guardrail or behaviour was played again.\n");
  }
}
