import { fail, ok, type Result } from "../base/result.ts";

/** Why a feed is refused as a whole; what it listed before stands. */
export interface FeedProblem {
  readonly code: "too_many_entries" | "no_entries" | "not_a_feed" | "shrunk";
  /** One sentence, with nothing of the feed's text. */
  readonly message: string;
}

/** What the lines of a feed came to. */
export interface FeedCounts {
  readonly entries: number;
  /** Well-formed, but never listed: single labels, names of the machine itself, lines that map a name. */
  readonly ignored: number;
  /** Not understood. */
  readonly bad: number;
}

/** Entries of one feed, and of all feeds together: 16 MB for the feeds and 30 MB for the look-up. */
export const MOST_ENTRIES = 2_000_000;
/** Of ten things that a feed says, how many need not be understood. */
const BAD_OF_TEN = 1;

/**
 * Whether what came can be the whole feed: it lists something; at most one in ten of its lines is not understood (an
 * error page is all lines that are not); and it has at least half as many entries as stand. `standing` is undefined
 * where nothing stands, or where its digest or its owner vouches for what came, however little it is.
 */
export function judgeFeed(counts: FeedCounts, standing: number | undefined): Result<void, FeedProblem> {
  const { entries, ignored, bad } = counts;
  const said = entries + ignored + bad;
  if (bad * 10 > said * BAD_OF_TEN) {
    return fail({ code: "not_a_feed", message: `Of ${said} entries, ${bad} are no names.` });
  }
  if (entries === 0) return fail({ code: "no_entries", message: "Nothing is listed." });
  if (standing !== undefined && entries * 2 < standing) {
    return fail({ code: "shrunk", message: `It lists ${entries} where ${standing} stand.` });
  }
  return ok(undefined);
}
