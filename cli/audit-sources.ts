import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { parseSegmentName } from "../router/core/audit/segment-header.ts";
import { listSegments } from "../router/edge/audit/read-segments.ts";

export interface AuditSources {
  readonly files: readonly string[];
  /** What cannot be read, a sentence each. */
  readonly problems: readonly string[];
}

/** Each segment once; those of one directory in the order of the chain, however a shell has sorted them. */
export async function auditSources(cwd: string, paths: readonly string[]): Promise<AuditSources> {
  const problems: string[] = [];
  const logs = new Map<string, Set<string>>();
  for (const path of paths) {
    const found = await sourcesAt(resolve(cwd, path));
    problems.push(...found.problems);
    for (const file of found.files) {
      const log = logs.get(dirname(file)) ?? new Set();
      logs.set(dirname(file), log.add(file));
    }
  }
  const files = [...logs.values()].flatMap((log) => [...log].toSorted((one, other) => orderOf(one) - orderOf(other)));
  return { files, problems };
}

async function sourcesAt(path: string): Promise<AuditSources> {
  try {
    if (!(await stat(path)).isDirectory()) return { files: [path], problems: [] };
    const files = await listSegments(path);
    return { files, problems: files.length > 0 ? [] : [`${path}: there is no audit segment in this directory`] };
  } catch (error) {
    return { files: [], problems: [messageOf(error)] };
  }
}

/** What is named otherwise stays in its order, behind the segments. */
function orderOf(file: string): number {
  return parseSegmentName(basename(file))?.segment ?? Number.MAX_SAFE_INTEGER;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
