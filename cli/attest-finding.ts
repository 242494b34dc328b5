import { resolve } from "node:path";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { decodeUtf8 } from "../router/edge/trust/utf8.ts";
import { readCapped } from "../router/edge/trust/read-capped.ts";

export interface Finding {
  /** What was looked at: `signature`, `statement`, `checkpoint`, or what the user named. */
  readonly subject: string;
  readonly outcome: "ok" | "wrong" | "unreadable";
  /** Stable; null for `ok`. */
  readonly code: string | null;
  readonly sentence: string;
}

export function found(subject: string, outcome: Finding["outcome"], code: string | null, sentence: string): Finding {
  return { subject, outcome, code, sentence };
}

/** A UTF-8 file of at most so many octets, or why there is none. */
export async function readText(cwd: string, file: string, limit: number): Promise<Result<string, Finding>> {
  const read = await readCapped(resolve(cwd, file), limit);
  if (!read.ok) return fail(found(file, "unreadable", read.problem.code, read.problem.message));
  const source = decodeUtf8(read.value);
  return source === undefined ? fail(found(file, "unreadable", "not_utf8", "The file is not UTF-8 text.")) : ok(source);
}
