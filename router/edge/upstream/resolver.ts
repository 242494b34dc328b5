import { Resolver } from "node:dns/promises";
import type { Clock } from "../../core/base/clock.ts";
import type { Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { Hostname } from "../../core/wire/hostname.ts";
import { type IpAddress, parseIpAddress } from "../../core/wire/ip-address.ts";
import { createDnsCache } from "./dns-cache.ts";

export interface DnsProblem {
  readonly reason: "dns_failure";
  /** For logs: what each question came to. */
  readonly detail: string;
}

export type Resolution = Result<readonly IpAddress[], DnsProblem>;

export interface NameResolver {
  /**
   * The addresses of an absolute name, IPv6 first, without duplicates, never empty, not yet judged. An abort ends the
   * wait at once; the question itself, which others may share, ends by its own deadline.
   */
  resolve(host: Hostname, signal: AbortSignal): Promise<Resolution>;
  /**
   * The IPv6 addresses that DNS has for a name, none where it says that there are none; never from a pin or the cache,
   * and never cut short by an answer of the other family.
   */
  resolveIpv6(host: Hostname, signal: AbortSignal): Promise<Resolution>;
}

/** Once one family has addresses, how long the other may still take (RFC 8305 section 3). */
const RESOLUTION_DELAY_MILLIS = 50;
/** c-ares for NODATA and NXDOMAIN: an answer, and the answer is no. */
const SAYS_NONE: ReadonlySet<string> = new Set(["ENODATA", "ENOTFOUND"]);
/** Of each family, so that neither crowds the other out. */
const MOST_OF_A_FAMILY = 16;

/**
 * Resolves over c-ares: absolute names only, no search list, no hosts file. `dns.lookup` is never used: getaddrinfo
 * appends search domains, reads a hosts file that the agent's container shares, and queues behind the audit log's
 * fdatasync in the thread pool.
 *
 * The servers are read once, here. Containers of a pod may share resolv.conf too: read again later, it could name a
 * server of the agent's own.
 */
export function createResolver(config: RouterConfig["resolver"], clock: Clock): NameResolver {
  // c-ares doubles the wait from try to try: a quarter and a half of the time, so that a lost packet costs no failure.
  const dns = new Resolver({ timeout: Math.ceil(config.timeout / 4), tries: 2 });
  dns.setServers(config.servers.length > 0 ? config.servers : dns.getServers());
  const cache = createDnsCache(clock);
  const flights = new Map<Hostname, Promise<Resolution>>();

  async function ask(host: Hostname): Promise<Resolution> {
    const questions = [
      familyAnswer("AAAA", dns.resolve6(host, { ttl: true })),
      familyAnswer("A", dns.resolve4(host, { ttl: true })),
    ];
    const answers = await gather(questions, config.timeout);
    const useful = answers.filter((answer) => answer.addresses.length > 0);
    if (useful.length === 0) {
      return fail({ reason: "dns_failure", detail: describe(answers, questions.length, config.timeout) });
    }
    // Questions run side by side; the order of answers is not the order of preference (RFC 6724: IPv6 first).
    const inOrder = useful.toSorted((one, other) => other.type.length - one.type.length);
    const addresses = [...new Set(inOrder.flatMap((answer) => answer.addresses))];
    cache.set(host, addresses, Math.min(...useful.map((answer) => answer.ttl)));
    return ok(addresses);
  }

  async function askIpv6(host: Hostname): Promise<Resolution> {
    const answers = await gather([familyAnswer("AAAA", dns.resolve6(host, { ttl: true }))], config.timeout);
    const [answer] = answers;
    if (answer !== undefined && (answer.error === undefined || SAYS_NONE.has(answer.error)))
      return ok(answer.addresses);
    return fail({ reason: "dns_failure", detail: describe(answers, 1, config.timeout) });
  }

  function askOnce(host: Hostname): Promise<Resolution> {
    const flying = flights.get(host);
    if (flying !== undefined) return flying;
    const flight = ask(host).finally(() => flights.delete(host));
    flights.set(host, flight);
    return flight;
  }

  return {
    async resolve(host, signal) {
      const pinned = config.hosts.get(host);
      if (pinned !== undefined) {
        return pinned.length > 0 ? ok(pinned) : fail({ reason: "dns_failure", detail: "pinned to no address" });
      }
      const cached = cache.get(host);
      if (cached !== undefined) return ok(cached);
      return unlessAborted(askOnce(host), signal);
    },
    async resolveIpv6(host, signal) {
      return unlessAborted(askIpv6(host), signal);
    },
  };
}

interface FamilyAnswer {
  readonly type: "AAAA" | "A";
  readonly addresses: readonly IpAddress[];
  /** Seconds, the smallest of the records'. */
  readonly ttl: number;
  /** c-ares' code where there is no answer. */
  readonly error: string | undefined;
}

function describe(answers: readonly FamilyAnswer[], asked: number, timeout: Millis): string {
  const said = answers.map((answer) => `${answer.type} ${answer.error ?? "has no address"}`);
  if (answers.length < asked) said.push(`no answer within ${timeout} ms`);
  return said.join(", ");
}

/** Never rejects. A record that is no address of ours to parse is dropped: c-ares writes no such text. */
async function familyAnswer(
  type: FamilyAnswer["type"],
  question: Promise<readonly { readonly address: string; readonly ttl: number }[]>,
): Promise<FamilyAnswer> {
  try {
    const records = (await question).slice(0, MOST_OF_A_FAMILY);
    const addresses = records.flatMap((record) => parseIpAddress(record.address) ?? []);
    return { type, addresses, ttl: Math.min(...records.map((record) => record.ttl)), error: undefined };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "failed";
    return { type, addresses: [], ttl: 0, error: code };
  }
}

/** The answers that came before the deadline, or before the resolution delay after the first useful one. */
async function gather(questions: readonly Promise<FamilyAnswer>[], timeout: Millis): Promise<readonly FamilyAnswer[]> {
  const answers: FamilyAnswer[] = [];
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const timers = [setTimeout(resolve, timeout)];
  for (const question of questions) void take(question);
  await enough;
  for (const timer of timers) clearTimeout(timer);
  return [...answers];

  async function take(question: Promise<FamilyAnswer>): Promise<void> {
    const answer = await question;
    answers.push(answer);
    if (answers.length === questions.length) resolve();
    else if (answer.addresses.length > 0) timers.push(setTimeout(resolve, RESOLUTION_DELAY_MILLIS));
  }
}

async function unlessAborted(resolution: Promise<Resolution>, signal: AbortSignal): Promise<Resolution> {
  const { promise: aborted, resolve } = Promise.withResolvers<Resolution>();
  const onAbort = (): void => resolve(fail({ reason: "dns_failure", detail: "given up" }));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([resolution, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
