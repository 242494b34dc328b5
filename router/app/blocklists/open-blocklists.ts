import { createHash, randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import type { HashSeed } from "../../core/blocklist/name-hash.ts";
import { formatEndpoint } from "../../core/config/endpoint-shape.ts";
import type { BlocklistConfig, RouterConfig } from "../../core/config/router-config.ts";
import type { Host } from "../../core/wire/host.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import type { Log } from "../../edge/log/log.ts";
import { currentIdentity } from "../../edge/sources/regular-file.ts";
import { FEED_DEADLINES, type FeedDeadlines } from "../../edge/upstream/get-feed.ts";
import type { NameResolver } from "../../edge/upstream/resolver.ts";
import { blocklistsCondition } from "./blocklists-condition.ts";
import { CopySpace } from "./copy-space.ts";
import { CurrentBlocklist } from "./current-blocklist.ts";
import { Feed } from "./feed.ts";
import type { FeedStatus } from "./feed-status.ts";
import { followFile } from "./follow-file.ts";
import { followUrl } from "./follow-url.ts";
import { KeptCopy, sweepCopies } from "./kept-copy.ts";
import { Pace } from "./pace.ts";

export interface BlocklistRooms {
  readonly config: Pick<RouterConfig, "blocklists" | "state">;
  readonly clock: Clock;
  readonly log: Log;
  readonly resolve: NameResolver["resolve"];
  /** For tests: chance in [0, 1), how long a source may take, how often files are looked at, and how much may be kept. */
  readonly random?: () => number;
  readonly deadlines?: FeedDeadlines;
  readonly poll?: Millis;
  readonly copySpace?: CopySpace;
}

/** How often it is looked whether a path leads to another file. */
const POLL = millis(2_000);

/** All feeds of the configuration, each followed for as long as the process lives. */
export interface Blocklists {
  /** The name of a feed that lists the host or one of its parents; under a microsecond. */
  blockedBy(host: Host): string | undefined;
  /** Called in the same turn in which another list is in force. */
  onChange(changed: () => void): void;
  status(): readonly FeedStatus[];
  condition(): Condition;
  /** Cuts what is under way; resolves when nothing is being written any more. */
  close(): Promise<void>;
}

/**
 * Begins to follow the feeds. Resolves once what can be had without the network counts: files, and the copies that an
 * earlier process kept. What comes over the network follows; nothing waits for it.
 */
export async function openBlocklists(rooms: BlocklistRooms): Promise<Blocklists> {
  const {
    config,
    clock,
    log,
    resolve,
    random = Math.random,
    deadlines = FEED_DEADLINES,
    poll = POLL,
    copySpace = new CopySpace(),
  } = rooms;
  const directory = join(config.state.directory, "blocklists");
  const pace = new Pace(clock);
  const seed = randomSeed();
  const current = new CurrentBlocklist(
    seed,
    pace,
    config.blocklists.map(({ name }) => name),
  );
  const stop = new AbortController();
  const feedRooms = {
    clock,
    log,
    resolve,
    deadlines,
    seed,
    pace,
    current,
    startedAt: clock.now(),
    signal: stop.signal,
  };
  const copies = config.blocklists.map((feed) => new KeptCopy(directory, feed.name, sourceDigest(feed), copySpace));
  const feeds = config.blocklists.map(
    (feed, index) =>
      new Feed(feedRooms, feed, index, copies[index] ?? new KeptCopy(directory, feed.name, "", copySpace)),
  );

  /** False: the router stops. */
  const pause = async (milliseconds: number): Promise<boolean> => {
    try {
      await delay(milliseconds, undefined, { signal: stop.signal, ref: false });
      return true;
    } catch {
      return false;
    }
  };

  const identities = new Map<Feed, string | undefined>();
  if (feeds.length > 0) {
    await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      for (const copy of copies) copy.failed(error);
    });
    // One after the other: their drafts and parsers take memory.
    for (const feed of feeds) {
      const { file } = feed.config;
      if (file !== undefined) {
        const identity = await currentIdentity(file);
        if (await feed.refresh()) {
          identities.set(feed, identity);
          continue;
        }
      }
      await feed.loadCopy();
    }
    const built = await current.build();
    if (!built.ok) for (const feed of feeds) feed.failed(built.problem);
    for (const feed of feeds) await feed.settled();
    const files = new Map(config.blocklists.map(({ name }, index) => [name, copies[index]?.file]));
    await sweepCopies(directory, files).catch((error: unknown) => {
      log.event("warn", "blocklist copies not swept", { problem: String(error) });
    });
  }
  const following = feeds.map((feed) =>
    feed.config.url === undefined
      ? followFile(feed, identities.get(feed), { current, clock, random, pause, poll })
      : followUrl(feed, { current, random, pause }),
  );

  return {
    blockedBy: (host) => current.list.blockedBy(host),
    onChange: (changed) => current.onChange(changed),
    status: () => feeds.map((feed) => feed.status()),
    condition: () => blocklistsCondition(feeds.map((feed) => feed.status())),
    async close() {
      stop.abort();
      await Promise.all(following);
      await Promise.all(feeds.map((feed) => feed.settled()));
    },
  };
}

/** New in each process: whoever writes a feed, or names a host, cannot know which names meet. */
function randomSeed(): HashSeed {
  const octets = randomBytes(8);
  return { first: octets.readUInt32LE(0), second: octets.readUInt32LE(4) };
}

/** Of where a feed comes from: a URL may hold a credential, and is not written down. */
function sourceDigest({ url, file, format }: BlocklistConfig): string {
  const source = url === undefined ? `file ${file ?? ""}` : `url ${formatEndpoint(url)}`;
  return createHash("sha256").update(`${format} ${source}`).digest("hex");
}
