import { fail, ok, type Result } from "../router/core/base/result.ts";
import { verifyLog } from "../router/edge/audit/verify-log.ts";
import { segmentPaths } from "./segment-paths.ts";

/** A tree head that a log must have. */
export interface WantedHead {
  readonly stream: string;
  readonly size: number;
  readonly root: string;
}

export interface LogProblem {
  readonly code: "unreadable" | "wrong";
  /** One sentence. */
  readonly message: string;
}

/** Whether a log (a directory, or its segments in their order) is intact and has these heads: what it covers, in words. */
export type CheckLog = (
  cwd: string,
  paths: readonly string[],
  wanted: readonly WantedHead[],
) => Promise<Result<string, LogProblem>>;

export const checkLog: CheckLog = async (cwd, paths, wanted) => {
  try {
    const files = await segmentPaths(cwd, paths);
    if (files.length === 0)
      return fail({ code: "unreadable", message: "There is no audit segment in this directory." });
    const { damage, heads, records } = await verifyLog(files, wanted);
    if (damage !== undefined) {
      const { file, line } = damage.place;
      return fail({ code: "wrong", message: `${file}:${line}: ${damage.kind}: ${damage.sentence}` });
    }
    for (const { stream, size, root } of wanted) {
      const head = heads.find((one) => one.stream === stream && one.size === size);
      if (head === undefined) {
        return fail({
          code: "wrong",
          message: `The log has no ${size} records of stream ${stream}: it is cut, or another.`,
        });
      }
      if (head.root !== root) {
        return fail({
          code: "wrong",
          message: `The first ${size} records of stream ${stream} are others than were signed.`,
        });
      }
    }
    return ok(
      `${records} records, intact, with ${wanted.map(({ size }) => `the signed head over ${size}`).join(" and ")}`,
    );
  } catch (error) {
    return fail({ code: "unreadable", message: error instanceof Error ? error.message : String(error) });
  }
};
