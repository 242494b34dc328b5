import type { Hostname } from "../../core/wire/hostname.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";

/** What a name's question of one family came to. */
export interface FamilyAnswer {
  readonly type: "AAAA" | "A";
  /** At most `MOST_OF_A_FAMILY`. */
  readonly addresses: readonly IpAddress[];
  /** Seconds, the smallest of the records'; of an answer that is "no", how long that counts, 0 where nobody says so. */
  readonly ttl: number;
  /** c-ares' code where there is no address. */
  readonly error: string | undefined;
}

/** Who answers questions. Never rejects, and ends by a deadline of its own. */
export interface DnsSource {
  ask(type: FamilyAnswer["type"], host: Hostname): Promise<FamilyAnswer>;
}

/** Of each family, so that neither crowds the other out. */
export const MOST_OF_A_FAMILY = 16;
