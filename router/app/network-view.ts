import { networkInterfaces } from "node:os";
import type { RouterConfig } from "../core/config/router-config.ts";
import { BARE_NETWORK, compileNetwork, type NetworkFacts } from "../core/policy/network.ts";
import { parseIpAddress } from "../core/wire/ip-address.ts";
import type { Log } from "../edge/log/log.ts";
import { discoverNat64 } from "../edge/upstream/nat64.ts";
import type { NameResolver } from "../edge/upstream/resolver.ts";

/** RFC 7050 section 3 leaves the interval open; prefixes change when a network is renumbered. */
const DISCOVER_AGAIN_MILLIS = 10 * 60 * 1_000;

/** What the router knows of the network around it: the operator's settings, the pod's own addresses, NAT64 prefixes. */
export class NetworkView {
  readonly #config: RouterConfig;
  readonly #log: Log;
  readonly #stop = new AbortController();
  #facts: NetworkFacts;
  #discovered: readonly string[] = [];
  #changed: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(config: RouterConfig, log: Log) {
    this.#config = config;
    this.#log = log;
    this.#facts = this.#compile([]);
  }

  get facts(): NetworkFacts {
    return this.#facts;
  }

  onChange(callback: () => void): void {
    this.#changed = callback;
  }

  /** Looks for NAT64 prefixes now and from time to time; where nobody knows, none are assumed, which refuses more. */
  discover(resolver: NameResolver): void {
    if (!this.#config.network.nat64.discover) return;
    void this.#discoverOnce(resolver);
    this.#timer = setInterval(() => void this.#discoverOnce(resolver), DISCOVER_AGAIN_MILLIS);
    this.#timer.unref();
  }

  close(): void {
    this.#stop.abort();
    clearInterval(this.#timer);
  }

  async #discoverOnce(resolver: NameResolver): Promise<void> {
    const found = await discoverNat64(resolver, this.#stop.signal);
    if (!found.ok || this.#stop.signal.aborted || found.value.join() === this.#discovered.join()) return;
    this.#discovered = found.value;
    const believed = found.value.filter(onlyRefusesMore);
    this.#facts = this.#compile(believed);
    this.#log.event("info", "nat64 prefixes", { prefixes: believed.join(" ") });
    const ignored = found.value.filter((prefix) => !onlyRefusesMore(prefix));
    if (ignored.length > 0) {
      this.#log.event(
        "warn",
        "nat64 prefixes of DNS ignored: in special-use space only network.nat64.prefixes counts",
        {
          prefixes: ignored.join(" "),
        },
      );
    }
    this.#changed?.();
  }

  #compile(discovered: readonly string[]): NetworkFacts {
    const { network, listeners } = this.#config;
    const own = Object.values(networkInterfaces()).flatMap((addresses) =>
      (addresses ?? []).flatMap(({ address }) => parseIpAddress(address.split("%", 1)[0] ?? "") ?? []),
    );
    const settings = {
      deny: network.deny,
      own,
      listenerPorts: Object.values(listeners).map(({ port }) => port),
    };
    const compiled = compileNetwork({ ...settings, nat64Prefixes: [...network.nat64.prefixes, ...discovered] });
    if (compiled.ok) return compiled.value;
    // The configuration's own parser has passed its ranges; what DNS claimed may still be no prefix of any use.
    this.#log.event("warn", "nat64 prefixes refused", {
      problem: compiled.problem.map(({ message }) => message).join(" "),
    });
    const declared = compileNetwork({ ...settings, nat64Prefixes: network.nat64.prefixes });
    if (declared.ok) return declared.value;
    throw new Error(`the configuration's networks came unchecked: ${declared.problem[0]?.message}`);
  }
}

/**
 * DNS may make addresses suspect, never harmless: whoever answers would otherwise declare a prefix in unique-local space
 * under which the pod network's own addresses read as global. The well-known prefix has one meaning whoever names it.
 */
function onlyRefusesMore(prefix: string): boolean {
  const address = parseIpAddress(prefix.split("/", 1)[0] ?? "");
  return prefix === "64:ff9b::/96" || (address !== undefined && BARE_NETWORK.classify(address).global);
}
