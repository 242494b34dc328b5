import type { Clock } from "../../core/base/clock.ts";
import type { Millis } from "../../core/base/quantity.ts";
import { currentIdentity } from "../../edge/sources/regular-file.ts";
import type { Feed } from "./feed.ts";
import type { FollowRooms } from "./follow-url.ts";
import { retryPause } from "./retry-pause.ts";

export interface FollowFileRooms extends FollowRooms {
  readonly clock: Clock;
  /** How often it is looked whether the path leads to another file. */
  readonly poll: Millis;
}

/**
 * A file is read again once its path leads to something else (a ConfigMap is swapped through links) and has done so for
 * one poll: whoever writes in place has then stopped for so long. What could not be read is tried again later, or when it
 * changes. `read`: the identity under which the file was read into force before this began.
 */
export async function followFile(
  feed: Feed,
  read: string | undefined,
  { current, clock, random, pause, poll }: FollowFileRooms,
): Promise<void> {
  const { file = "", refresh } = feed.config;
  let inForce = read;
  let before = read;
  let tried: string | undefined;
  let retryAt = read === undefined ? clock.monotonic() + retryPause(1, refresh, random()) : 0;
  while (await pause(poll)) {
    const now = await currentIdentity(file);
    const isSettled = now === before;
    before = now;
    if (now !== undefined && now === inForce) {
      feed.confirm();
      continue;
    }
    if (!isSettled || (now === tried && clock.monotonic() < retryAt)) continue;
    tried = now;
    const isCurrent = await feed.refresh();
    const built = await current.build();
    if (!built.ok) feed.failed(built.problem);
    // Changed since it was looked at: then it is another one at the next poll, and read once more.
    if (isCurrent && built.ok) inForce = now;
    else {
      retryAt = clock.monotonic() + retryPause(feed.failures, refresh, random());
    }
  }
}
