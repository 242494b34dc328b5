import { createHash } from "node:crypto";
import type { AuditEvent } from "../core/audit/audit-event.ts";
import type { Clock } from "../core/base/clock.ts";
import type { EpochMillis } from "../core/base/quantity.ts";
import type { Reason } from "../core/base/reason.ts";
import type { Result } from "../core/base/result.ts";
import type { RouterConfig } from "../core/config/router-config.ts";
import { admissibleAddresses, decideName } from "../core/policy/decide-name.ts";
import type { NetworkFacts } from "../core/policy/network.ts";
import type { NamePermit } from "../core/policy/permit.ts";
import type { PolicySnapshot } from "../core/policy/snapshot.ts";
import type { Surroundings } from "../core/policy/surroundings.ts";
import { type Cidr, parseCidr } from "../core/wire/cidr.ts";
import { DNS_CLASS_IN, DNS_RCODE, DNS_TYPE, type DnsMessage } from "../core/wire/dns-message.ts";
import { hostnameOf } from "../core/wire/dns-name.ts";
import { readDnsQuery } from "../core/wire/dns-query.ts";
import { syntheticAddress } from "../core/wire/dns-synthetic.ts";
import type { Host } from "../core/wire/host.ts";
import type { Hostname } from "../core/wire/hostname.ts";
import { isIpv6 } from "../core/wire/ip-address.ts";
import { safeText } from "../core/wire/safe-text.ts";
import type { DnsProblem, NameAnswer } from "../edge/upstream/resolver.ts";
import type { Refused } from "./refused.ts";
import { QueryRate } from "./policy-dns-limits.ts";
import { DnsRecords, type DnsVerdict } from "./policy-dns-records.ts";
import { dnsErrorReply, dnsReply, type DnsSaying } from "./policy-dns-reply.ts";
import { empty, found, refusalOf, said } from "./policy-dns-saying.ts";

/** Label of `dns_queries_total`. */
export type DnsDecision = "allow" | "deny" | "failed" | "limited" | "malformed";

/** The rooms that the policy's DNS calls, each by the smallest function it needs. */
export interface PolicyDnsRooms {
  readonly clock: Clock;
  readonly settings: RouterConfig["dns"];
  policy(): PolicySnapshot;
  /** The wall clock, except that it never steps back. */
  policyTime(): EpochMillis;
  readonly surroundings: Surroundings;
  /**
   * What live approvals permit of a host that the policy refuses for `reason`: made by `decide` with their grants, so that
   * what no approval may allow is not among them. Of approvals nothing is used up.
   */
  approved(host: Host, reason: Reason): readonly NamePermit[];
  /** Why the governance policy, or the agent's behaviour, lets nothing be dialled by a permit. */
  barred(permit: NamePermit): Refused | undefined;
  network(): NetworkFacts;
  /** See `AdmissionRooms`. */
  sends(proxy: string): "address" | "name" | undefined;
  inventive(host: Hostname): string | undefined;
  draining(): boolean;
  /** False: no question leaves. */
  auditWritable(): boolean;
  record(event: AuditEvent): Promise<Result<void, "audit_unavailable">>;
  recordSoon(event: AuditEvent): void;
  resolve(host: Hostname, signal: AbortSignal): Promise<Result<NameAnswer, DnsProblem>>;
  counted(decision: DnsDecision): void;
}

export interface PolicyDns {
  /** The answer to a client's message, in octets; undefined: silence. */
  answer(query: Uint8Array, over: "udp" | "tcp"): Promise<Uint8Array | undefined>;
  /** Ends what waits for the resolver, and records what was counted. */
  close(): void;
}

const MINUTE_MILLIS = 60_000;
/** Seconds that an allowed name's "no" may be kept. */
const ABSENT_SECONDS = 30;
/** Names that are being resolved for questions at the same time: few enough that who connects finds the resolver free. */
const MOST_ASKED = 64;

/** What a question comes to, and what is said to it. */
interface Judged {
  readonly counts: DnsDecision;
  readonly verdict: Omit<DnsVerdict, "action" | "target"> | undefined;
  readonly saying: DnsSaying;
}

