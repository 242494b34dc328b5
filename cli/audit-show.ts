import { parseArgs } from "node:util";
import type { ChainLine } from "../router/core/audit/verify-chain.ts";
import type { EpochMillis } from "../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { readLines } from "../router/edge/audit/read-segments.ts";
import { FILTER_OPTIONS, FILTER_USAGE, parseFilter, type RecordFilter } from "./audit-filter.ts";
import { auditSources, messageOf } from "./audit-sources.ts";
import { AuditTally } from "./audit-tally.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { type Look, lookOf, PRINT_OPTIONS, PRINT_USAGE, RecordPrinter } from "./record-printer.ts";
import { readRecord } from "./shown-record.ts";
import { shownText } from "./shown-text.ts";
import { processViewer, type Viewer } from "./viewer.ts";

interface Question {
  readonly paths: readonly string[];
  readonly filter: RecordFilter;
  readonly limit: number;
  readonly look: Look;
}

const USAGE = `sluice audit show PATH... ${FILTER_USAGE}\n  [--limit N] ${PRINT_USAGE}`;

/**
 * The records of directories and segments, a line each, or with `--json` as they stand; then, on standard error, what
 * they come to. It says what the files say and verifies nothing. 0: there were some; 1: none matched; 2: something could
 * not be read.
 */
export async function auditShow(argv: readonly string[], io: CliIo, viewer = processViewer([])): Promise<number> {
  const question = readQuestion(argv, io.now(), viewer);
  if (!question.ok) {
    io.stderr(`sluice audit show: ${question.problem}\nusage: ${USAGE}\n`);
    return EXIT.usage;
  }
  const { paths, filter, limit, look } = question.value;
  const { files, problems } = await auditSources(io.cwd, paths);
  const unreadable = [...problems];
  const printer = new RecordPrinter(io, look);
  const tally = new AuditTally();
  const visit = (line: ChainLine): boolean => {
    show(line, filter, printer, tally);
    return tally.shown < limit && !viewer.gone.aborted;
  };
  for (const file of files) {
    try {
      if (!(await readLines(file, visit))) break;
    } catch (error) {
      unreadable.push(messageOf(error));
    } finally {
      printer.tellDamages();
    }
  }
  printer.flush();
  if (viewer.gone.aborted) return EXIT.yes;
  for (const problem of unreadable) io.stderr(`sluice audit show: ${shownText(problem, 1_000)}\n`);
  const rest = tally.shown < limit ? "" : "stopped at --limit: what follows was not read\n";
  const where = shownText(paths.join(" "), 500);
  io.stderr(
    `${tally.text()}\n${rest}not verified: to learn whether this was changed, run "sluice audit verify ${where}"\n`,
  );
  if (unreadable.length > 0) return EXIT.usage;
  return tally.shown > 0 ? EXIT.yes : EXIT.no;
}

function show(line: ChainLine, filter: RecordFilter, printer: RecordPrinter, tally: AuditTally): void {
  const { text, ended, place } = line;
  const record = ended ? readRecord(text) : fail("half a line: being written, or cut by a crash");
  if (!record.ok) {
    tally.damaged();
    printer.damaged(place.file, `:${place.line}`, record.problem, text);
    return;
  }
  const isShown = filter(record.value);
  tally.record(record.value, isShown);
  if (isShown) printer.record(record.value, text ?? "");
}

function readQuestion(argv: readonly string[], now: EpochMillis, viewer: Viewer): Result<Question, string> {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      options: { ...FILTER_OPTIONS, ...PRINT_OPTIONS, limit: { type: "string" } },
      allowPositionals: true,
    });
  } catch (error) {
    return fail(messageOf(error));
  }
  const { values, positionals: paths } = parsed;
  if (paths.length === 0) return fail("name at least one directory or segment");
  const filter = parseFilter(values, now);
  if (!filter.ok) return filter;
  const look = lookOf(values.json === true, values.color ?? "auto", viewer);
  if (!look.ok) return look;
  const { limit } = values;
  if (limit !== undefined && !/^[1-9][0-9]{0,14}$/.test(limit)) return fail("--limit is a number from 1 on");
  return ok({ paths, filter: filter.value, limit: limit === undefined ? Infinity : Number(limit), look: look.value });
}
