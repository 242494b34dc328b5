import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { fail, ok, type Result } from "../../core/base/result.ts";

export interface ReadProblem {
  readonly code: "missing" | "too_large" | "unreadable";
  /** One sentence, without the file's name. */
  readonly message: string;
}

/**
 * The whole of a regular file of at most `limit` octets. One octet more than that is never read, whatever
 * `stat` says; a pipe or a device does not block (O_NONBLOCK). Symbolic links are followed, because
 * ConfigMap mounts are made of them.
 */
export async function readCapped(path: string, limit: number): Promise<Result<Uint8Array, ReadProblem>> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) return fail({ code: "unreadable", message: "This is not a regular file." });
    const buffer = new Uint8Array(limit + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) return ok(buffer.slice(0, length));
      length += bytesRead;
    }
    return fail({ code: "too_large", message: `The file is larger than ${limit} octets.` });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    if (code === "ENOENT") return fail({ code: "missing", message: "The file does not exist." });
    return fail({ code: "unreadable", message: `The file cannot be read: ${code}.` });
  }
}
