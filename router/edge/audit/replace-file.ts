import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";

/** What lies in the way is not followed (a link), and not waited for (a FIFO). */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Replaces a file, whole or not at all; its octets are on the disk before its name leads to them. Throws what the file
 * system throws, and then the old one stands.
 */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const unfinished = `${path}.new`;
  try {
    await using handle = await open(unfinished, FLAGS, mode);
    if (!(await handle.stat()).isFile()) throw new Error(`${unfinished} is in the way, and no file`);
    await handle.writeFile(text);
    await handle.datasync();
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await rename(unfinished, path);
}
