import { createReadStream } from "node:fs";
import { resolve } from "node:path";
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

/** A line of the sidecar's log with a note in it is shorter. */
const MAXIMUM_LINE = 262_144;
/** What has no line end for so long is no text. */
const LONGEST_STRETCH = 16 * 1024 * 1024;

/**
 * The checkpoints in a file, or what a pipe gives: one signed note, or the sidecar's own log (JSON lines), every checkpoint
 * in it. Not one: a problem in one sentence, since an anchor that says nothing must not pass for one that agrees.
 */
export async function readAnchors(cwd: string, argument: string): Promise<Result<readonly Anchor[], string>> {
  const file = resolve(cwd, argument);
  const anchors = new Map<string, Anchor>();
  let isLog: boolean | undefined;
  let note = "";
  try {
    for await (const line of linesOf(file)) {
      // A note begins with the name of a log.
      isLog ??= line.includes("{");
      const text = isLog ? noteIn(line) : undefined;
      if (!isLog) note += line;
      if (!isLog && note.length > MAXIMUM_NOTE) return fail(`${file} is too long for a checkpoint.`);
      if (text === undefined || anchors.has(text)) continue;
      const anchor = anchorOf(file, text);
      if (!anchor.ok) return anchor;
      anchors.set(text, anchor.value);
    }
  } catch (error) {
    return fail(`${argument}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (isLog === true)
    return anchors.size > 0 ? ok([...anchors.values()]) : fail(`${file}: there is no checkpoint in it.`);
  const anchor = anchorOf(file, note);
  return anchor.ok ? ok([anchor.value]) : anchor;
}

/** Each with its line end; of one that is too long, nothing. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let held = "";
  let skipped = 0;
  for await (const chunk of createReadStream(file, "utf8") as AsyncIterable<string>) {
    const [first = "", ...rest] = chunk.split("\n");
    held += first;
    for (const next of rest) {
      if (skipped === 0 && held.length <= MAXIMUM_LINE) yield `${held}\n`;
      held = next;
      skipped = 0;
    }
    if (held.length <= MAXIMUM_LINE) continue;
    skipped += held.length;
    held = "";
    if (skipped > LONGEST_STRETCH) throw new Error("it holds no lines");
  }
  if (skipped === 0 && held !== "") yield held;
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
