import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { parseArgs } from "node:util";
import { parseSegmentName } from "../router/core/audit/segment-header.ts";
import { type EpochMillis, type Millis, millis } from "../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { followSegments, type LogNews } from "../router/edge/audit/follow-segments.ts";
import { findLastLines } from "../router/edge/audit/last-lines.ts";
import { listSegments } from "../router/edge/audit/read-segments.ts";
import { FILTER_OPTIONS, FILTER_USAGE, parseFilter, type RecordFilter } from "./audit-filter.ts";
import { messageOf } from "./audit-sources.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { type Look, lookOf, PRINT_OPTIONS, PRINT_USAGE, RecordPrinter } from "./record-printer.ts";
import { readRecord } from "./shown-record.ts";
import { shownText } from "./shown-text.ts";
import { processViewer, type Viewer } from "./viewer.ts";

interface Question {
  readonly path: string;
  readonly filter: RecordFilter;
  readonly count: number;
  readonly follow: boolean;
  readonly look: Look;
}

const USAGE = `sluice audit tail PATH [-n N] [-f] ${FILTER_USAGE}\n  ${PRINT_USAGE}`;
const COUNT = "20";
const POLL = millis(200);

/**
 * The last records that match of a directory or segment (20, or `-n`), and with `-f` those that come, over rotations and
 * restarts, until a signal. It verifies nothing. 0: there were some, or it was followed to the signal; 1: none matched;
 * 2: something could not be read.
 */
export async function auditTail(
  argv: readonly string[],
  io: CliIo,
  viewer = processViewer(["SIGINT", "SIGTERM", "SIGHUP"]),
  poll = POLL,
): Promise<number> {
  const question = readQuestion(argv, io.now(), viewer);
  if (!question.ok) {
    io.stderr(`sluice audit tail: ${question.problem}\nusage: ${USAGE}\n`);
    return EXIT.usage;
  }
  const { follow, look } = question.value;
  const printer = new RecordPrinter(io, look);
  try {
    const shown = await tail(
      { ...question.value, path: resolve(io.cwd, question.value.path) },
      printer,
      viewer.gone,
      poll,
    );
    return follow || shown > 0 ? EXIT.yes : EXIT.no;
  } catch (error) {
    printer.flush();
    io.stderr(`sluice audit tail: ${shownText(messageOf(error), 1_000)}\n`);
    return EXIT.usage;
  }
}

/** Returns how many records were shown. */
async function tail(
  { path, filter, count, follow }: Question,
  printer: RecordPrinter,
  signal: AbortSignal,
  poll: Millis,
): Promise<number> {
  const isDirectory = (await stat(path)).isDirectory();
  if (follow && !isDirectory) throw new Error(`${path}: -f follows a directory; a segment ends, and its log goes on`);
  const files = isDirectory ? await listSegments(path) : [path];
  if (files.length === 0 && !follow) throw new Error(`${path}: there is no audit segment in this directory`);
  const isWanted = (text: string): boolean => {
    const record = readRecord(text);
    return record.ok && filter(record.value);
  };
  const from = await findLastLines(files, count, isWanted, signal);
  let stream = from === undefined ? undefined : parseSegmentName(basename(from.file))?.stream;
  let shown = 0;
  const tell = (news: LogNews): void => {
    const place = `, octet ${news.offset}`;
    if (news.kind === "cut") return printer.damaged(news.file, place, "the file was cut back to here", undefined);
    if (news.kind === "half")
      return printer.damaged(news.file, place, `half a line of ${news.length} octets`, undefined);
    const record = readRecord(news.text);
    if (!record.ok) return printer.damaged(news.file, place, record.problem, news.text);
    if (stream !== undefined && stream !== record.value.stream) printer.restarted(record.value);
    ({ stream } = record.value);
    if (!filter(record.value)) return;
    shown += 1;
    printer.record(record.value, news.text ?? "");
  };
  const list = async (): Promise<readonly string[]> => (isDirectory ? segmentsIfAny(path) : files);
  for await (const batch of followSegments({ list, from, waiting: follow, poll, signal })) {
    for (const news of batch) tell(news);
    printer.flush();
  }
  printer.tellDamages();
  printer.flush();
  return shown;
}

/** A directory that is gone may come back. */
async function segmentsIfAny(directory: string): Promise<readonly string[]> {
  try {
    return await listSegments(directory);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

function readQuestion(argv: readonly string[], now: EpochMillis, viewer: Viewer): Result<Question, string> {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      options: {
        ...FILTER_OPTIONS,
        ...PRINT_OPTIONS,
        lines: { type: "string", short: "n" },
        follow: { type: "boolean", short: "f" },
      },
      allowPositionals: true,
    });
  } catch (error) {
    return fail(messageOf(error));
  }
  const { values, positionals } = parsed;
  const [path, ...others] = positionals;
  if (path === undefined || others.length > 0) return fail("name one directory or segment");
  const filter = parseFilter(values, now);
  if (!filter.ok) return filter;
  const look = lookOf(values.json === true, values.color ?? "auto", viewer);
  if (!look.ok) return look;
  const { lines: count = COUNT, follow = false } = values;
  if (!/^[0-9]{1,15}$/.test(count)) return fail("-n is a number of records");
  return ok({ path, filter: filter.value, count: Number(count), follow, look: look.value });
}
