import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { Roster, type Seated } from "../../core/base/roster.ts";

/** What one watched connection may take, and what to do when it has. */
export interface Watched {
  readonly idle: Millis;
  readonly lifetime: Millis;
  /** Octets of payload carried so far, both directions; a number that has not changed is idleness. */
  carried(): number;
  expire(cause: "idle_timeout" | "lifetime_limit"): void;
}

/**
 * Idle and lifetime limits of every open connection, on one timer: a carried chunk costs nothing, and a sweep of
 * 10,000 connections about one millisecond. A limit is noticed at most two periods late.
 */
export interface DeadlineWatch {
  /** Starts counting now. The returned function ends it, and may be called again without effect. */
  watch(entry: Watched): () => void;
  readonly size: number;
}

const PERIOD = millis(250);

interface Entry extends Seated {
  readonly watched: Watched;
  readonly began: number;
  seen: number;
  lastPayload: number;
}

/** `period` is for tests; the default is 250 ms. */
export function createDeadlineWatch(clock: Clock, period: Millis = PERIOD): DeadlineWatch {
  const entries = new Roster<Entry>();
  let timer: NodeJS.Timeout | undefined;

  function sweep(): void {
    const now = clock.monotonic();
    for (const entry of entries.all()) {
      // One may end others.
      if (!entries.has(entry)) continue;
      const carried = entry.watched.carried();
      if (carried !== entry.seen) {
        entry.seen = carried;
        entry.lastPayload = now;
      }
      if (now - entry.began >= entry.watched.lifetime) expire(entry, "lifetime_limit");
      else if (now - entry.lastPayload >= entry.watched.idle) expire(entry, "idle_timeout");
    }
  }

  function expire(entry: Entry, cause: "idle_timeout" | "lifetime_limit"): void {
    forget(entry);
    entry.watched.expire(cause);
  }

  function forget(entry: Entry): void {
    entries.remove(entry);
    if (entries.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    watch(watched) {
      const now = clock.monotonic();
      const entry: Entry = { watched, began: now, seen: watched.carried(), lastPayload: now, seat: 0 };
      entries.add(entry);
      timer ??= setInterval(sweep, period);
      return () => forget(entry);
    },
    get size() {
      return entries.size;
    },
  };
}
