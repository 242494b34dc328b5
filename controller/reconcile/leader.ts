import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../router/core/base/clock.ts";
import { type Millis, millis } from "../../router/core/base/quantity.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { KubeClient } from "../../router/edge/kubernetes/kube-client.ts";
import { statusMessage } from "../../router/edge/kubernetes/kube-status.ts";

export interface LeaderTimes {
  /** Whoever does not renew for so long is gone. */
  readonly lease: Millis;
  /** Whoever could not renew for so long stops by itself, well before the others take over. */
  readonly deadline: Millis;
  /** Between tries. */
  readonly retry: Millis;
}

const LEADER_TIMES: LeaderTimes = { lease: millis(15_000), deadline: millis(10_000), retry: millis(2_000) };

export interface LeaderOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  readonly namespace: string;
  readonly name: string;
  /** Of this process alone. */
  readonly identity: string;
  readonly times?: LeaderTimes;
  /** Told in turn; `lost` is waited for before anything else. */
  readonly gained: () => void;
  readonly lost: () => Promise<void>;
}

export interface Leader {
  readonly isLeader: boolean;
  /** Why nobody could be elected; empty: all is well. */
  readonly problem: string;
  /** Steps down, and says so in the Lease, so that another need not wait. */
  close(): Promise<void>;
}

/**
 * Leader election by a Lease of coordination.k8s.io/v1. What its times say is not believed: a holder is gone when its Lease
 * was seen unchanged for as long as it lasts, by our own clock that never steps. Every write holds only for the version that was read.
 */
export function electLeader(options: LeaderOptions): Leader {
  const election = new Election(options);
  const running = election.run();
  return {
    get isLeader() {
      return election.isLeader;
    },
    get problem() {
      return election.problem;
    },
    close: async () => {
      election.stop();
      await running;
    },
  };
}

interface SeenLease {
  readonly version: string;
  readonly holder: string;
  readonly lease: Millis;
  readonly transitions: number;
  readonly acquireTime: string | undefined;
  readonly renewTime: string | undefined;
}

