import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { streamOfOrigin } from "../router/core/audit/log-origin.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { type CheckpointNote, parseCheckpointNote } from "../router/core/tlog/checkpoint-note.ts";
import { shownText } from "./shown-text.ts";
import { MAXIMUM_NOTE } from "../router/core/tlog/signed-note.ts";

/** A checkpoint to hold a log against, and where it was found. */
export interface Anchor extends CheckpointNote {
  readonly file: string;
  readonly stream: string;
  /** The whole note. */
  readonly text: string;
  /** It stood in a collected log, where others may have written too. */
  readonly isCollected: boolean;
}

/** A line of the sidecar's log with a note in it is shorter. */
const MAXIMUM_LINE = 262_144;
/** What has no line end for so long is no text. */
const LONGEST_STRETCH = 16 * 1024 * 1024;
const LONGEST_SHOWN = 200;

/**
 * The checkpoints in a file, or what a pipe gives: one signed note, or the sidecar's own log (JSON lines, as it is or as
 * something has collected it), every checkpoint in it. Not one: a problem in one sentence, since an anchor that says
 * nothing must not pass for one that agrees.
 */
export async function readAnchors(cwd: string, argument: string): Promise<Result<readonly Anchor[], string>> {
  const file = resolve(cwd, argument);
  const collected = new Map<string, Anchor>();
  // Undefined: too long for a note.
  let note: string | undefined = "";
  try {
    for await (const line of linesOf(file)) {
      if (note !== undefined) note = note.length + line.length <= MAXIMUM_NOTE ? note + line : undefined;
      const text = noteIn(line);
      const anchor = text === undefined || collected.has(text) ? undefined : anchorOf(file, text, true);
      if (text !== undefined && anchor?.ok === true) collected.set(text, anchor.value);
    }
  } catch (error) {
    return fail(`${argument}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (collected.size > 0) return ok([...collected.values()]);
  if (note === undefined || note.includes("{")) return fail(`${argument}: there is no checkpoint in it.`);
  const anchor = anchorOf(file, note, false);
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

/** The note in a line of the sidecar's log; what comes before the JSON is whatever collected the line: a time, a flag. */
function noteIn(line: string): string | undefined {
  const start = line.indexOf("{");
  if (start === -1 || !line.includes("checkpoint")) return undefined;
  try {
    const value: unknown = JSON.parse(line.slice(start));
    if (typeof value !== "object" || value === null) return undefined;
    if ("checkpoint" in value) return typeof value.checkpoint === "string" ? value.checkpoint : undefined;
    // Docker's json-file driver: the line is a member of another.
    return "log" in value && typeof value.log === "string" && value.log.length < line.length
      ? noteIn(value.log)
      : undefined;
  } catch {
    return undefined;
  }
}

function anchorOf(file: string, text: string, isCollected: boolean): Result<Anchor, string> {
  const parsed = parseCheckpointNote(text);
  if (!parsed.ok) return fail(`${file} is no checkpoint: ${parsed.problem}`);
  const { checkpoint } = parsed.value;
  const stream = streamOfOrigin(checkpoint.origin);
  const origin = shownText(checkpoint.origin, LONGEST_SHOWN);
  if (stream === undefined) return fail(`${file}: ${origin} is not the origin of an audit log.`);
  if (checkpoint.size === 0) return fail(`${file}: a checkpoint over no records vouches for nothing.`);
  return ok({ ...parsed.value, file, stream, text, isCollected });
}
