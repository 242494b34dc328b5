import { foldName } from "./fold-name.ts";
import type { ItemWish } from "./item-shapes.ts";
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
  /**
   * The same, in whatever case an origin may take them, but only with a value that is neither null nor a boolean, and not
   * within what is `unread`.
   */
  readonly watch?: ReadonlySet<string>;
  /** Top-level members in which nothing is watched: nowhere ("all"), or not in the values of the members so named. */
  readonly unread?: ReadonlyMap<string, ReadonlySet<string> | "all">;
  /** A top-level list of which the shapes of the items are told. */
  readonly shapes?: ItemWish | undefined;
  /** Deepest nesting allowed, 1 to 512; the object itself is 1 deep. */
  readonly depth: number;
}

/** What a scan looks for, made ready once for all texts. */
export interface ScanPlan extends Required<ScanWishes> {
  /** The captured names, and those whose items are counted or told, as an origin sees them that ignores case. */
  readonly folded: ReadonlySet<string>;
  /** The folded form of a watched name -> the name. */
  readonly foldedWatch: ReadonlyMap<string, string>;
  /** 1 where a name that matters below the top, written without escapes, has so many octets. */
  readonly countedLengths: Uint8Array;
  /** The octets of the longest way to write such a name: every one of its own escaped as six. */
  readonly longestCounted: number;
}

const DEEPEST = 512;
const NONE: ReadonlySet<string> = new Set();
const ALL_READ: ReadonlyMap<string, ReadonlySet<string> | "all"> = new Map();

/** Throws on a plan that cannot be meant: plans are ours, never the agent's. */
export function scanPlan(wishes: ScanWishes): ScanPlan {
  const { capture, optional = NONE, items = NONE, count, watch = NONE, unread = ALL_READ, shapes, depth } = wishes;
  if (!Number.isInteger(depth) || depth < 1 || depth > DEEPEST) throw new RangeError("depth is not within 1 to 512");
  if ([...optional].some((name) => !capture.has(name))) throw new Error("an optional name is not captured");
  if ([...watch].some((name) => count.has(name))) throw new Error("a watched name is counted anyway");
  const lists = shapes === undefined ? [] : [shapes.list];
  const known = new Set([...capture.keys(), ...items, ...lists]);
  const folded = new Set([...known].map(foldName));
  if (folded.size !== known.size) throw new Error("two names that are looked for differ only in case");
  const below = [...unread.values()].flatMap((names) => (names === "all" ? [] : [...names]));
  const within = [...count, ...watch, ...below, ...(shapes === undefined ? [] : [shapes.kind, ...shapes.names])];
  const lengths = [...within.map((name) => octetsOf(name).length), ...[...watch].flatMap(foldedLengths)];
  const longest = Math.max(0, ...lengths);
  const countedLengths = new Uint8Array(within.length === 0 ? 0 : longest + 1);
  for (const length of lengths) countedLengths[length] = 1;
  const longestCounted = 6 * longest;
  const foldedWatch = new Map([...watch].map((name) => [foldName(name), name]));
  const named = { capture, optional, items, count, watch, unread, shapes };
  return { ...named, depth, folded, foldedWatch, countedLengths, longestCounted };
}

/** How long a name may be that folds to this one: "s" and "i" may be written in two octets, and "k" in three. */
function foldedLengths(name: string): number[] {
  const more = (name.match(/[si]/gi) ?? []).length + 2 * (name.match(/k/gi) ?? []).length;
  return Array.from({ length: more }, (_, index) => octetsOf(name).length + index + 1);
}
