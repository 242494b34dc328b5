import type { Clock } from "../../core/base/clock.ts";
import type { Hostname } from "../../core/wire/hostname.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";

/** Longest that an answer is reused, whatever its TTL: policy judges every use again, but a moved origin should be found. */
const LONGEST_MILLIS = 30_000;
const MOST_NAMES = 1_000;

/** What DNS says of a name: addresses, or that there are none. */
export type KeptAnswer =
  | { readonly kind: "found"; readonly addresses: readonly IpAddress[] }
  /** `detail`: for logs, what each question came to. */
  | { readonly kind: "absent"; readonly absent: "name" | "addresses"; readonly detail: string };

/** Answers about names, also negative ones (RFC 2308), for as long as their TTL says. Failures are not kept. */
export interface DnsCache {
  /** `ttl`: the seconds that are left. */
  get(name: Hostname): { readonly answer: KeptAnswer; readonly ttl: number } | undefined;
  /** `ttl` in seconds, the smallest of the answers'; returns how much of it counts. */
  set(name: Hostname, answer: KeptAnswer, ttl: number): number;
}

export function createDnsCache(clock: Clock): DnsCache {
  const found = table();
  /** Apart, so that names which are not there take no place from names that are. */
  const absent = table();

  function table(): Map<Hostname, { readonly answer: KeptAnswer; readonly expires: number }> {
    return new Map();
  }

  return {
    get(name) {
      for (const entries of [found, absent]) {
        const entry = entries.get(name);
        if (entry === undefined) continue;
        const left = entry.expires - clock.monotonic();
        if (left > 0) return { answer: entry.answer, ttl: left / 1_000 };
        entries.delete(name);
      }
      return undefined;
    },
    set(name, answer, ttl) {
      // Deleted first, so that the oldest answer is always the first in its map.
      found.delete(name);
      absent.delete(name);
      if (!(ttl > 0)) return 0;
      const entries = answer.kind === "found" ? found : absent;
      const counts = Math.min(ttl * 1_000, LONGEST_MILLIS);
      entries.set(name, { answer, expires: clock.monotonic() + counts });
      const [oldest] = entries.keys();
      if (entries.size > MOST_NAMES && oldest !== undefined) entries.delete(oldest);
      return counts / 1_000;
    },
  };
}
