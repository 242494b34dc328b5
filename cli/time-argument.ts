import type { EpochMillis } from "../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { nodeOf } from "../router/core/document/node-of.ts";
import { quoted } from "../router/core/document/quoted.ts";
import { Report } from "../router/core/document/report.ts";
import { timestamp } from "../router/core/document/timestamp-shape.ts";

/** Unlike a setting's duration this is no timer, and may be longer than one. */
const AGO = /^(?=.)(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?$/;
const FACTORS = [86_400_000, 3_600_000, 60_000, 1_000];

/** An RFC 3339 time, or how long ago (`90s`, `15m`, `1d12h`), as a record writes times: UTC with milliseconds. */
export function parseTimeArgument(text: string, now: EpochMillis): Result<string, string> {
  const ago = AGO.exec(text);
  const time =
    ago === null
      ? timestamp.read(nodeOf(text), new Report("", text))
      : Math.max(
          0,
          FACTORS.reduce((left, factor, index) => left - factor * Number(ago[index + 1] ?? 0), now),
        );
  if (time !== undefined) return ok(new Date(time).toISOString());
  return fail(`${quoted(text)} is neither a time such as 2026-11-20T03:00:00Z nor a length of time such as 15m`);
}
