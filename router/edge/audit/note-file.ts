import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";

/** Readable for whoever reads the log. */
const MODE = 0o640;
/** What lies in the way is not followed (a link), and not waited for (a FIFO). */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The name of a stream's newest checkpoint, beside its segments. */
export function checkpointFile(stream: string, cosigned = false): string {
  return `checkpoint-${stream}${cosigned ? ".cosigned" : ""}.note`;
}

/** Replaces a file by this note, whole or not at all. Throws what the file system throws. */
export async function writeNote(path: string, note: string): Promise<void> {
  const unfinished = `${path}.new`;
  try {
    await using handle = await open(unfinished, FLAGS, MODE);
    if (!(await handle.stat()).isFile()) throw new Error(`${unfinished} is in the way, and no file`);
    await handle.writeFile(note);
    await handle.datasync();
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await rename(unfinished, path);
}
