import { isUtf8 } from "node:buffer";
import { open, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { streamOfOrigin } from "../router/core/audit/log-origin.ts";
import { parseRecord } from "../router/core/audit/parse-record.ts";
import { parseSegmentName } from "../router/core/audit/segment-header.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { formatAddCheckpoint } from "../router/core/tlog/add-checkpoint.ts";
import { parseCheckpointNote } from "../router/core/tlog/checkpoint-note.ts";
import type { Checkpoint } from "../router/core/tlog/checkpoint.ts";
import { MAXIMUM_NOTE } from "../router/core/tlog/signed-note.ts";
import { formatTlogProof } from "../router/core/tlog/tlog-proof.ts";
import { parseTreeSize } from "../router/core/tlog/tree-size.ts";
import { checkpointFile } from "../router/edge/audit/note-file.ts";
import { readConsistency, readInclusion, type ReadProofProblem } from "../router/edge/audit/read-proof.ts";
import { listSegments, readLines } from "../router/edge/audit/read-segments.ts";
import { type CliIo, EXIT } from "./cli-io.ts";

/** As of `audit verify`: the log is shorter than its checkpoint, or inconsistent with it. */
const INCONSISTENT = 3;
const EXITS: Readonly<Record<ReadProofProblem["code"], number>> = {
  impossible: EXIT.usage,
  no_beginning: EXIT.usage,
  missing: INCONSISTENT,
  too_short: INCONSISTENT,
  other_root: INCONSISTENT,
};
/** How many streams an error names. */
const NAMED_STREAMS = 20;

interface Failure {
  readonly exit: number;
  readonly message: string;
}

interface Options {
  readonly paths: readonly string[];
  /** Of the record; undefined where a consistency proof is asked for, from this old checkpoint's file. */
  readonly seq: number | undefined;
  readonly from: string | undefined;
  readonly stream: string | undefined;
  readonly checkpoint: string | undefined;
  readonly out: string | undefined;
}

/** A checkpoint as it stands in its file. */
interface NoteFile {
  readonly text: string;
  readonly checkpoint: Checkpoint;
}

/**
 * `sluice audit prove PATH... --seq N [--stream S] [--checkpoint FILE] [--out FILE]` gives a C2SP tlog-proof that shows one
 * record without the rest of the log; `--from OLD` instead of `--seq` the proof that the log only went on since the old
 * checkpoint, as the body of a C2SP add-checkpoint request. 0: proved; 2: wrong usage, unreadable, or not covered by the
 * checkpoint; 3: the log is not that of the checkpoint. No signature is verified: whoever gets the proof does that.
 */
export async function auditProve(argv: readonly string[], io: CliIo): Promise<number> {
  const refuse = ({ exit, message }: Failure): number => {
    io.stderr(`sluice audit prove: ${message}\n`);
    return exit;
  };
  const options = parseOptions(argv);
  if (!options.ok) return refuse(options.problem);
  try {
    const proof = await prove(options.value, io.cwd);
    if (!proof.ok) return refuse(proof.problem);
    const { out } = options.value;
    if (out === undefined) io.stdout(proof.value);
    else await writeFile(resolve(io.cwd, out), proof.value, { flag: "wx" });
    return EXIT.yes;
  } catch (error) {
    return refuse(unusable(error instanceof Error ? error.message : String(error)).problem);
  }
}

function parseOptions(argv: readonly string[]): Result<Options, Failure> {
  const text = { type: "string" } as const;
  const options = { seq: text, from: text, stream: text, checkpoint: text, out: text };
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    return unusable(error instanceof Error ? error.message : String(error));
  }
  const { positionals: paths, values } = parsed;
  if (paths.length === 0) return unusable("name a directory or the segments of one log");
  if ((values.seq === undefined) === (values.from === undefined)) {
    return unusable("say either --seq N, the record to show, or --from OLD, the checkpoint that the log went on from");
  }
  const seq = parseTreeSize(values.seq ?? "0");
  if (seq === undefined) return unusable("--seq is the number of a record: a whole number, from 0");
  const { from, stream, checkpoint, out } = values;
  return ok({ paths, seq: from === undefined ? seq : undefined, from, stream, checkpoint, out });
}

