import type { EgressApproval } from "../../core/approval/approval.ts";
import { type Identity, isMeant } from "../../core/approval/approved-digest.ts";
import { readApprovalObject } from "../../core/approval/read-approval-object.ts";
import type { Clock } from "../../core/base/clock.ts";
import type { DocumentProblem } from "../../core/base/problem.ts";
import { millis } from "../../core/base/quantity.ts";
import { safeText } from "../../core/wire/safe-text.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import type { KubeClient } from "../../edge/kubernetes/kube-client.ts";
import type { KubeObject } from "../../edge/kubernetes/kube-object.ts";
import {
  type KubeWatch,
  type WatchCondition,
  watchResource,
  type WatchTimes,
} from "../../edge/kubernetes/watch-resource.ts";
import type { Log } from "../../edge/log/log.ts";

/** Of a namespace; a ResourceQuota keeps it far below. */
const MOST_OBJECTS = 8_192;
/** What an object is parsed from has 64 KiB; managed fields may say everything once more. */
const MOST_OBJECT_BYTES = 512 * 1024;
const PAGE = 100;
const MOST_LOGGED = 16;
/** So long at most after the API server is back, or says it anew, what was revoked meanwhile is known here. */
const LONGEST_RETRY = millis(10_000);
const TIMES = { longestRetry: LONGEST_RETRY, slowRetry: LONGEST_RETRY, longestStated: LONGEST_RETRY };

export interface ApprovalWatchRooms {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  readonly identity: Identity;
  readonly log: Log;
  readonly times?: Partial<WatchTimes>;
  /** All approvals for this pod, as the API server has them. */
  apply(approvals: readonly EgressApproval[]): void;
}

/** What an object is to this pod. */
interface Followed {
  readonly name: string;
  /** `elsewhere`: of no matter here. */
  readonly read: EgressApproval | readonly DocumentProblem[] | "elsewhere";
}

/**
 * The EgressApprovals of this pod's namespace, as its API server has them. One that cannot be read grants nothing. While
 * the server is away, what was granted stands until its end by our own clocks, and nothing new is. One that is
 * being deleted is revoked, although a finalizer keeps the object.
 */
export class ApprovalWatch {
  readonly #rooms: ApprovalWatchRooms;
  readonly #objects = new Map<string, Exclude<Followed["read"], "elsewhere">>();
  #watch: KubeWatch | undefined;

  constructor(rooms: ApprovalWatchRooms) {
    this.#rooms = rooms;
  }