class Election {
  isLeader = false;
  problem = "";
  readonly #options: LeaderOptions;
  readonly #times: LeaderTimes;
  readonly #path: string;
  readonly #closing = new AbortController();
  /** The Lease as it was seen last, and when it was first seen so. */
  #seen: { readonly mark: string; readonly at: Millis } | undefined;
  #isHeldByOther = false;
  /** Ends our lead where no renewal was taken in time, whatever a request is waiting for. */
  #watchdog: NodeJS.Timeout | undefined;
  #leaving: Promise<void> = Promise.resolve();

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#times = options.times ?? LEADER_TIMES;
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
  }

  stop(): void {
    this.#closing.abort();
  }

  async run(): Promise<void> {
    const { random } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const holds = await this.#look();
      if (this.#isClosed()) break;
      await this.#leaving;
      if (holds && !this.isLeader) {
        this.isLeader = true;
        this.#options.gained();
      }
      if (!holds && this.#isHeldByOther) this.#stepDown();
      try {
        await delay(this.#times.retry * (0.8 + 0.4 * random()), undefined, { signal, ref: false });
      } catch {
        break;
      }
    }
    const wasLeader = this.isLeader;
    this.#stepDown();
    await this.#leaving;
    if (wasLeader) await this.#release();
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  #stepDown(): void {
    clearTimeout(this.#watchdog);
    if (!this.isLeader) return;
    this.isLeader = false;
    this.#leaving = this.#options.lost();
  }

  /** True: the Lease is ours from here on. */
  async #look(): Promise<boolean> {
    const { clock, identity, name } = this.#options;
    const sent = clock.monotonic();
    const found = await this.#ask("GET", `/${name}`);
    if (found === undefined) return false;
    if (found.status === 404) {
      const made = await this.#ask("POST", "", this.#lease(undefined));
      return made !== undefined && this.#isTaken(made.status, sent);
    }
    const seen = found.status === 200 ? readLease(found.body) : undefined;
    if (seen === undefined) {
      this.problem = `The Lease ${name} cannot be read: ${statusMessage(found.body).message || found.status}`;
      return false;
    }
    const mark = `${seen.version} ${seen.holder} ${seen.renewTime ?? ""}`;
    if (this.#seen?.mark !== mark) this.#seen = { mark, at: clock.monotonic() };
    const isFree = seen.holder === "" || clock.monotonic() - this.#seen.at >= seen.lease;
    this.#isHeldByOther = seen.holder !== identity && seen.holder !== "";
    if (seen.holder !== identity && !isFree) {
      this.problem = "";
      return false;
    }
    const written = await this.#ask("PUT", `/${name}`, this.#lease(seen));
    return written !== undefined && this.#isTaken(written.status, sent);
  }

  #isTaken(status: number, sent: Millis): boolean {
    const isTaken = status === 200 || status === 201;
    if (isTaken) {
      clearTimeout(this.#watchdog);
      const left = this.#times.deadline - (this.#options.clock.monotonic() - sent);
      this.#watchdog = setTimeout(() => this.#stepDown(), Math.max(1, left));
      this.#watchdog.unref();
      this.#isHeldByOther = false;
      this.problem = "";
    } else if (status !== 409) this.problem = `Writing the Lease was answered ${status}.`;
    return isTaken;
  }

  #lease(seen: SeenLease | undefined, holder = this.#options.identity): object {
    const { namespace, name, clock } = this.#options;
    const now = microTime(clock.now());
    const stays = seen?.holder === holder;
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name, namespace, ...(seen === undefined ? {} : { resourceVersion: seen.version }) },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: holder === "" ? 1 : Math.max(1, Math.ceil(this.#times.lease / 1_000)),
        acquireTime: (stays ? seen.acquireTime : undefined) ?? now,
        renewTime: now,
        leaseTransitions: (seen?.transitions ?? 0) + (stays || seen === undefined || holder === "" ? 0 : 1),
      },
    };
  }

  async #release(): Promise<void> {
    const { client, identity, name } = this.#options;
    const timeout = millis(2_000);
    const found = await client.request("GET", `${this.#path}/${name}`, { timeout, retry: false });
    const seen = found.ok && found.value.status === 200 ? readLease(found.value.body) : undefined;
    if (seen?.holder !== identity) return;
    await client.request("PUT", `${this.#path}/${name}`, { body: this.#lease(seen, ""), timeout, retry: false });
  }

  async #ask(
    method: "GET" | "POST" | "PUT",
    rest: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly body: unknown } | undefined> {
    const timeout = millis(Math.max(500, this.#times.deadline / 2));
    const answer = await this.#options.client.request(method, `${this.#path}${rest}`, {
      ...(body === undefined ? {} : { body }),
      timeout,
      retry: false,
      signal: this.#closing.signal,
    });
    if (answer.ok) return answer.value;
    this.problem = answer.problem.message;
    return undefined;
  }
}

function readLease(body: unknown): SeenLease | undefined {
  const { metadata, spec = {} } = isRecord(body) ? body : {};
  if (!isRecord(metadata) || !isRecord(spec)) return undefined;
  const { resourceVersion: version } = metadata;
  const { holderIdentity, leaseDurationSeconds, leaseTransitions, acquireTime, renewTime } = spec;
  if (typeof version !== "string") return undefined;
  const seconds = typeof leaseDurationSeconds === "number" && leaseDurationSeconds > 0 ? leaseDurationSeconds : 15;
  return {
    version,
    holder: typeof holderIdentity === "string" ? holderIdentity : "",
    // A Lease that names years is no reason to wait for years.
    lease: millis(Math.min(seconds, 60) * 1_000),
    transitions: typeof leaseTransitions === "number" && leaseTransitions >= 0 ? leaseTransitions : 0,
    acquireTime: typeof acquireTime === "string" ? acquireTime : undefined,
    renewTime: typeof renewTime === "string" ? renewTime : undefined,
  };
}

/** metav1.MicroTime. */
function microTime(at: number): string {
  return new Date(at).toISOString().replace("Z", "000Z");
}
