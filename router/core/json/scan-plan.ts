import { foldName } from "./fold-name.ts";
import { octetsOf } from "./utf8.ts";

export interface ScanWishes {
  /** Top-level members whose values are kept: name -> most octets of the value's text. */
  readonly capture: ReadonlyMap<string, number>;
  /** Those captured members that may be longer: such a value is passed over, and its name is in `long`. */
  readonly optional?: ReadonlySet<string>;
  /** Top-level members whose items are counted where they are arrays, without keeping any. */
  readonly items?: ReadonlySet<string>;
  /** Names of members that are counted wherever they stand, at any depth. */
  readonly count: ReadonlySet<string>;
  /** Deepest nesting allowed, 1 to 512; the object itself is 1 deep. */
  readonly depth: number;
}

/** What a scan looks for, made ready once for all texts. */
export interface ScanPlan extends Required<ScanWishes> {
  /** The captured names, and those whose items are counted, as an origin sees them that ignores case. */
  readonly folded: ReadonlySet<string>;
  /** 1 where a counted name, written without escapes, has so many octets. */
  readonly countedLengths: Uint8Array;
  /** The octets of the longest way to write a counted name: every one of its own escaped as six. */
  readonly longestCounted: number;
}

const DEEPEST = 512;
const NONE: ReadonlySet<string> = new Set();

/** Throws on a plan that cannot be meant: plans are ours, never the agent's. */
export function scanPlan({ capture, optional = NONE, items = NONE, count, depth }: ScanWishes): ScanPlan {
  if (!Number.isInteger(depth) || depth < 1 || depth > DEEPEST) throw new RangeError("depth is not within 1 to 512");
  if ([...optional].some((name) => !capture.has(name))) throw new Error("an optional name is not captured");
  const known = new Set([...capture.keys(), ...items]);
  const folded = new Set([...known].map(foldName));
  if (folded.size !== known.size) throw new Error("two names that are looked for differ only in case");
  const lengths = [...count].map((name) => octetsOf(name).length);
  const longest = Math.max(0, ...lengths);
  const countedLengths = new Uint8Array(count.size === 0 ? 0 : longest + 1);
  for (const length of lengths) countedLengths[length] = 1;
  return { capture, optional, items, count, depth, folded, countedLengths, longestCounted: 6 * longest };
}