/**
 * The agent's DNS: answers A and AAAA of names that the policies in force, or a live approval, let be dialled on some
 * port, with the addresses that a dial would admit; of such a name every other type is empty, and every other name does not
 * exist. No question leaves for a name that is refused. Answers are on record before they are given.
 */
export function createPolicyDns(rooms: PolicyDnsRooms): PolicyDns {
  const { clock, settings } = rooms;
  const rate = new QueryRate(settings.queriesPerSecond, clock.monotonic());
  const records = new DnsRecords(rooms);
  const stop = new AbortController();
  const seconds = Math.floor(settings.ttl / 1_000);
  const synthetic = { v4: knownNetwork(settings.synthetic), v6: knownNetwork(settings.synthetic6) };
  let asked = 0;
  const sweep = setInterval(() => records.sweep(), MINUTE_MILLIS);
  sweep.unref();

  async function judge({ question, edns }: DnsMessage): Promise<Judged> {
    if (edns !== undefined && edns.version !== 0) {
      return { counts: "malformed", verdict: undefined, saying: said(DNS_RCODE.BADVERS) };
    }
    if (question.class !== DNS_CLASS_IN) {
      return { counts: "malformed", verdict: undefined, saying: said(DNS_RCODE.REFUSED) };
    }
    const policy = rooms.policy();
    const refused = refusalsOf(policy);
    if (rooms.draining()) return refused("draining", undefined);
    const name = hostnameOf(question.name);
    if (name === undefined) return refused("host_not_allowed", undefined);
    const host: Host = { kind: "name", text: name };
    const decision = decideName(policy, host, rooms.policyTime(), rooms.surroundings);
    const offered = decision.effect === "permit" ? decision.permits : rooms.approved(host, decision.reason);
    const { permits, bar } = unbarred(rooms, offered);
    const [permit] = permits;
    if (bar !== undefined) return barredBy(bar);
    if (permit === undefined || policy.state === "missing") {
      const { reason, rule } = decision.effect === "deny" ? decision : { reason: "host_not_allowed" as const };
      return refused(reason, rule);
    }
    if (!rooms.auditWritable()) return refused("audit_unavailable", permit.rule);
    const allowed = (saying: DnsSaying, detail: NonNullable<DnsVerdict["detail"]>): Judged => ({
      counts: "allow",
      verdict: {
        decision: "allow",
        reason: null,
        rule: permit.rule ?? null,
        policy: permit.policy,
        detail: permit.unlisted === undefined ? detail : { ...detail, unlisted: permit.unlisted },
      },
      saying,
    });
    const wanted = question.type === DNS_TYPE.A ? false : question.type === DNS_TYPE.AAAA ? true : undefined;
    if (wanted === undefined) return allowed(empty(seconds), { addresses: [] });
    // Who is given the name resolves it: nobody here is to ask for it.
    const isOthers = permits.some(({ proxy }) => proxy !== undefined && rooms.sends(proxy) === "name");
    if (settings.answers === "synthetic" || isOthers) {
      const address = syntheticAddress(wanted ? synthetic.v6 : synthetic.v4, sha256(name));
      return allowed(found([address], seconds), { addresses: [address], synthetic: true });
    }
    // An approval is of one host: nobody can invent names below it.
    const cause = decision.effect === "permit" ? rooms.inventive(name) : undefined;
    if (cause !== undefined) return refused("rate_limited", permit.rule, { cause });
    if (asked >= MOST_ASKED) return refused("overloaded", permit.rule);

    asked += 1;
    const answer = await rooms.resolve(name, stop.signal).finally(() => (asked -= 1));
    if (!answer.ok) {
      const { absent, detail } = answer.problem;
      if (absent === "name") return allowed({ ...empty(ABSENT_SECONDS), rcode: DNS_RCODE.NXDOMAIN }, { addresses: [] });
      if (absent === "addresses") return allowed(empty(ABSENT_SECONDS), { addresses: [] });
      return refused("dns_failure", permit.rule, { cause: safeText(detail, 256) });
    }
    // While it was asked the policy may have changed, or what is known of the network.
    const now = decideName(rooms.policy(), host, rooms.policyTime(), rooms.surroundings);
    const left = now.effect === "permit" ? now.permits : rooms.approved(host, now.reason);
    const { permits: still, bar: since } = unbarred(rooms, left);
    if (since !== undefined) return barredBy(since);
    if (still.length === 0 && now.effect === "deny") return refusalsOf(rooms.policy())(now.reason, now.rule);
    const ofFamily = answer.value.addresses.filter((address) => isIpv6(address) === wanted);
    const admitted = admissibleAddresses(rooms.network(), still, ofFamily);
    const removed = ofFamily.filter((address) => !admitted.includes(address));
    const ttl = Math.min(seconds, Math.max(0, Math.floor(answer.value.ttl)));
    if (admitted.length > 0) return allowed(found(admitted, ttl), { addresses: [...admitted], removed: [...removed] });
    if (removed.length === 0) return allowed(empty(ttl), { addresses: [] });
    return refused("address_not_allowed", permit.rule, { removed: [...removed] });
  }

  /** Puts the verdict on record, and says what may be said then. */
  async function settle(query: DnsMessage, judged: Judged): Promise<Pick<Judged, "counts" | "saying">> {
    const { verdict } = judged;
    if (verdict === undefined) {
      records.malform();
      return judged;
    }
    const whole: DnsVerdict = {
      ...verdict,
      action: `dns.${TYPE_NAMES.get(query.question.type) ?? `TYPE${query.question.type}`}`,
      target: query.question.name === "" ? "." : safeText(query.question.name, 256),
    };
    if (verdict.decision === "deny") {
      records.refuse(whole);
      return judged;
    }
    if (await records.allow(whole)) return judged;
    return { counts: "deny", saying: refusalOf("audit_unavailable") };
  }

  return {
    async answer(octets, over) {
      const isInTime = rate.take(clock.monotonic());
      const query = readDnsQuery(octets);
      if (!query.ok) {
        rooms.counted("malformed");
        records.malform();
        const { header, rcode } = query.problem;
        return header === undefined || !isInTime ? undefined : dnsErrorReply(header, rcode);
      }
      if (!isInTime) {
        rooms.counted("limited");
        records.limit();
        return dnsReply({ message: query.value, octets }, refusalOf("rate_limited"), over);
      }
      const { counts, saying } = await settle(query.value, await judge(query.value));
      rooms.counted(counts);
      return dnsReply({ message: query.value, octets }, saying, over);
    },
    close() {
      clearInterval(sweep);
      stop.abort();
      records.sweep(true);
    },
  };
}

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [DNS_TYPE.A, "A"],
  [DNS_TYPE.AAAA, "AAAA"],
]);