async function prove(options: Options, cwd: string): Promise<Result<string, Failure>> {
  const before = options.from === undefined ? undefined : await readNote(resolve(cwd, options.from));
  if (before?.ok === false) return before;
  const given = options.checkpoint === undefined ? undefined : await readNote(resolve(cwd, options.checkpoint));
  if (given?.ok === false) return given;
  const files = await filesOf(options.paths, cwd);
  // A checkpoint that is named also names the stream.
  const named = given?.value.checkpoint ?? before?.value.checkpoint;
  const found = await findStream(files, options.stream ?? (named && streamOfOrigin(named.origin)));
  if (!found.ok) return found;
  const { stream, file } = found.value;
  const after = given ?? (await readNote(join(dirname(file), checkpointFile(stream))));
  if (!after.ok) return after;
  const { checkpoint } = after.value;
  for (const { origin } of [checkpoint, before?.value.checkpoint ?? checkpoint]) {
    if (streamOfOrigin(origin) !== stream) return unusable(`the checkpoint of ${origin} is not one of stream ${stream}`);
  }
  if (before?.ok === true && before.value.checkpoint.origin !== checkpoint.origin) {
    return unusable(`the checkpoints are of two logs, ${before.value.checkpoint.origin} and ${checkpoint.origin}`);
  }
  return before === undefined
    ? proveRecord(files, stream, options.seq ?? 0, after.value)
    : proveGrowth(files, stream, before.value, after.value);
}

async function proveRecord(
  files: readonly string[],
  stream: string,
  seq: number,
  { text, checkpoint }: NoteFile,
): Promise<Result<string, Failure>> {
  if (seq >= checkpoint.size) {
    const covered = `it covers the records before ${checkpoint.size}`;
    return unusable(`record ${seq} of stream ${stream} is not covered by the checkpoint yet: ${covered}`);
  }
  const read = await readInclusion(files, stream, seq, checkpoint);
  if (!read.ok) return unproved(read.problem);
  const { line, path } = read.value;
  return ok(formatTlogProof({ extra: Buffer.from(line), index: seq, path, checkpoint: text }));
}

async function proveGrowth(
  files: readonly string[],
  stream: string,
  before: NoteFile,
  after: NoteFile,
): Promise<Result<string, Failure>> {
  const { size } = before.checkpoint;
  if (size > after.checkpoint.size) return unusable(`the checkpoint to go on from is the later one: it covers ${size}`);
  const read = await readConsistency(files, stream, before.checkpoint, after.checkpoint);
  if (!read.ok) return unproved(read.problem);
  return ok(formatAddCheckpoint({ oldSize: size, path: read.value, checkpoint: after.text }));
}

async function filesOf(paths: readonly string[], cwd: string): Promise<readonly string[]> {
  const files: string[] = [];
  for (const path of paths.map((name) => resolve(cwd, name))) {
    if ((await stat(path)).isDirectory()) files.push(...(await listSegments(path)));
    else files.push(path);
  }
  return files;
}

/** The stream that is wanted, or the last of the log, with a file that holds some of it. */
async function findStream(
  files: readonly string[],
  wanted: string | undefined,
): Promise<Result<{ readonly stream: string; readonly file: string }, Failure>> {
  let found: { stream: string; file: string } | undefined;
  const streams: string[] = [];
  const meet = (stream: string, file: string): void => {
    if (streams.length < NAMED_STREAMS && !streams.includes(stream)) streams.push(stream);
    if (stream === (wanted ?? stream)) found = { stream, file };
  };
  for (const file of files) {
    const named = parseSegmentName(basename(file))?.stream;
    if (named !== undefined) meet(named, file);
    // A file by another name says only in its records whose it is.
    else for (const stream of await streamsIn(file)) meet(stream, file);
  }
  if (found !== undefined) return ok(found);
  if (streams.length === 0) return unusable("there is no audit record there");
  return unusable(`there is no stream ${wanted ?? ""} in this log; it has ${streams.join(", ")}`);
}

/** In the order of their first records. */
async function streamsIn(file: string): Promise<ReadonlySet<string>> {
  const streams = new Set<string>();
  await readLines(file, ({ text }) => {
    const record = text === undefined ? undefined : parseRecord(text);
    if (record?.ok === true) streams.add(record.value.stream);
    return true;
  });
  return streams;
}

async function readNote(path: string): Promise<Result<NoteFile, Failure>> {
  const text = await readShortText(path, MAXIMUM_NOTE * 3);
  const parsed = text === undefined ? fail("It is too long or not UTF-8.") : parseCheckpointNote(text);
  if (!parsed.ok) return unusable(`${path} is no checkpoint: ${parsed.problem}`);
  return ok({ text: text ?? "", checkpoint: parsed.value.checkpoint });
}

/** Undefined where the file is longer than `longest` octets, or not UTF-8. */
async function readShortText(path: string, longest: number): Promise<string | undefined> {
  await using handle = await open(path, "r");
  const bytes = Buffer.alloc(longest + 1);
  let length = 0;
  for (let count = -1; count !== 0 && length <= longest; length += count) {
    count = (await handle.read(bytes, length, bytes.length - length)).bytesRead;
  }
  const octets = bytes.subarray(0, length);
  return length <= longest && isUtf8(octets) ? octets.toString("utf8") : undefined;
}

function unproved({ code, message }: ReadProofProblem): Result<never, Failure> {
  return fail({ exit: EXITS[code], message });
}

function unusable(message: string): { readonly ok: false; readonly problem: Failure } {
  return { ok: false, problem: { exit: EXIT.usage, message } };
}
