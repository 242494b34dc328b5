import { actionForm, argumentsDigest } from "../../core/approval/action-form.ts";
import { actionSummary, shownArguments } from "../../core/approval/action-summary.ts";
import type { AccessRequest, ActionDigest, EgressApproval } from "../../core/approval/approval.ts";
import { approvalManifest } from "../../core/approval/approval-manifest.ts";
import type { Identity } from "../../core/approval/approved-digest.ts";
import type { Clock } from "../../core/base/clock.ts";
import { millis } from "../../core/base/quantity.ts";
import type { Action } from "../../core/governance/action.ts";
import type { Json } from "../../core/json/json.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import type { KubeAnswer, KubeClient } from "../../edge/kubernetes/kube-client.ts";
import { statusMessage } from "../../edge/kubernetes/kube-status.ts";
import { backoffDelay } from "../../edge/kubernetes/retry-delay.ts";
import type { RequestOutcome } from "../../edge/metrics/governance-families.ts";
import { approvalsPath } from "./approval-watch.ts";
import { sha256 } from "./sha256.ts";

/** Denials that were not looked at yet; more are dropped, and asked for when they come again. */
const MOST_DENIED = 8;
/** What the agent asked for and has no object yet. */
const MOST_ASKED = 64;
/** Of this pod, that nobody has answered. */
const MOST_OPEN = 32;
const BURST = 8;
const MILLIS_A_TOKEN = 5_000;
/** What the server took and the watch does not show yet; after so long it is looked at again. */
const SEEN_WITHIN = 60_000;
/** What the server will not have is not offered again so soon. */
const REFUSED_FOR = 600_000;
const MOST_REFUSED = 64;
/** Of what is used up or over, so many under names of their own. */
const MOST_SERIES = 16;
const LOOK_MILLIS = 1_000;
const TIMEOUT = millis(5_000);
/** Nobody changed a quota or a right within a second. */
const FORBIDDEN_FOR = millis(60_000);
const BACKOFF = { first: millis(1_000), longest: millis(60_000) };
/** Octets of arguments that are written out in an object. */
const MOST_ARGUMENTS = 16_384;
/** A label's value has no more. */
const MOST_LABEL = 63;
const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;

type Wanted = Pick<AccessRequest, "digest" | "action" | "reason" | "redact" | "summary">;

export interface RequestObjectsRooms {
  readonly client: Pick<KubeClient, "request">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly identity: Identity;
  /** `denied`: also for what was only denied. */
  readonly mode: "denied" | "asked";
  readonly watch: {
    readonly isSynced: boolean;
    find(name: string): EgressApproval | "unreadable" | undefined;
    open(): readonly string[];
  };
  /** The action as it would be judged, where an operator could allow it and nobody has; else undefined. */
  askable(action: Action): Action | undefined;
  /** RFC 6901 pointers into the arguments of a call that nobody is shown. */
  redact(action: Action): readonly string[];
  /** A grant for it is in force. */
  isGranted(digest: ActionDigest): boolean;
  /** An operator's no stands. */
  isDenied(digest: ActionDigest): boolean;
  /** The agent still waits for an answer. */
  isPending(digest: ActionDigest): boolean;
  counted(outcome: RequestOutcome): void;
  /** An object is there now. */
  created(name: string, wanted: Pick<Wanted, "digest" | "action">): void;
}

/**
 * Makes unapproved EgressApprovals of what the agent asks for, and of what was denied and could be approved. Nobody waits
 * for it: what comes is put into short queues in the same turn, and everything else is done behind them, one request at a
 * time. Each action has one object, whose name is made of pod and digest; what is denied while there is no room is dropped,
 * what was asked for waits.
 */