/** The permits that nothing bars; `bar`: there are some, and each is barred. */
function unbarred(
  rooms: Pick<PolicyDnsRooms, "barred">,
  offered: readonly NamePermit[],
): { readonly permits: readonly NamePermit[]; readonly bar: Refused | undefined } {
  const bars = offered.map((permit) => rooms.barred(permit));
  const permits = offered.filter((_, index) => bars[index] === undefined);
  return { permits, bar: permits.length === 0 ? bars[0] : undefined };
}

function barredBy({ reason, policy, rule, detail }: Refused): Judged {
  return {
    counts: "deny",
    verdict: {
      decision: "deny",
      reason,
      rule: rule ?? null,
      policy: policy ?? null,
      ...(detail === undefined ? {} : { detail: { cause: detail } }),
    },
    saying: refusalOf(reason),
  };
}

type Refuse = (reason: Reason, rule: string | undefined, detail?: DnsVerdict["detail"]) => Judged;

function refusalsOf(policy: PolicySnapshot): Refuse {
  return (reason, rule, detail) => ({
    counts: reason === "dns_failure" ? "failed" : reason === "rate_limited" ? "limited" : "deny",
    verdict: {
      decision: "deny",
      reason,
      rule: rule ?? null,
      policy: policy.identity ?? null,
      ...(detail === undefined ? {} : { detail }),
    },
    saying: refusalOf(reason),
  });
}

function sha256(name: Hostname): Uint8Array {
  return createHash("sha256").update(name).digest();
}

function knownNetwork(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`the configuration's network came unchecked: ${text}`);
  return cidr;
}
