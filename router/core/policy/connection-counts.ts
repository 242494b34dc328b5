import type { Millis } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { Host } from "../wire/host.ts";
import type { RuleLimits } from "./limits.ts";
import { RateWindows } from "./rate-window.ts";

export type ConnectionLimits = Pick<
  RuleLimits,
  "connections" | "hostConnections" | "connectionsPerMinute" | "hostConnectionsPerMinute"
>;

/** What an open connection holds; given back once. */
export interface ConnectionPlace {
  readonly rule: string;
  readonly host: string;
  /** Later calls have no effect. */
  release(): void;
}

/** Hosts whose last minute is remembered, of all rules together: about 10 MB. */
const MOST_HOSTS = 16_384;

interface OpenConnections {
  count: number;
  readonly hosts: Map<string, number>;
}

/**
 * Connections per rule and per host of a rule: how many are open, and how many were opened within a rolling minute.
 * Open ones are counted for every rule, limited or not, so that a limit that a reload brings finds those that are there.
 * Counts stay with the rule's id over reloads. Memory is bounded by the connections that are open, and by `MOST_HOSTS`:
 * where so many hosts of rules with a limit per host were reached within one minute, the next one is refused.
 */
export class ConnectionCounts {
  readonly #open = new Map<string, OpenConnections>();
  readonly #perRule = new RateWindows();
  readonly #perHost: RateWindows;

  /** `mostHosts` is for tests. */
  constructor(mostHosts = MOST_HOSTS) {
    this.#perHost = new RateWindows(mostHosts);
  }

  /**
   * Why the rule takes no connection to this host now, and undefined where it does; takes nothing. `within`: the place of
   * the tunnel that carries it, which counts for both. `now` is monotonic time.
   */
  obstacle(
    rule: string,
    host: Host,
    limits: ConnectionLimits,
    now: Millis,
    within?: ConnectionPlace,
  ): "connection_limit" | "rate_limited" | undefined {
    const { connections, hostConnections, connectionsPerMinute, hostConnectionsPerMinute } = limits;
    if (!carries(within, rule, host)) {
      const open = this.#open.get(rule);
      const atHost = open?.hosts.get(host.text) ?? 0;
      if (connections !== undefined && !((open?.count ?? 0) < connections)) return "connection_limit";
      if (hostConnections !== undefined && !(atHost < hostConnections)) return "connection_limit";
    }
    if (connectionsPerMinute !== undefined && !this.#perRule.hasRoom(rule, connectionsPerMinute, now)) {
      return "rate_limited";
    }
    if (hostConnectionsPerMinute === undefined) return undefined;
    return this.#perHost.hasRoom(hostKey(rule, host), hostConnectionsPerMinute, now) ? undefined : "rate_limited";
  }

  /** Takes what `obstacle` found free, all of it or nothing. */
  take(
    rule: string,
    host: Host,
    limits: ConnectionLimits,
    now: Millis,
    within?: ConnectionPlace,
  ): Result<ConnectionPlace, "connection_limit" | "rate_limited"> {
    const obstacle = this.obstacle(rule, host, limits, now, within);
    if (obstacle !== undefined) return fail(obstacle);
    const { connectionsPerMinute, hostConnectionsPerMinute } = limits;
    if (connectionsPerMinute !== undefined) this.#perRule.admit(rule, connectionsPerMinute, now);
    if (hostConnectionsPerMinute !== undefined) {
      this.#perHost.admit(hostKey(rule, host), hostConnectionsPerMinute, now);
    }
    if (carries(within, rule, host)) return ok({ rule, host: host.text, release: () => undefined });
    return ok(this.#placeFor(rule, host.text));
  }

  /** Forgets the minutes of rules that `keep` does not hold; what is open counts until it ends. */
  retain(keep: ReadonlySet<string>): void {
    this.#perRule.retain(keep);
    this.#perHost.retain({ has: (key) => keep.has(key.slice(0, key.indexOf(" "))) });
  }

  /** Open connections of a rule. */
  open(rule: string): number {
    return this.#open.get(rule)?.count ?? 0;
  }

  /** What is remembered: rules and hosts of open connections, and hosts with a minute. */
  get size(): { readonly rules: number; readonly open: number; readonly hosts: number } {
    const open = [...this.#open.values()].reduce((sum, { hosts }) => sum + hosts.size, 0);
    return { rules: this.#open.size, open, hosts: this.#perHost.size };
  }

  #placeFor(rule: string, host: string): ConnectionPlace {
    let open = this.#open.get(rule);
    if (open === undefined) {
      open = { count: 0, hosts: new Map() };
      this.#open.set(rule, open);
    }
    open.count += 1;
    open.hosts.set(host, (open.hosts.get(host) ?? 0) + 1);
    let isHeld = true;
    return {
      rule,
      host,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#release(rule, host);
      },
    };
  }

  #release(rule: string, host: string): void {
    const open = this.#open.get(rule);
    if (open === undefined) throw new Error("a place of a rule that has none");
    open.count -= 1;
    const left = (open.hosts.get(host) ?? 0) - 1;
    if (left > 0) open.hosts.set(host, left);
    else open.hosts.delete(host);
    if (open.count === 0) this.#open.delete(rule);
  }
}

function carries(place: ConnectionPlace | undefined, rule: string, host: Host): boolean {
  return place !== undefined && place.rule === rule && place.host === host.text;
}

/** No rule id has a space in it. */
function hostKey(rule: string, host: Host): string {
  return `${rule} ${host.text}`;
}
