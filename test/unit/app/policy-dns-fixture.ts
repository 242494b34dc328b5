import type { AuditEvent } from "../../../router/core/audit/audit-event.ts";
import { epochMillis, millis } from "../../../router/core/base/quantity.ts";
import { fail, ok } from "../../../router/core/base/result.ts";
import type { DnsMessage } from "../../../router/core/wire/dns-message.ts";
import { readDnsMessage } from "../../../router/core/wire/dns-message-read.ts";
import { InventedNames } from "../../../router/app/policy-dns-limits.ts";
import { createPolicyDns, type PolicyDns, type PolicyDnsRooms } from "../../../router/app/policy-dns.ts";
import { NOTHING_AROUND } from "../../../router/core/policy/surroundings.ts";
import { compiled, ip, network, NOON, type PolicyText } from "../core/policy/policy-fixture.ts";

const RCODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

export interface DnsBench {
  readonly dns: PolicyDns;
  readonly records: readonly AuditEvent[];
  /** Names that the resolver was asked for. */
  readonly asked: readonly string[];
  readonly counted: readonly string[];
  /** Milliseconds that pass. */
  pass(milliseconds: number): void;
}

export interface BenchOptions {
  readonly policy?: PolicyText;
  /** By name: addresses, "absent", or a failure's detail. */
  readonly answers?: Readonly<Record<string, readonly string[] | string>>;
  readonly settings?: Partial<PolicyDnsRooms["settings"]>;
  readonly rooms?: Partial<PolicyDnsRooms>;
}

/** The policy's DNS with a resolver, a log and a clock that tests hold. */
export function dnsBench({ policy, answers = {}, settings, rooms }: BenchOptions): DnsBench {
  const records: AuditEvent[] = [];
  const asked: string[] = [];
  const counted: string[] = [];
  let now = 1_000;
  const snapshot = compiled(policy ?? {});
  const invented = new InventedNames(settings?.namesPerHour ?? 500);
  const dns = createPolicyDns({
    clock: { now: () => epochMillis(NOON + now), monotonic: () => millis(now) },
    settings: {
      answers: "resolved",
      synthetic: "198.18.0.0/15",
      synthetic6: "100::/64",
      ttl: millis(60_000),
      queriesPerSecond: 10_000,
      namesPerHour: 500,
      ...settings,
    },
    policy: () => snapshot,
    policyTime: () => NOON,
    surroundings: NOTHING_AROUND,
    approved: () => [],
    barred: () => undefined,
    network: () => network(),
    sends: () => undefined,
    inventive: (host) => invented.obstacle(snapshot, host, millis(now)),
    draining: () => false,
    auditWritable: () => true,
    record: async (event) => {
      records.push(event);
      return ok(undefined);
    },
    recordSoon: (event) => void records.push(event),
    resolve: async (host) => {
      asked.push(host);
      const said = answers[host] ?? "nobody knows";
      if (typeof said !== "string") return ok({ addresses: said.map(ip), ttl: 20.5 });
      if (said === "absent") return fail({ reason: "dns_failure", detail: said, absent: "name" });
      if (said === "empty") return fail({ reason: "dns_failure", detail: said, absent: "addresses" });
      return fail({ reason: "dns_failure", detail: said });
    },
    counted: (decision) => void counted.push(decision),
    ...rooms,
  });
  return { dns, records, asked, counted, pass: (milliseconds) => void (now += milliseconds) };
}

/** What a reply says, in a line: `NOERROR 192.0.2.1 ttl 20`, `NXDOMAIN soa 5 ede 18 sluice: host_not_allowed`. */
export function replyLine(octets: Uint8Array | undefined): string {
  if (octets === undefined) return "silence";
  if (octets.length === 12) return `header ${RCODES[(octets[3] ?? 0) & 15]}`;
  return messageLine(parsedReply(octets));
}

export function parsedReply(octets: Uint8Array): DnsMessage {
  const read = readDnsMessage(octets);
  if (!read.ok) throw new Error(read.problem);
  return read.value;
}

function messageLine({ rcode, truncated, answers, authority, edns }: DnsMessage): string {
  const parts = [RCODES[rcode] ?? `RCODE${rcode}`];
  if (truncated) parts.push("TC");
  parts.push(...answers.map(({ data }) => (data.kind === "address" ? data.address : data.kind)));
  if (answers[0] !== undefined) parts.push(`ttl ${answers[0].ttl}`);
  for (const { ttl, data } of authority) if (data.kind === "soa") parts.push(`soa ${ttl}/${data.minimum}`);
  for (const { code, octets } of edns?.options ?? []) {
    if (code !== 15) throw new Error(`an option ${code}`);
    parts.push(
      `ede ${(octets[0] ?? 0) * 256 + (octets[1] ?? 0)} ${Buffer.from(octets.subarray(2)).toString("latin1")}`,
    );
  }
  return parts.join(" ");
}
