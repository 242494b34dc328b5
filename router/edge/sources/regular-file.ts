import { type BigIntStats, constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { fail, ok, type Result } from "../../core/base/result.ts";

export type ReadProblem =
  /** It is gone, or is not the file any more that it was when the reading began: try again. */
  | { readonly kind: "moved" }
  | { readonly kind: "not_a_file" }
  | { readonly kind: "too_large" }
  /** `code` is the system's, e.g. `EACCES`, `ELOOP`. */
  | { readonly kind: "unreadable"; readonly code: string };

export interface ReadFile {
  readonly bytes: Buffer;
  /** Equal while the path leads to the same, untouched file. */
  readonly identity: string;
}

/**
 * Reads one regular file of at most `maximumBytes` octets, following symbolic links (a ConfigMap consists of them).
 * Whoever controls the path can neither block us nor fill our memory: anything but a regular file is refused before
 * it is opened, and again afterwards on the descriptor, which was opened without waiting (a FIFO).
 */
export async function readRegularFile(path: string, maximumBytes: number): Promise<Result<ReadFile, ReadProblem>> {
  try {
    if (!(await stat(path)).isFile()) return fail({ kind: "not_a_file" });
    await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) return fail({ kind: "not_a_file" });
    if (before.size > BigInt(maximumBytes)) return fail({ kind: "too_large" });
    // One octet more than expected, so that a file that grows meanwhile is noticed.
    const buffer = Buffer.alloc(Number(before.size) + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length !== buffer.length - 1) return fail({ kind: "moved" });
    // By path, not by descriptor: a file renamed over this one counts as a change.
    const identity = identityOf(await stat(path, { bigint: true }));
    if (identity !== identityOf(before)) return fail({ kind: "moved" });
    return ok({ bytes: buffer.subarray(0, length), identity });
  } catch (thrown) {
    return fail(readProblemOf(thrown));
  }
}

/** The identity that a path has now, to compare with the one it was read under; undefined when it is gone. */
export async function currentIdentity(path: string): Promise<string | undefined> {
  try {
    return identityOf(await stat(path, { bigint: true }));
  } catch {
    return undefined;
  }
}

/** The code of a system error, `unknown` for anything else. */
export function errorCode(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : "unknown";
}

function identityOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}

function readProblemOf(thrown: unknown): ReadProblem {
  const code = errorCode(thrown);
  return code === "ENOENT" || code === "ENOTDIR" ? { kind: "moved" } : { kind: "unreadable", code };
}
