import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import type { Result } from "../../core/base/result.ts";
import { DNS_CLASS_IN, DNS_TYPE, type DnsQuestion } from "../../core/wire/dns-message.ts";
import { dnsNameOf } from "../../core/wire/dns-name.ts";
import type { DnsLink } from "./dns-link.ts";
import { type DnsSource, type FamilyAnswer, MOST_OF_A_FAMILY } from "./dns-source.ts";

/** Opens a connection to one server; the problem is a code as c-ares would say it. */
export type DialDns = (server: string, timeout: Millis) => Promise<Result<DnsLink, string>>;

/**
 * Asks over one kept connection, which all questions share and which is made when one is asked. A question that a
 * connection was lost under is asked once more over another (RFC 7766 section 6.2.1); where a server cannot be reached, the
 * next is tried, and stays the first to be tried.
 */
export function securedDns(servers: readonly string[], dial: DialDns, timeout: Millis, clock: Clock): DnsSource {
  let first = 0;
  let link: DnsLink | undefined;
  let dialling: Promise<Result<DnsLink, string>> | undefined;

  async function dialAny(): Promise<Result<DnsLink, string>> {
    const deadline = clock.monotonic() + timeout;
    let last: Result<DnsLink, string> = { ok: false, problem: "ECONNREFUSED" };
    for (let tried = 0; tried < servers.length; tried++) {
      const at = (first + tried) % servers.length;
      const left = deadline - clock.monotonic();
      const server = servers[at];
      if (server === undefined || left <= 0) break;
      // What hangs must leave time for those behind it.
      last = await dial(server, millis(Math.ceil(left / (servers.length - tried))));
      if (!last.ok) continue;
      first = at;
      link = last.value;
      break;
    }
    return last;
  }

  async function connected(): Promise<Result<DnsLink, string>> {
    if (link?.isOpen === true) return { ok: true, value: link };
    dialling ??= dialAny().finally(() => (dialling = undefined));
    return dialling;
  }

  return {
    async ask(type, host): Promise<FamilyAnswer> {
      const deadline = clock.monotonic() + timeout;
      const question: DnsQuestion = { name: dnsNameOf(host), type: DNS_TYPE[type], class: DNS_CLASS_IN };
      const failed = (error: string, ttl = 0): FamilyAnswer => ({ type, addresses: [], ttl, error });
      for (let attempt = 0; attempt < 2; attempt++) {
        const open = await connected();
        if (!open.ok) return failed(open.problem);
        const left = Math.ceil(deadline - clock.monotonic());
        if (left <= 0) return failed("ETIMEOUT");
        const answer = await open.value.ask(question, millis(left));
        if (answer.kind === "lost") continue;
        if (answer.kind === "failed") return failed(answer.code);
        const { finding } = answer;
        switch (finding.kind) {
          case "found":
            return {
              type,
              addresses: finding.addresses.slice(0, MOST_OF_A_FAMILY),
              ttl: finding.ttl,
              error: undefined,
            };
          case "none":
            return failed(finding.exists ? "ENODATA" : "ENOTFOUND", finding.ttl);
          case "failed":
            return failed(finding.code);
        }
      }
      return failed("ECONNRESET");
    },
  };
}