  begin(): void {
    const { client, clock, random, identity, times } = this.#rooms;
    this.#watch = watchResource<Followed>({
      client,
      clock,
      random,
      path: approvalsPath(identity),
      maximumObjects: MOST_OBJECTS,
      maximumObjectBytes: MOST_OBJECT_BYTES,
      pageSize: PAGE,
      times: { ...TIMES, ...times },
      project: (object) => this.#follow(object),
      synced: (objects) => {
        this.#objects.clear();
        for (const object of objects) this.#keep(object);
        this.#apply();
      },
      changed: (type, object) => {
        const isNews = this.#objects.has(object.name) || object.read !== "elsewhere";
        if (type === "DELETED") this.#objects.delete(object.name);
        else this.#keep(object);
        if (isNews) this.#apply();
      },
      conditionChanged: (condition) => this.#log(condition),
    });
  }

  /** A complete list was read once. */
  get hasSynced(): boolean {
    return this.#watch?.condition().hasSynced === true;
  }

  /** What the server has is what is known here. */
  get isSynced(): boolean {
    return this.#watch?.condition().state === "synced";
  }

  /** `unreadable`: it is there, and grants nothing. Undefined: there is none of this name for this pod. */
  find(name: string): EgressApproval | "unreadable" | undefined {
    const found = this.#objects.get(name);
    return found === undefined || !isProblems(found) ? found : "unreadable";
  }

  /** Names of those for this very pod that nobody has answered. */
  open(): readonly string[] {
    const { pod } = this.#rooms.identity;
    return [...this.#objects].flatMap(([name, read]) =>
      !isProblems(read) && read.answer === undefined && !read.revoked && read.target.pod === pod ? [name] : [],
    );
  }

  /** What keeps objects from counting. */
  get problems(): readonly DocumentProblem[] {
    return [...this.#objects.values()].flatMap((read) => (isProblems(read) ? read : []));
  }

  condition(): Condition {
    const { state, message, hasSynced } = this.#watch?.condition() ?? {
      state: "starting",
      message: "",
      hasSynced: false,
    };
    if (state === "synced") return { name: "kubernetes", state: "ok", reason: "" };
    const why = message === "" ? "the API server has not answered yet" : message;
    const effect = hasSynced ? "approvals stand until their end, and no new one counts" : "no approval counts yet";
    return { name: "kubernetes", state: "degraded", reason: `${effect}: ${why}` };
  }

  status(): Readonly<Record<string, unknown>> {
    const condition = this.#watch?.condition();
    const timeOf = (at: number | undefined): string | null => (at === undefined ? null : new Date(at).toISOString());
    return {
      state: condition?.state ?? "starting",
      reason: condition?.reason ?? "",
      syncedAt: timeOf(condition?.syncedAt),
      lastEventAt: timeOf(condition?.lastEventAt),
      failures: condition?.failures ?? 0,
      objects: this.#objects.size,
    };
  }

  async close(): Promise<void> {
    await this.#watch?.close();
  }

  #follow(object: KubeObject): Followed {
    const { name } = object.metadata;
    const { identity } = this.#rooms;
    // Of a thousand pods, a thousand and one look at each object: most need not be parsed here.
    if (isForAnotherPod(object, identity)) return { name, read: "elsewhere" };
    const read = readApprovalObject(`egressapproval/${safeText(name, 253)}`, object);
    if (!read.ok) return { name, read: read.problem };
    if (!isMeant(read.value, identity)) return { name, read: "elsewhere" };
    // Somebody deleted it, whatever it still waits for; its name is not free yet.
    return { name, read: isBeingDeleted(object) ? { ...read.value, revoked: true } : read.value };
  }

  #keep({ name, read }: Followed): void {
    if (read === "elsewhere") this.#objects.delete(name);
    else this.#objects.set(name, read);
  }

  #apply(): void {
    for (const { file, code, message } of this.problems.slice(0, MOST_LOGGED)) {
      this.#rooms.log.event("error", "an approval is refused", { file, code, problem: message });
    }
    this.#rooms.apply([...this.#objects.values()].flatMap((read) => (isProblems(read) ? [] : [read])));
  }

  #log({ state, reason, message }: WatchCondition): void {
    if (state === "synced") this.#rooms.log.event("info", "approvals are followed in the API server", {});
    else this.#rooms.log.event("warn", "approvals cannot be followed in the API server", { reason, problem: message });
  }
}

export function approvalsPath({ namespace }: Pick<Identity, "namespace">): string {
  return `/apis/sluice.dev/v1alpha1/namespaces/${encodeURIComponent(namespace)}/egressapprovals`;
}

function isForAnotherPod({ spec }: KubeObject, { pod }: Identity): boolean {
  if (typeof spec !== "object" || spec === null || !("target" in spec)) return false;
  const { target } = spec;
  if (typeof target !== "object" || target === null || !("pod" in target)) return false;
  return typeof target.pod === "string" && target.pod !== pod;
}

/** Whatever stands there, as long as it is not nothing. */
function isBeingDeleted({ metadata: { deletionTimestamp } }: KubeObject): boolean {
  return deletionTimestamp !== undefined && deletionTimestamp !== null;
}

function isProblems(read: EgressApproval | readonly DocumentProblem[]): read is readonly DocumentProblem[] {
  return Array.isArray(read);
}
