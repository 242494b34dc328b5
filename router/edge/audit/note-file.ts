import { replaceFile } from "./replace-file.ts";

/** Readable for whoever reads the log. */
const MODE = 0o640;

/** The name of a stream's newest checkpoint, beside its segments. */
export function checkpointFile(stream: string, cosigned = false): string {
  return `checkpoint-${stream}${cosigned ? ".cosigned" : ""}.note`;
}

/** Replaces a file by this note, whole or not at all. Throws what the file system throws. */
export async function writeNote(path: string, note: string): Promise<void> {
  await replaceFile(path, note, MODE);
}
