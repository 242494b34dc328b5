import type { CurrentBlocklist } from "./current-blocklist.ts";
import type { Feed } from "./feed.ts";
import { refreshPause, retryPause } from "./retry-pause.ts";

export interface FollowRooms {
  readonly current: CurrentBlocklist;
  /** Chance in [0, 1). */
  readonly random: () => number;
  /** False: the router stops. */
  readonly pause: (milliseconds: number) => Promise<boolean>;
}

/** A feed of which nothing is in force is asked for at once, any other when it is due; until a `pause` is false. */
export async function followUrl(feed: Feed, { current, random, pause }: FollowRooms): Promise<void> {
  const { refresh } = feed.config;
  let next = feed.isLoaded ? refreshPause(refresh, feed.age, random()) : 0;
  while (await pause(next)) {
    const isCurrent = await feed.refresh();
    const built = await current.build();
    if (!built.ok) feed.failed(built.problem);
    next = isCurrent && built.ok ? refreshPause(refresh, 0, random()) : retryPause(feed.failures, refresh, random());
  }
}
