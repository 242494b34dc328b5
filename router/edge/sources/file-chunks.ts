import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { currentIdentity, errorCode, type ReadProblem } from "./regular-file.ts";

export type ChunkProblem = ReadProblem | { readonly kind: "refused"; readonly message: string };

const CHUNK_BYTES = 64 * 1024;

/**
 * Reads one regular file of at most `maximumBytes` octets piece by piece, as `readRegularFile` reads it at once: links
 * are followed, nothing is waited for, and what changes meanwhile is `moved`. Only after an `ok` is it known that the
 * pieces were one file. A piece is valid until `take` resolves; a sentence of it ends the reading.
 */
export async function readFileInChunks(
  path: string,
  maximumBytes: number,
  take: (chunk: Uint8Array) => Promise<string | undefined>,
): Promise<Result<{ readonly identity: string }, ChunkProblem>> {
  try {
    const identity = await currentIdentity(path);
    if (identity === undefined) return fail({ kind: "moved" });
    if (!(await stat(path)).isFile()) return fail({ kind: "not_a_file" });
    await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const opened = await handle.stat({ bigint: true });
    if (!opened.isFile()) return fail({ kind: "not_a_file" });
    if (!identity.startsWith(`${opened.dev}:${opened.ino}:${opened.size}:`)) return fail({ kind: "moved" });
    if (opened.size > BigInt(maximumBytes)) return fail({ kind: "too_large" });
    const size = Number(opened.size);
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
      if (length > size) return fail({ kind: "moved" });
      const message = await take(buffer.subarray(0, bytesRead));
      if (message !== undefined) return fail({ kind: "refused", message });
    }
    // By path: a file renamed over this one counts as a change.
    if (length !== size || (await currentIdentity(path)) !== identity) return fail({ kind: "moved" });
    return ok({ identity });
  } catch (thrown) {
    const code = errorCode(thrown);
    if (code === "unknown") throw thrown;
    return fail(code === "ENOENT" || code === "ENOTDIR" ? { kind: "moved" } : { kind: "unreadable", code });
  }
}
