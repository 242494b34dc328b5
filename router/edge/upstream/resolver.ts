import type { Clock } from "../../core/base/clock.ts";
import type { Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { Hostname } from "../../core/wire/hostname.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";
import { createDnsCache, type KeptAnswer } from "./dns-cache.ts";
import { dialDnsOverHttps } from "./dns-over-https.ts";
import { dialDnsOverTls } from "./dns-over-tls.ts";
import { plainDns } from "./dns-plain.ts";
import { securedDns } from "./dns-secured.ts";
import type { DnsSource, FamilyAnswer } from "./dns-source.ts";

export interface DnsProblem {
  readonly reason: "dns_failure";
  /** For logs: what each question came to. */
  readonly detail: string;
  /** DNS has answered, and there is no such name, or it has no address; undefined: nobody knows. */
  readonly absent?: "name" | "addresses";
}

export type Resolution = Result<readonly IpAddress[], DnsProblem>;

export interface NameAnswer {
  /** IPv6 first, without duplicates, never empty, not yet judged. */
  readonly addresses: readonly IpAddress[];
  /** Seconds that are left. */
  readonly ttl: number;
}

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

/** A resolver that also says for how long an answer counts. */
export interface TimedResolver extends NameResolver {
  /** The same answer that `resolve` gives. */
  answer(host: Hostname, signal: AbortSignal): Promise<Result<NameAnswer, DnsProblem>>;
}

/** Once one family has addresses, how long the other may still take (RFC 8305 section 3). */
const RESOLUTION_DELAY_MILLIS = 50;
/** c-ares for NODATA and NXDOMAIN: an answer, and the answer is no. */
const SAYS_NONE: ReadonlySet<string> = new Set(["ENODATA", "ENOTFOUND"]);
/** Of a name that the operator pins. */
const PINNED_SECONDS = 3_600;

/**
 * Resolves absolute names, in clear or over TLS, with one cache for all who ask. The servers are fixed here: containers of
 * a pod may share resolv.conf too, and read again later it could name a server of the agent's own. `ca`: PEM, and then
 * nobody else's certificates count for servers that are asked over TLS.
 */
export function createResolver(config: RouterConfig["resolver"], clock: Clock, ca?: string): TimedResolver {
  const source = sourceOf(config, clock, ca);
  const cache = createDnsCache(clock);
  const flights = new Map<Hostname, Promise<Result<NameAnswer, DnsProblem>>>();

  async function ask(host: Hostname): Promise<Result<NameAnswer, DnsProblem>> {
    const questions = [source.ask("AAAA", host), source.ask("A", host)];
    const answers = await gather(questions, config.timeout);
    const useful = answers.filter((answer) => answer.addresses.length > 0);
    if (useful.length === 0) return absence(host, answers, questions.length);
    // Questions run side by side; the order of answers is not the order of preference (RFC 6724: IPv6 first).
    const inOrder = useful.toSorted((one, other) => other.type.length - one.type.length);
    const addresses = [...new Set(inOrder.flatMap((answer) => answer.addresses))];
    const ttl = cache.set(host, { kind: "found", addresses }, Math.min(...useful.map((answer) => answer.ttl)));
    return ok({ addresses, ttl });
  }

  /** No family has an address: where both were answered so, that is an answer too. */
  function absence(host: Hostname, answers: readonly FamilyAnswer[], asked: number): Result<NameAnswer, DnsProblem> {
    const detail = describe(answers, asked, config.timeout);
    if (answers.length < asked || !answers.every(saysNone)) return fail({ reason: "dns_failure", detail });
    const absent = answers.some(({ error }) => error === "ENOTFOUND") ? "name" : "addresses";
    const said: KeptAnswer = { kind: "absent", absent, detail };
    cache.set(host, said, Math.min(...answers.map(({ ttl }) => ttl)));
    return fail({ reason: "dns_failure", detail, absent });
  }

  async function askIpv6(host: Hostname): Promise<Resolution> {
    const answers = await gather([source.ask("AAAA", host)], config.timeout);
    const [only] = answers;
    if (only !== undefined && (only.error === undefined || saysNone(only))) return ok(only.addresses);
    return fail({ reason: "dns_failure", detail: describe(answers, 1, config.timeout) });
  }

  function askOnce(host: Hostname): Promise<Result<NameAnswer, DnsProblem>> {
    const flying = flights.get(host);
    if (flying !== undefined) return flying;
    const flight = ask(host).finally(() => flights.delete(host));
    flights.set(host, flight);
    return flight;
  }

  async function find(host: Hostname, signal: AbortSignal): Promise<Result<NameAnswer, DnsProblem>> {
    const pinned = config.hosts.get(host);
    if (pinned !== undefined) {
      if (pinned.length > 0) return ok({ addresses: pinned, ttl: PINNED_SECONDS });
      return fail({ reason: "dns_failure", detail: "pinned to no address", absent: "addresses" });
    }
    const kept = cache.get(host);
    if (kept === undefined) return unlessAborted(askOnce(host), signal);
    const { answer: said, ttl } = kept;
    if (said.kind === "found") return ok({ addresses: said.addresses, ttl });
    return fail({ reason: "dns_failure", detail: said.detail, absent: said.absent });
  }

  return {
    answer: find,
    async resolve(host, signal) {
      const found = await find(host, signal);
      return found.ok ? ok(found.value.addresses) : found;
    },
    async resolveIpv6(host, signal) {
      return unlessAborted(askIpv6(host), signal);
    },
  };
}

function sourceOf(config: RouterConfig["resolver"], clock: Clock, ca: string | undefined): DnsSource {
  const { over, servers, serverName, path, timeout } = config;
  if (over === "plain") return plainDns(servers, timeout);
  if (serverName === undefined) throw new Error("the configuration's resolver came unchecked: no serverName");
  const tls = { serverName, ca };
  const dial = over === "tls" ? dialDnsOverTls(tls) : dialDnsOverHttps({ ...tls, path });
  return securedDns(servers, dial, timeout, clock);
}

function saysNone({ error }: FamilyAnswer): boolean {
  return error !== undefined && SAYS_NONE.has(error);
}

function describe(answers: readonly FamilyAnswer[], asked: number, timeout: Millis): string {
  const said = answers.map((answer) => `${answer.type} ${answer.error ?? "has no address"}`);
  if (answers.length < asked) said.push(`no answer within ${timeout} ms`);
  return said.join(", ");
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

async function unlessAborted<Value>(
  resolution: Promise<Result<Value, DnsProblem>>,
  signal: AbortSignal,
): Promise<Result<Value, DnsProblem>> {
  const { promise: aborted, resolve } = Promise.withResolvers<Result<Value, DnsProblem>>();
  const onAbort = (): void => resolve(fail({ reason: "dns_failure", detail: "given up" }));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([resolution, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
