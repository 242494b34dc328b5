import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../core/base/clock.ts";
import { type EpochMillis, type Millis, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { KnownObjects } from "./known-objects.ts";
import type { KubeClient } from "./kube-client.ts";
import { type KubeObject, objectKey } from "./kube-object.ts";
import type { KubeStream } from "./kube-stream.ts";
import { LineSplitter } from "./line-splitter.ts";
import { listPages } from "./list-pages.ts";
import { compareResourceVersions } from "./resource-version.ts";
import { backoffDelay, boundedStated } from "./retry-delay.ts";
import { type WatchEvent, watchEvent } from "./watch-event.ts";
import {
  answerTrouble,
  isLasting,
  problemTrouble,
  reasonOf,
  type TroubleReason,
  type WatchTrouble,
} from "./watch-trouble.ts";

export interface WatchTimes {
  /** Of a watch, as the server is asked; up to twice as long, so that a thousand do not end together. */
  readonly watch: Millis;
  /** Without a whole frame: bookmarks come each minute, so that the connection is gone. */
  readonly idle: Millis;
  readonly firstRetry: Millis;
  readonly longestRetry: Millis;
  /** At the longest, where somebody has to do something first: a right, or the resource itself, is missing. */
  readonly slowRetry: Millis;
  /** What the server asks to be waited for counts up to here: meanwhile nothing is learnt. */
  readonly longestStated: Millis;
  /** Of one page of a list. */
  readonly list: Millis;
}

export const WATCH_TIMES: WatchTimes = {
  watch: millis(300_000),
  idle: millis(90_000),
  firstRetry: millis(500),
  longestRetry: millis(30_000),
  slowRetry: millis(30_000),
  longestStated: millis(30_000),
  list: millis(30_000),
};

export interface WatchCondition {
  /** `degraded`: what was handed on last may be out of date. */
  readonly state: "starting" | "synced" | "degraded";
  readonly reason: "" | TroubleReason;
  /** One sentence, safe to print. */
  readonly message: string;
  readonly syncedAt: EpochMillis | undefined;
  /** Bookmarks included. */
  readonly lastEventAt: EpochMillis | undefined;
  /** In a row. */
  readonly failures: number;
  /** A complete set was handed on once. */
  readonly hasSynced: boolean;
}

export interface WatchOptions<T> {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  /** Of a collection: `/apis/sluice.dev/v1alpha1/namespaces/x/egressapprovals`. */
  readonly path: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** What is kept of an object. Called at once, so that nothing else of it is held. */
  readonly project: (object: KubeObject) => T;
  /** The complete set, after each list; also again. */
  readonly synced: (objects: readonly T[]) => void;
  readonly changed: (type: "ADDED" | "MODIFIED" | "DELETED", object: T) => void;
  readonly conditionChanged?: (condition: WatchCondition) => void;
  /** More are not followed: of a list none of them, and later none that is new. */
  readonly maximumObjects?: number;
  /** Octets of one as it is sent. */
  readonly maximumObjectBytes?: number;
  readonly pageSize?: number;
  readonly times?: Partial<WatchTimes>;
}

export interface KubeWatch {
  condition(): WatchCondition;
  /** Lists anew, now. */
  resync(): void;
  /** Nothing is called back from here on. */
  close(): Promise<void>;
}

/** Octets of a line beyond its object. */
const FRAME = 1_024;
const LEAST_PAGE_BYTES = 8 * 1024 * 1024;
/** After so many failures in a row of watches from one version, the whole is listed again. */
const MOST_WATCH_FAILURES = 3;
/** After so many watches in a row that were lost to their version or their right, only one that lives is believed. */
const FEW_LOST = 2;
/** So often in a row a list that is older than what was seen is not believed; then the store was set back. */
const MOST_OLD_LISTS = 3;
/** A watch that ends sooner is no rest for the server. */
const SHORT_MILLIS = 1_000;
/** After one that lasted so long, failures are counted from nought. */
const LONG_MILLIS = 10_000;

/** Why a watch is over. `ended`: as it was to; `resync`: it was asked for. */
type WatchEnd = "ended" | "resync" | WatchTrouble;

/**
 * Follows a collection: lists it, watches it from there, and begins anew where it has to, for as long as it takes. What
 * it handed on last stands meanwhile. No store: whoever needs the objects keeps them.
 */
export function watchResource<T>(options: WatchOptions<T>): KubeWatch {
  const watch = new Reflector(options);
  const running = watch.run();
  return {
    condition: () => watch.condition,
    resync: () => watch.resync(),
    close: () => {
      watch.stop();
      return running;
    },
  };
}

class Reflector<T> {
  readonly #options: WatchOptions<T>;
  readonly #times: WatchTimes;
  readonly #maximum: number;
  readonly #objectBytes: number;
  readonly #known: KnownObjects;
  readonly #closing = new AbortController();
  /** From where on is watched; undefined: a list is needed. */
  #version: string | undefined;
  /** Where the watch before a list came to: where there are too many objects for the list, it goes on from there. */
  #roomless: string | undefined;
  /** The newest version ever seen. */
  #newest: string | undefined;
  #oldLists = 0;
  #watchFailures = 0;
  /** Watches in a row that needed a list to go on, and did not live; a list alone does not end the row. */
  #lost = 0;
  /** Failures in a row for the same reason. */
  #alike = 0;
  /** Ends the watch, or the rest before the next try. */
  #now = new AbortController();
  #condition: WatchCondition = {
    state: "starting",
    reason: "",
    message: "",
    syncedAt: undefined,
    lastEventAt: undefined,
    failures: 0,
    hasSynced: false,
  };

  constructor(options: WatchOptions<T>) {
    this.#options = options;
    this.#times = { ...WATCH_TIMES, ...options.times };
    this.#maximum = options.maximumObjects ?? 10_000;
    this.#objectBytes = options.maximumObjectBytes ?? 3 * 1024 * 1024;
    this.#known = new KnownObjects(this.#maximum);
  }

  get condition(): WatchCondition {
    return this.#condition;
  }

  stop(): void {
    this.#closing.abort();
    this.#now.abort();
  }

  resync(): void {
    this.#version = this.#roomless = undefined;
    this.#now.abort();
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Closed, or wanted anew. */
  #isOver(): boolean {
    return this.#now.signal.aborted;
  }

  async run(): Promise<void> {
    while (!this.#isClosed()) {
      this.#now = new AbortController();
      const trouble = this.#version === undefined ? await this.#list() : await this.#watch(this.#version);
      if (this.#isClosed()) return;
      if (trouble !== undefined) await this.#rest(trouble);
    }
  }

  async #list(): Promise<WatchTrouble | undefined> {
    const { client, path, pageSize = 500, project } = this.#options;
    const objects = new Map<string, { readonly kept: T; readonly version: string }>();
    const listed = await listPages({
      client,
      path,
      selectors: this.#selectors(),
      pageSize: Math.max(1, Math.min(pageSize, this.#maximum)),
      maximumBody: Math.max(LEAST_PAGE_BYTES, this.#objectBytes + FRAME),
      maximumObjects: this.#maximum,
      timeout: this.#times.list,
      signal: this.#closing.signal,
      each: (object) => {
        objects.set(objectKey(object), { kept: project(object), version: object.metadata.resourceVersion ?? "" });
      },
    });
    if (this.#isClosed()) return undefined;
    if (!listed.ok) {
      const isFull = listed.problem.reason === "too_many_objects" && this.#roomless !== undefined;
      if (!isFull) return listed.problem;
      this.#version = this.#roomless;
      this.#roomless = undefined;
      this.#tooMany();
      return undefined;
    }
    const version = listed.value;
    const isOld = this.#newest !== undefined && compareResourceVersions(version, this.#newest) === -1;
    this.#oldLists = isOld ? this.#oldLists + 1 : 0;
    if (isOld && this.#oldLists <= MOST_OLD_LISTS) {
      return { reason: "server_error", message: "The list is older than what was seen before." };
    }
    this.#version = this.#newest = version;
    this.#roomless = undefined;
    this.#watchFailures = 0;
    this.#known.reset(
      [...objects].map(([key, object]) => [key, object.version] as const),
      version,
    );
    this.#options.synced([...objects.values()].map(({ kept }) => kept));
    const syncedAt = this.#options.clock.now();
    // Where watches do not live, the next ones are opened ever more slowly.
    const isGood = this.#lost < FEW_LOST;
    this.#say({ ...(isGood ? { ...GOOD, failures: 0 } : {}), syncedAt, hasSynced: true });
    if (this.#isOver()) this.#version = undefined;
    return undefined;
  }

  async #watch(version: string): Promise<WatchTrouble | undefined> {
    const { client, clock, path, random } = this.#options;
    const seconds = Math.max(1, Math.round((this.#times.watch / 1_000) * (1 + random())));
    const query = {
      ...this.#selectors(),
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: version,
      timeoutSeconds: String(seconds),
    };
    const began = clock.monotonic();
    const opened = await client.open(path, query, this.#now.signal);
    if (this.#isOver()) return undefined;
    if (!opened.ok) {
      // Whoever answers next may have a store out of a backup, whose versions come by ours only later.
      if (opened.problem.code === "unreachable") this.#listAnew();
      return this.#watchFailed(problemTrouble(opened.problem));
    }
    if (!("next" in opened.value)) return this.#watchFailed(answerTrouble(opened.value));
    if (this.#isBelieved()) this.#say(GOOD);
    const end = await this.#follow(opened.value, version);
    opened.value.cut();
    const lasted = clock.monotonic() - began;
    if (lasted >= LONG_MILLIS) this.#say({ failures: 0 });
    // What had no room may have some by now.
    if (this.#condition.reason === "too_many_objects") this.#listAnew();
    if (this.#isClosed() || end === "resync") return undefined;
    if (end !== "ended") return this.#watchFailed(end);
    if (lasted >= SHORT_MILLIS) return undefined;
    return this.#watchFailed({ reason: "unreachable", message: "The watch ended at once." });
  }

  /** `from`: the version it was opened at. */
  async #follow(stream: KubeStream, from: string): Promise<WatchEnd> {
    const lines = new LineSplitter(this.#objectBytes + FRAME);
    const idle = new AbortController();
    const isIdle = (): boolean => idle.signal.aborted;
    const silent = setTimeout(() => {
      idle.abort();
      stream.cut();
    }, this.#times.idle);
    const young = setTimeout(() => this.#lives(), SHORT_MILLIS);
    try {
      for (;;) {
        const part = await stream.next();
        if (this.#isOver()) return "resync";
        if (isIdle()) return this.#silent();
        if (!part.ok) return problemTrouble(part.problem);
        if (part.value === "end") return "ended";
        const read = this.#read(lines, part.value, silent, from);
        if (!read.ok) return read.problem;
        if (this.#isOver()) return "resync";
      }
    } finally {
      clearTimeout(silent);
      clearTimeout(young);
    }
  }

  /** So long a watch from a version that is not lost lasts. */
  #lives(): void {
    if (this.#isOver()) return;
    this.#lost = 0;
    if (this.#isBelieved()) this.#say(GOOD);
  }

  /** The connection is gone; or the version is one that the server will only come to, and it says nothing until then. */
  #silent(): WatchTrouble {
    this.#listAnew();
    return { reason: "unreachable", message: `The watch said nothing for ${this.#times.idle} ms.` };
  }

  #read(lines: LineSplitter, part: Uint8Array, silent: NodeJS.Timeout, from: string): Result<void, WatchTrouble> {
    let trouble: WatchTrouble | undefined;
    const pushed = lines.push(part, (line) => {
      // Not for any octet: a frame that never ends is silence too.
      silent.refresh();
      const event = watchEvent(line);
      trouble = event === undefined ? MALFORMED : this.#take(event, from);
      return trouble === undefined && !this.#isOver();
    });
    if (trouble !== undefined) return fail(trouble);
    if (pushed.ok) return ok(undefined);
    if (pushed.problem === "not_utf8") return fail(MALFORMED);
    return fail({ reason: "object_too_large", message: `An object has over ${this.#objectBytes} octets.` });
  }

  #take(event: WatchEvent, from: string): WatchTrouble | undefined {
    const { clock, project, changed } = this.#options;
    if (event.type === "ERROR") {
      const { code, message } = event;
      const said = message === "" ? `code ${code}` : message;
      return { reason: reasonOf(code), message: `The API server ended the watch: ${said}` };
    }
    const version = event.type === "BOOKMARK" ? event.resourceVersion : (event.object.metadata.resourceVersion ?? "");
    if (compareResourceVersions(version, from) === -1) return this.#setBack();
    this.#watchFailures = 0;
    if (event.type !== "BOOKMARK") {
      const verdict = this.#known.take(event.type, event.object);
      if (verdict === "full") this.#tooMany();
      else if (verdict !== "old") changed(verdict, project(event.object));
    }
    this.#reach(version);
    this.#say({ ...(this.#isBelieved() ? { ...GOOD, failures: 0 } : {}), lastEventAt: clock.now() });
    return undefined;
  }

  /**
   * No server sends what is older than what it was asked for: its store is another one now, as out of a backup. What is
   * remembered of the one before would keep all that happens in this one from counting.
   */
  #setBack(): WatchTrouble {
    this.#newest = undefined;
    return { reason: "expired", message: "The API server's versions went back." };
  }

  /** A watch that is open, and an event, mean that all is well. */
  #isBelieved(): boolean {
    return this.#condition.reason !== "too_many_objects" && this.#lost < FEW_LOST;
  }

  /** A version that is older than what was reached already leads to nothing new: it is never gone back to. */
  #reach(version: string): void {
    if (this.#version === undefined) return;
    const order = compareResourceVersions(version, this.#version);
    if (order === 1 || order === undefined) this.#version = this.#newest = version;
  }

  /** What is followed goes on; what is new waits for a list in which it has room. */
  #tooMany(): void {
    this.#say({
      state: "degraded",
      reason: "too_many_objects",
      message: `There are over ${this.#maximum}: new ones are not followed.`,
    });
  }

  #watchFailed(trouble: WatchTrouble): WatchTrouble | undefined {
    this.#watchFailures += 1;
    const { reason } = trouble;
    // Whether anything was missed meanwhile, nobody can say.
    const isLost = reason === "expired" || reason === "forbidden" || reason === "not_found";
    if (isLost) {
      this.#lost += 1;
      this.#version = this.#roomless = undefined;
    } else if (this.#watchFailures > MOST_WATCH_FAILURES) this.#listAnew();
    // It is all in order: there was only nothing to be said for long.
    if (reason === "expired" && this.#lost === 1) return undefined;
    return trouble;
  }

  #listAnew(): void {
    this.#roomless = this.#version ?? this.#roomless;
    this.#version = undefined;
  }

  async #rest(trouble: WatchTrouble): Promise<void> {
    const { reason, message, wait } = trouble;
    const before = this.#condition;
    const failures = before.failures + 1;
    this.#alike = before.state !== "synced" && before.reason === reason ? this.#alike + 1 : 1;
    this.#say({ state: "degraded", reason, message, failures });
    const { random } = this.#options;
    const { firstRetry: first, longestRetry: longest, slowRetry, longestStated } = this.#times;
    // An API server that is just starting says so too of what it does not know yet: only what lasts is asked for slowly.
    const [bounds, count] = isLasting(reason)
      ? [{ first, longest: slowRetry }, this.#alike]
      : [{ first, longest }, failures];
    const own = backoffDelay(count, bounds, random());
    const stated = wait === undefined ? 0 : boundedStated(wait, longestStated, random());
    try {
      await delay(Math.max(own, stated), undefined, { signal: this.#now.signal });
    } catch {
      // It is closed, or wanted anew at once.
    }
  }

  #selectors(): Readonly<Record<string, string>> {
    const { fieldSelector, labelSelector } = this.#options;
    return {
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    };
  }

  #say(change: Partial<WatchCondition>): void {
    const before = this.#condition;
    this.#condition = { ...before, ...change };
    const { state, reason, message } = this.#condition;
    if (before.state === state && before.reason === reason && before.message === message) return;
    this.#options.conditionChanged?.(this.#condition);
  }
}

const GOOD = { state: "synced", reason: "", message: "" } as const;
const MALFORMED: WatchTrouble = { reason: "malformed", message: "What the watch says cannot be read." };
