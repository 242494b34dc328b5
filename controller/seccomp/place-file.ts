import { constants } from "node:fs";
import { lstat, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Of the kubelet's own: everybody on the node may read it, root alone write. */
const MODE = 0o644;

/** How names of files end that are not finished: never `.json`. */
export const UNFINISHED = ".unfinished";

/**
 * Puts a file where it belongs, whole or not at all: written beside it, synced, renamed, and the directory synced. `tag` keeps
 * two writers apart. Throws what the file system says.
 */
export async function placeFile(path: string, text: string, tag: string): Promise<void> {
  const beside = `${path}.${tag}${UNFINISHED}`;
  try {
    const file = await open(beside, "wx", MODE);
    try {
      await file.writeFile(text);
      // The umask is whatever the container's is.
      await file.chmod(MODE);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  const directory = await open(dirname(path), constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Whether a plain file of that mode with exactly that text is there. A link, a pipe, another size: no, without reading it. */
export async function holds(path: string, text: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile() !== true || found.size !== Buffer.byteLength(text) || (found.mode & 0o7777) !== MODE)
    return false;
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return (await file.readFile("utf8")) === text;
  } finally {
    await file.close();
  }
}
