import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Bytes, epochMillis, type Millis, millis } from "../../../../router/core/base/quantity.ts";
import { fail, ok } from "../../../../router/core/base/result.ts";
import type { BlocklistConfig } from "../../../../router/core/config/router-config.ts";
import { parseIpAddress } from "../../../../router/core/wire/ip-address.ts";
import type { Log, LogFacts } from "../../../../router/edge/log/log.ts";
import { CopySpace } from "../../../../router/app/blocklists/copy-space.ts";
import { type Blocklists, openBlocklists } from "../../../../router/app/blocklists/open-blocklists.ts";
import type { FeedStatus } from "../../../../router/app/blocklists/feed-status.ts";
import { testCa } from "../../../fakes/origins.ts";
import { hostOf } from "../../../fuzz/blocklist/feed-text.ts";

/** A directory of its own, a CA file, and routers' blocklists that are opened and closed again over it. */
export class FeedWorld implements AsyncDisposable {
  readonly directory: string;
  readonly caFile: string;
  readonly events: string[] = [];
  /** Added to the wall clock. */
  ahead = 0;
  /** Of the next answers of the name service; false: it has none. */
  resolves = true;
  /** Octets that copies may take. */
  space = 1_000_000;
  #open: Blocklists | undefined;

  private constructor(directory: string) {
    this.directory = directory;
    this.caFile = join(directory, "ca.pem");
  }

  static async create(): Promise<FeedWorld> {
    const world = new FeedWorld(await mkdtemp(join(tmpdir(), "sluice-feeds-")));
    await writeFile(world.caFile, testCa().certificatePem);
    return world;
  }

  get copies(): string {
    return join(this.directory, "blocklists");
  }

  feed(given: Partial<BlocklistConfig> & { readonly name: string }): BlocklistConfig {
    return {
      file: undefined,
      url: undefined,
      format: "auto",
      sha256: undefined,
      sha256Url: undefined,
      caFile: this.caFile,
      refresh: 100 as Millis,
      maximumBytes: 100_000 as Bytes,
      ...given,
    };
  }

  async open(...blocklists: readonly BlocklistConfig[]): Promise<Blocklists> {
    await this.#open?.close();
    const loopback = parseIpAddress("127.0.0.1");
    this.#open = await openBlocklists({
      config: { blocklists, state: { directory: this.directory } },
      clock: { now: () => epochMillis(Date.now() + this.ahead), monotonic: () => millis(performance.now()) },
      log: this.#log(),
      resolve: async () =>
        this.resolves && loopback !== undefined ? ok([loopback]) : fail({ reason: "dns_failure", detail: "" }),
      random: () => 0,
      poll: millis(20),
      copySpace: new CopySpace(this.space),
      deadlines: { head: millis(200), silence: millis(200), total: millis(400) },
    });
    return this.#open;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open?.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  #log(): Log {
    return {
      exchange: () => undefined,
      call: () => undefined,
      event: (level, event, facts: LogFacts = {}) => {
        this.events.push(`${level} ${event} ${String(facts["feed"])} ${String(facts["problem"] ?? facts["from"])}`);
      },
      checkpoint: () => undefined,
      hide: () => undefined,
      lost: 0,
      flush: async () => undefined,
    };
  }
}

/** Resolves once the lists say so; throws what they said last after 5 s. */
export async function until(lists: Blocklists, holds: (feeds: readonly FeedStatus[]) => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!holds(lists.status())) {
    if (performance.now() > deadline) throw new Error(`never: ${JSON.stringify(lists.status())}`);
    await delay(5);
  }
}

export function blocked(lists: Blocklists, ...hosts: readonly string[]): readonly (string | undefined)[] {
  return hosts.map((host) => lists.blockedBy(hostOf(host)));
}
