import { foldName } from "./fold-name.ts";
import { octetsOf } from "./utf8.ts";

export interface ScanWishes {
  /** Top-level members whose values are kept: name -> most octets of the value's text. */
  readonly capture: ReadonlyMap<string, number>;
  /** Names of members that are counted wherever they stand, at any depth. */
  readonly count: ReadonlySet<string>;
  /** Deepest nesting allowed, 1 to 512; the object itself is 1 deep. */
  readonly depth: number;
}

/** What a scan looks for, made ready once for all texts. */
export interface ScanPlan extends ScanWishes {
  /** The captured names as an origin sees them that ignores case. */
  readonly folded: ReadonlySet<string>;
  /** 1 where a counted name, written without escapes, has so many octets. */
  readonly countedLengths: Uint8Array;
  /** The octets of the longest way to write a counted name: every one of its own escaped as six. */
  readonly longestCounted: number;
}

const DEEPEST = 512;

/** Throws on a plan that cannot be meant: plans are ours, never the agent's. */
export function scanPlan({ capture, count, depth }: ScanWishes): ScanPlan {
  if (!Number.isInteger(depth) || depth < 1 || depth > DEEPEST) throw new RangeError("depth is not within 1 to 512");
  const folded = new Set([...capture.keys()].map(foldName));
  if (folded.size !== capture.size) throw new Error("two captured names differ only in case");
  const lengths = [...count].map((name) => octetsOf(name).length);
  const longest = Math.max(0, ...lengths);
  const countedLengths = new Uint8Array(count.size === 0 ? 0 : longest + 1);
  for (const length of lengths) countedLengths[length] = 1;
  return { capture, count, depth, folded, countedLengths, longestCounted: 6 * longest };
}
