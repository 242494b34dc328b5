import { writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { streamOfOrigin } from "../router/core/audit/log-origin.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { formatAddCheckpoint } from "../router/core/tlog/add-checkpoint.ts";
import { parseCheckpointNote } from "../router/core/tlog/checkpoint-note.ts";
import type { Checkpoint } from "../router/core/tlog/checkpoint.ts";
import { MAXIMUM_NOTE } from "../router/core/tlog/signed-note.ts";
import { formatTlogProof } from "../router/core/tlog/tlog-proof.ts";
import { parseTreeSize } from "../router/core/tlog/tree-size.ts";
import { findStream } from "../router/edge/audit/find-stream.ts";
import { checkpointFile } from "../router/edge/audit/note-file.ts";
import { readConsistency, readInclusion, type ReadProofProblem } from "../router/edge/audit/read-proof.ts";
import { readShortText } from "../router/edge/audit/short-text.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { segmentPaths } from "./segment-paths.ts";
import { shownText } from "./shown-text.ts";

/** As of `audit verify`: the log is shorter than its checkpoint, or inconsistent with it. */
const INCONSISTENT = 3;
const EXITS: Readonly<Record<ReadProofProblem["code"], number>> = {
  impossible: EXIT.usage,
  no_beginning: EXIT.usage,
  missing: INCONSISTENT,
  too_short: INCONSISTENT,
  other_root: INCONSISTENT,
};

/** In octets; a note has a bound of its own in characters. */
const LONGEST_NOTE = 3 * MAXIMUM_NOTE;
/** In UTF-16 units. */
const LONGEST_ORIGIN = 400;

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
  const files = await segmentPaths(cwd, options.paths);
  // A checkpoint that is named also names the stream.
  const named = given?.value.checkpoint ?? before?.value.checkpoint;
  const wanted = options.stream ?? (named && streamOfOrigin(named.origin));
  const found = await findStream(files, wanted);
  if (!found.ok) return unusable(missingStream(wanted, found.problem));
  const { stream, file } = found.value;
  const after = given ?? (await readNote(join(dirname(file), checkpointFile(stream))));
  if (!after.ok) return after;
  const { origin } = after.value.checkpoint;
  if (streamOfOrigin(origin) !== stream) {
    return unusable(`the checkpoint is of ${shownText(origin, LONGEST_ORIGIN)}, not of stream ${stream}`);
  }
  if (before === undefined) return proveRecord(files, stream, options.seq ?? 0, after.value);
  if (before.value.checkpoint.origin !== origin) {
    const origins = [before.value.checkpoint.origin, origin].map((one) => shownText(one, LONGEST_ORIGIN));
    return unusable(`the checkpoints are of two logs, ${origins.join(" and ")}`);
  }
  return proveGrowth(files, stream, before.value, after.value);
}

function missingStream(wanted: string | undefined, streams: readonly string[]): string {
  if (streams.length === 0) return "there is no audit record there";
  return `there is no stream ${wanted ?? ""} in this log; it has ${streams.join(", ")}`;
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

async function readNote(path: string): Promise<Result<NoteFile, Failure>> {
  let text;
  try {
    text = await readShortText(path, LONGEST_NOTE);
  } catch (error) {
    return unusable(`there is no checkpoint to be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (text === undefined) return unusable(`${path} is no checkpoint: it is too long or not UTF-8`);
  const parsed = parseCheckpointNote(text);
  if (!parsed.ok) return unusable(`${path} is no checkpoint: ${parsed.problem}`);
  return ok({ text, checkpoint: parsed.value.checkpoint });
}

function unproved({ code, message }: ReadProofProblem): Result<never, Failure> {
  return fail({ exit: EXITS[code], message });
}

function unusable(message: string): { readonly ok: false; readonly problem: Failure } {
  return { ok: false, problem: { exit: EXIT.usage, message } };
}