export class RequestObjects {
  readonly #rooms: RequestObjectsRooms;
  #denied: Action[] = [];
  readonly #asked = new Map<ActionDigest, Wanted>();
  /** Names, and since when by the steady clock. */
  readonly #unseen = new Map<string, number>();
  /** Digests, and until when. */
  readonly #refused = new Map<ActionDigest, number>();
  #tokens = BURST;
  #tokensAt: number;
  #failures = 0;
  #quietUntil = 0;
  #trouble: string | undefined;
  #isWorking = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  constructor(rooms: RequestObjectsRooms) {
    this.#rooms = rooms;
    this.#tokensAt = rooms.clock.monotonic();
  }

  /** A new request of the agent that waits for an answer. */
  asked(wanted: Wanted): void {
    if (this.#isClosed || this.#asked.has(wanted.digest)) return;
    if (this.#asked.size >= MOST_ASKED) return this.#rooms.counted("dropped");
    this.#asked.set(wanted.digest, wanted);
    this.#soon();
  }

  /** Called wherever an action is denied: it has to cost nothing. */
  denied(action: Action): void {
    if (this.#rooms.mode !== "denied" || this.#isClosed) return;
    if (this.#denied.length >= MOST_DENIED) return this.#rooms.counted("dropped");
    this.#denied.push(action);
    this.#soon();
  }

  conditions(): readonly Condition[] {
    if (this.#trouble === undefined) return [];
    return [{ name: "kubernetes-requests", state: "degraded", reason: this.#trouble }];
  }

  status(): Readonly<Record<string, unknown>> {
    const { mode, watch } = this.#rooms;
    return { mode, open: watch.open().length, waiting: this.#asked.size };
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  #soon(): void {
    if (!this.#isWorking) setImmediate(() => void this.#work());
    this.#isWorking = true;
  }

  async #work(): Promise<void> {
    clearTimeout(this.#timer);
    for (const wanted of this.#asked.values()) {
      const isOver = this.#isClosed || !this.#rooms.isPending(wanted.digest);
      if (isOver || (await this.#create(wanted)) === "done") this.#asked.delete(wanted.digest);
    }
    // Looked at in turns: what is being denied meanwhile finds room.
    while (this.#denied.length > 0 && !this.#isClosed) {
      const batch = this.#denied;
      this.#denied = [];
      for (const action of batch) {
        if (!this.#mayTry()) {
          this.#rooms.counted("dropped");
          continue;
        }
        const wanted = this.#wantedOf(action);
        if (wanted !== undefined && (await this.#create(wanted)) === "later") this.#rooms.counted("dropped");
      }
    }
    this.#isWorking = false;
    if (this.#isClosed || this.#asked.size === 0) return;
    this.#timer = setTimeout(() => this.#soon(), LOOK_MILLIS);
    this.#timer.unref();
  }

  #wantedOf(denied: Action): Wanted | undefined {
    const rooms = this.#rooms;
    const action = rooms.askable(denied);
    const form = action === undefined ? undefined : actionForm(action, sha256);
    if (action === undefined || form === undefined) return undefined;
    const digest = sha256(form);
    if (rooms.isDenied(digest)) return undefined;
    const redact = rooms.redact(action);
    return { digest, action, redact, reason: DENIED, summary: actionSummary(action, { redact, sha256 }) };
  }

  /** Without a look at what it is for. */
  #mayTry(): boolean {
    const now = this.#rooms.clock.monotonic();
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#tokensAt) / MILLIS_A_TOKEN);
    this.#tokensAt = now;
    const { watch } = this.#rooms;
    if (this.#tokens < 1 || now < this.#quietUntil || !watch.isSynced) return false;
    for (const [name, since] of this.#unseen) {
      if (watch.find(name) !== undefined || now - since >= SEEN_WITHIN) this.#unseen.delete(name);
    }
    return watch.open().length + this.#unseen.size < MOST_OPEN;
  }

  async #create(wanted: Wanted): Promise<"done" | "later"> {
    const rooms = this.#rooms;
    const { client, clock, identity } = rooms;
    if (!this.#mayTry()) return "later";
    if ((this.#refused.get(wanted.digest) ?? 0) > clock.monotonic()) return "done";
    const name = this.#nameOf(wanted.digest);
    if (name === undefined) return "done";
    this.#tokens -= 1;
    this.#unseen.set(name, clock.monotonic());
    const answer = await client.request("POST", approvalsPath(identity), {
      body: this.#objectOf(name, wanted),
      timeout: TIMEOUT,
      signal: this.#closing.signal,
    });
    const isThere = answer.ok && (answer.value.status === 201 || alreadyExists(answer.value));
    if (isThere) {
      this.#failures = 0;
      this.#trouble = undefined;
      rooms.counted(answer.value.status === 201 ? "created" : "exists");
      if (answer.value.status === 201) rooms.created(name, wanted);
      return "done";
    }
    this.#unseen.delete(name);
    if (this.#isClosed) return "done";
    return answer.ok ? this.#refusedBy(answer.value, wanted) : this.#failed(answer.problem.message, 0);
  }

  #refusedBy(answer: KubeAnswer, { digest }: Wanted): "done" | "later" {
    const { status, body, retryAfter } = answer;
    const { message } = statusMessage(body);
    const said = `The API server answered ${status}${message === "" ? "" : `: ${message}`}`;
    // A 409 that says nothing of the name: others changed the quota at the same time, for one.
    const isBusy = status === 401 || status === 404 || status === 409 || status === 429 || status >= 500;
    if (isBusy) return this.#failed(said, retryAfter ?? 0);
    this.#rooms.counted("refused");
    this.#trouble = `access cannot be asked for: ${said}`;
    if (status === 403) {
      // A quota that is used up, or a right that is missing: for all of them.
      this.#quietUntil = this.#rooms.clock.monotonic() + Math.max(retryAfter ?? 0, FORBIDDEN_FOR);
      return "later";
    }
    this.#refused.delete(digest);
    this.#refused.set(digest, this.#rooms.clock.monotonic() + REFUSED_FOR);
    for (const oldest of this.#refused.keys()) {
      if (this.#refused.size <= MOST_REFUSED) break;
      this.#refused.delete(oldest);
    }
    return "done";
  }

  #failed(why: string, wait: number): "later" {
    this.#rooms.counted("failed");
    this.#failures += 1;
    this.#trouble = `access cannot be asked for: ${why}`;
    const { clock, random } = this.#rooms;
    this.#quietUntil = clock.monotonic() + Math.max(wait, backoffDelay(this.#failures, BACKOFF, random()));
    return "later";
  }

  /** The first name of the action that is free; undefined: an object for it is open, was denied or was taken back. */
  #nameOf(digest: ActionDigest): string | undefined {
    const { identity, watch } = this.#rooms;
    for (let series = 1; series <= MOST_SERIES; series += 1) {
      const nth = series === 1 ? "" : `\n${series}`;
      const name = `request-${sha256(`${identity.pod}${digest}${nth}`).slice(0, 16)}`;
      if (this.#unseen.has(name)) return undefined;
      const found = watch.find(name);
      if (found === undefined) return name;
      // Only what was granted and is over by itself may be asked for anew.
      const isOver =
        found !== "unreadable" && found.answer?.approved === true && !found.revoked && !this.#rooms.isGranted(digest);
      if (!isOver) return undefined;
    }
    return undefined;
  }

  #objectOf(name: string, wanted: Wanted): object {
    const { identity } = this.#rooms;
    const manifest = approvalManifest(wanted, identity, { sha256, arguments: mayShow(wanted) ? "full" : "digest" });
    const labels = { "sluice.dev/pod": identity.pod, "sluice.dev/agent": identity.agent };
    const fitting = Object.entries(labels).filter(([, value]) => value.length <= MOST_LABEL && LABEL.test(value));
    return {
      ...(manifest as Readonly<Record<string, Json>>),
      metadata: {
        name,
        namespace: identity.namespace,
        labels: Object.fromEntries(fitting),
        // What the action says only as a digest is in it as far as it may be shown.
        annotations: { "sluice.dev/summary": wanted.summary },
      },
    };
  }
}

/** Of its name there is one, whoever made it. */
function alreadyExists({ status, body }: KubeAnswer): boolean {
  return status === 409 && statusMessage(body).reason === "AlreadyExists";
}

const DENIED = "The router denied it; nobody has given a reason yet.";

/** Whether a tool's arguments may stand in an object that others in the namespace can read. */
function mayShow({ action, redact }: Wanted): boolean {
  if (action.kind !== "tool" || action.arguments.state !== "known") return true;
  const { value } = action.arguments;
  const shown = shownArguments(value, { redact, sha256 });
  const isWhole = argumentsDigest(shown, sha256) === argumentsDigest(value, sha256);
  return isWhole && Buffer.byteLength(JSON.stringify(value)) <= MOST_ARGUMENTS;
}
