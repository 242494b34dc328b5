import { Resolver } from "node:dns/promises";
import type { Millis } from "../../core/base/quantity.ts";
import { parseIpAddress } from "../../core/wire/ip-address.ts";
import { type DnsSource, type FamilyAnswer, MOST_OF_A_FAMILY } from "./dns-source.ts";

/**
 * Asks over UDP, and over TCP what does not fit, by c-ares: absolute names only, no search list, no hosts file.
 * `dns.lookup` is never used: getaddrinfo appends search domains, reads a hosts file that the agent's container shares,
 * and queues behind the audit log's fdatasync in the thread pool. `servers`: empty for those of resolv.conf, which is
 * read once, here.
 */
export function plainDns(servers: readonly string[], timeout: Millis): DnsSource {
  // c-ares doubles the wait from try to try: a quarter and a half of the time, so that a lost packet costs no failure.
  const dns = new Resolver({ timeout: Math.ceil(timeout / 4), tries: 2 });
  dns.setServers(servers.length > 0 ? servers : dns.getServers());
  return {
    async ask(type, host): Promise<FamilyAnswer> {
      try {
        const question = type === "A" ? dns.resolve4(host, { ttl: true }) : dns.resolve6(host, { ttl: true });
        const records = (await question).slice(0, MOST_OF_A_FAMILY);
        // A record that is no address of ours to parse is dropped: c-ares writes no such text.
        const addresses = records.flatMap((record) => parseIpAddress(record.address) ?? []);
        return { type, addresses, ttl: Math.min(...records.map((record) => record.ttl)), error: undefined };
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : "failed";
        return { type, addresses: [], ttl: 0, error: code };
      }
    },
  };
}
