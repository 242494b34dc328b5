import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { streamOfOrigin } from "../router/core/audit/log-origin.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { type CheckpointNote, parseCheckpointNote } from "../router/core/tlog/checkpoint-note.ts";
import { MAXIMUM_NOTE } from "../router/core/tlog/signed-note.ts";

/** A checkpoint to hold a log against, and where it was found. */
export interface Anchor extends CheckpointNote {
  readonly file: string;
  readonly stream: string;
  /** The whole note. */
  readonly text: string;
}

/** Of lines that are no log of ours; a record line is shorter. */
const MAXIMUM_LINE = 262_144;

/**
 * The checkpoints in a file: one signed note, or the sidecar's own log (JSON lines), every checkpoint in it. Not one:
 * a problem in one sentence, since an anchor that says nothing must not pass for one that agrees.
 */
export async function readAnchors(cwd: string, argument: string): Promise<Result<readonly Anchor[], string>> {
  const file = resolve(cwd, argument);
  try {
    const { size } = await stat(file);
    const anchors = size <= MAXIMUM_NOTE && !(await isJsonLines(file)) ? await fromNote(file) : await fromLog(file);
    return anchors;
  } catch (error) {
    return fail(`${argument}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function isJsonLines(file: string): Promise<boolean> {
  return (await readFile(file, "utf8")).startsWith("{");
}

async function fromNote(file: string): Promise<Result<readonly Anchor[], string>> {
  const anchor = anchorOf(file, await readFile(file, "utf8"));
  return anchor.ok ? ok([anchor.value]) : anchor;
}

async function fromLog(file: string): Promise<Result<readonly Anchor[], string>> {
  const anchors: Anchor[] = [];
  const seen = new Set<string>();
  for await (const line of createInterface({ input: createReadStream(file, "utf8"), crlfDelay: Infinity })) {
    const note = line.length <= MAXIMUM_LINE ? noteIn(line) : undefined;
    if (note === undefined || seen.has(note)) continue;
    seen.add(note);
    const anchor = anchorOf(file, note);
    if (!anchor.ok) return anchor;
    anchors.push(anchor.value);
  }
  return anchors.length > 0 ? ok(anchors) : fail(`${file}: there is no checkpoint in it.`);
}

function noteIn(line: string): string | undefined {
  // What comes before the JSON is whatever collected the log: a time, a stream, a flag.
  const start = line.indexOf("{");
  if (start === -1 || !line.includes('"checkpoint"')) return undefined;
  try {
    const value: unknown = JSON.parse(line.slice(start));
    if (typeof value !== "object" || value === null || !("checkpoint" in value)) return undefined;
    return typeof value.checkpoint === "string" ? value.checkpoint : undefined;
  } catch {
    return undefined;
  }
}

function anchorOf(file: string, text: string): Result<Anchor, string> {
  const parsed = parseCheckpointNote(text);
  if (!parsed.ok) return fail(`${file} is no checkpoint: ${parsed.problem}`);
  const { checkpoint } = parsed.value;
  const stream = streamOfOrigin(checkpoint.origin);
  if (stream === undefined) return fail(`${file}: ${checkpoint.origin} is not the origin of an audit log.`);
  if (checkpoint.size === 0) return fail(`${file}: a checkpoint over no records vouches for nothing.`);
  return ok({ ...parsed.value, file, stream, text });
}
