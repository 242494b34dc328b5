import type { Clock } from "../../core/base/clock.ts";
import type { Hostname } from "../../core/wire/hostname.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";

/** Longest that an answer is reused, whatever its TTL: policy judges every use again, but a moved origin should be found. */
const LONGEST_MILLIS = 30_000;
const MOST_NAMES = 1_000;

/** Addresses of names, for as long as their TTL says. Failures are not kept. */
export interface DnsCache {
  get(name: Hostname): readonly IpAddress[] | undefined;
  /** `ttl` in seconds, the smallest of the answers'. */
  set(name: Hostname, addresses: readonly IpAddress[], ttl: number): void;
}

export function createDnsCache(clock: Clock): DnsCache {
  const entries = new Map<Hostname, { readonly addresses: readonly IpAddress[]; readonly expires: number }>();
  return {
    get(name) {
      const entry = entries.get(name);
      if (entry === undefined) return undefined;
      if (clock.monotonic() < entry.expires) return entry.addresses;
      entries.delete(name);
      return undefined;
    },
    set(name, addresses, ttl) {
      // Deleted first, so that the oldest answer is always the first in the map.
      entries.delete(name);
      if (!(ttl > 0)) return;
      entries.set(name, { addresses, expires: clock.monotonic() + Math.min(ttl * 1_000, LONGEST_MILLIS) });
      if (entries.size <= MOST_NAMES) return;
      const [oldest] = entries.keys();
      if (oldest !== undefined) entries.delete(oldest);
    },
  };
}
