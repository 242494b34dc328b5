import type { Host } from "../wire/host.ts";
import { entryText } from "./entry-text.ts";
import type { FeedEntries } from "./feed-entries.ts";
import { type HashSeed, MOST_HASHES, nameHashes } from "./name-hash.ts";

export interface NamedFeed {
  readonly name: string;
  readonly entries: FeedEntries;
}

/** Everything that all feeds list. Nothing of it changes any more. */
export interface Blocklist {
  /** Without what several feeds list. */
  readonly entries: number;
  /** The name of a feed that lists the host, or covers it by one of its parents; undefined: none does. */
  blockedBy(host: Host): string | undefined;
}

export const EMPTY_BLOCKLIST: Blocklist = { entries: 0, blockedBy: () => undefined };

/** A tag is one octet, and 0 is no feed. */
export const MOST_FEEDS = 255;
/** Of a hundred places, how many are taken: few enough that what is not listed is found out within a cache line. */
const FULL_PERCENT = 60;
/** Entries between two steps, about 0.2 ms. */
const STEP = 2_048;

/**
 * One open-addressed table over the 63 bits of the entries' hashes, made in steps, so that whoever makes it can do
 * something else in between. 15 octets an entry, beside the feeds' own 8. Of two feeds that list the same name, one that
 * lists what is below it too is kept, else the first. That a host meets an entry by chance: 1 in 2^63 for each entry and
 * each label of the host; with a million entries 1 in 10^12.
 */
export function* buildBlocklist(seed: HashSeed, feeds: readonly NamedFeed[]): Generator<void, Blocklist, void> {
  if (feeds.length > MOST_FEEDS) throw new RangeError(`${feeds.length} feeds`);
  const listed = feeds.reduce((sum, { entries }) => sum + entries.count, 0);
  const places = Math.max(16, Math.ceil((listed * 100) / FULL_PERCENT));
  const table: Table = {
    keys: new Uint32Array(2 * places),
    tags: new Uint8Array(places),
    scale: places / 2 ** 32,
  };
  let distinct = 0;
  let sinceStep = 0;
  for (const [index, { entries }] of feeds.entries()) {
    for (const block of entries.blocks) {
      for (let at = 0; at < block.length; at += 2) {
        if (insert(table, block[at] ?? 0, block[at + 1] ?? 0, index + 1)) distinct += 1;
        sinceStep += 1;
        if (sinceStep < STEP) continue;
        sinceStep = 0;
        yield;
      }
    }
  }
  return lookUpIn(table, seed, distinct, ["", ...feeds.map(({ name }) => name)]);
}

interface Table {
  /** Two words a place: see `FeedEntries`. */
  readonly keys: Uint32Array;
  /** Which feed a place belongs to, from 1; 0: none. */
  readonly tags: Uint8Array;
  /** The place that a hash's first word asks for, a word. */
  readonly scale: number;
}

function insert({ keys, tags, scale }: Table, one: number, other: number, tag: number): boolean {
  let place = Math.floor(one * scale);
  for (;;) {
    if (tags[place] === 0) {
      keys[2 * place] = one;
      keys[2 * place + 1] = other;
      tags[place] = tag;
      return true;
    }
    const held = keys[2 * place + 1] ?? 0;
    if (keys[2 * place] === one && ((held ^ other) & ~1) === 0) {
      if ((other & ~held & 1) === 1) {
        keys[2 * place + 1] = other;
        tags[place] = tag;
      }
      return false;
    }
    place = place + 1 === tags.length ? 0 : place + 1;
  }
}

/** `names`: of the feeds, by their tags. */
function lookUpIn({ keys, tags, scale }: Table, seed: HashSeed, entries: number, names: readonly string[]): Blocklist {
  const hashes = new Uint32Array(2 * MOST_HASHES);

  function tagOf(one: number, other: number, isParent: boolean): number {
    let place = Math.floor(one * scale);
    for (;;) {
      const tag = tags[place] ?? 0;
      if (tag === 0) return 0;
      const held = keys[2 * place + 1] ?? 0;
      if (keys[2 * place] === one && ((held ^ other) & ~1) === 0) return isParent && (held & 1) === 0 ? 0 : tag;
      place = place + 1 === tags.length ? 0 : place + 1;
    }
  }

  return {
    entries,
    blockedBy(host) {
      const last = nameHashes(seed, entryText(host), host.kind === "address", hashes) - 1;
      for (let index = last; index >= 0; index--) {
        const tag = tagOf(hashes[2 * index] ?? 0, hashes[2 * index + 1] ?? 0, index < last);
        if (tag !== 0) return names[tag];
      }
      return undefined;
    },
  };
}
