import type { AccessRequest, ActionDigest, KnownRequest, RequestState } from "../../core/approval/approval.ts";
import { type EpochMillis, epochMillis, type Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Action } from "../../core/governance/action.ts";
import type { GrantNews } from "./grant-book.ts";

/** Answered ones that are remembered. */
const MOST_ANSWERED = 64;
/** Of agents that wait for an answer at the same time. */
const MOST_WAITING = 16;
/** Of all actions that wait for an answer, together. */
const MOST_OCTETS = 1_048_576;
const MINUTE = 60_000;

/** What is asked for; everything in it was checked. */
export interface Asked {
  readonly digest: ActionDigest;
  readonly action: Action;
  readonly redact: readonly string[];
  readonly summary: string;
  readonly reason: string;
  /** Of the action as JSON. */
  readonly octets: number;
}

/** `requests` of the governance policy. */
export interface RequestCaps {
  readonly pending: number;
  readonly perMinute: number;
  readonly ttl: number;
}

/** No room; milliseconds until there is, if nobody else asks. */
export interface Crowded {
  readonly full: "pending" | "octets" | "minute";
  readonly retryAfter: number;
}

export interface RequestBookRooms {
  readonly now: () => EpochMillis;
  /** Milliseconds of a clock that nobody sets. */
  readonly steady: () => Millis;
  /** Twenty characters that nobody guesses. */
  readonly newId: () => string;
  /** It has ended without an operator's word. */
  ended(request: AccessRequest): void;
}

type What = Pick<Asked, "action" | "redact" | "octets">;

interface Entry {
  request: KnownRequest;
  /** Kept only while nobody has answered: it may be long. */
  what: What | undefined;
  /** When it is over, by the clock that nobody sets. */
  readonly steadyEnd: number;
  readonly waiting: Set<() => void>;
}

/**
 * What the agent asked for, in memory only: after a restart it asks again. The same action is one request, however often
 * it is asked for while it is open.
 */
export class RequestBook {
  readonly #rooms: RequestBookRooms;
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();
  /** The open one (pending or approved) of an action. */
  readonly #open = new Map<ActionDigest, Entry>();
  /** When the requests of the last minute came. */
  #recent: number[] = [];
  #pending = 0;
  /** Of the actions of those. */
  #octets = 0;
  #waiting = 0;

  constructor(rooms: RequestBookRooms) {
    this.#rooms = rooms;
  }

  /** That nobody has answered. */
  get pending(): number {
    return this.#pending;
  }

  /** `state`: denied, where an operator said so before. */
  ask(
    { action, redact, octets, ...rest }: Asked,
    state: "pending" | "denied",
    caps: RequestCaps,
  ): Result<{ readonly request: AccessRequest; readonly isNew: boolean }, Crowded> {
    this.look();
    const now = this.#rooms.steady();
    const open = this.#open.get(rest.digest);
    if (open?.request.state === "pending") {
      open.request = { ...open.request, count: open.request.count + 1 };
      return ok({ request: { ...open.request, action, redact }, isNew: false });
    }
    const crowded = this.#crowded(caps, now, state === "pending" ? octets : undefined);
    if (crowded !== undefined) return fail(crowded);
    this.#recent.push(now);
    const at = this.#rooms.now();
    const expiresAt = epochMillis(at + caps.ttl);
    const request: KnownRequest = { ...rest, id: this.#rooms.newId(), at, expiresAt, state, count: 1 };
    const what = state === "pending" ? { action, redact, octets } : undefined;
    const entry: Entry = { request, what, steadyEnd: now + caps.ttl, waiting: new Set() };
    this.#entries.set(request.id, entry);
    if (state === "pending") {
      this.#open.set(request.digest, entry);
      this.#pending += 1;
      this.#octets += octets;
    }
    this.#forget();
    return ok({ request: { ...request, action, redact }, isNew: true });
  }

  get(id: string): KnownRequest | undefined {
    this.look();
    return this.#entries.get(id)?.request;
  }

  /** Oldest first. */
  list(): readonly KnownRequest[] {
    this.look();
    return [...this.#entries.values()].map(({ request }) => request);
  }

  isPending(digest: ActionDigest): boolean {
    this.look();
    return this.#open.get(digest)?.request.state === "pending";
  }

  /** Those that nobody has answered, with all that an operator has to see; oldest first. */
  open(): readonly AccessRequest[] {
    this.look();
    return [...this.#entries.values()].flatMap(({ request, what }) =>
      what === undefined ? [] : [{ ...request, action: what.action, redact: what.redact }],
    );
  }

  /** The request as it is then; undefined: there is none. What is answered already stays as it is. */
  withdraw(id: string): KnownRequest | undefined {
    this.look();
    const entry = this.#entries.get(id);
    if (entry?.request.state === "pending") {
      this.#end(entry, "withdrawn");
    }
    return entry?.request;
  }

  /**
   * Calls back once when the request is no longer pending. What it returns ends the wait before that. Undefined: too many
   * wait already.
   */
  wait(id: string, answered: () => void): (() => void) | undefined {
    const entry = this.#entries.get(id);
    if (this.#waiting >= MOST_WAITING) return undefined;
    if (entry?.request.state !== "pending") {
      answered();
      return () => undefined;
    }
    this.#waiting += 1;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      this.#waiting -= 1;
      entry.waiting.delete(call);
    };
    const call = (): void => {
      end();
      answered();
    };
    entry.waiting.add(call);
    return end;
  }

  /** What became of an approval becomes of the request for the same action. */
  told({ kind, digest }: GrantNews): void {
    const entry = this.#open.get(digest);
    if (entry === undefined) return;
    const next = stateAfter(entry.request.state, kind);
    if (next !== undefined) this.#settle(entry, next);
  }

  /** What nobody has answered in time is over. */
  look(): void {
    const now = this.#rooms.steady();
    for (const entry of this.#open.values()) {
      if (entry.request.state !== "pending" || now < entry.steadyEnd) continue;
      this.#end(entry, "expired");
    }
  }

  /** Of a pending one. */
  #end(entry: Entry, state: "withdrawn" | "expired"): void {
    const { what } = entry;
    this.#settle(entry, state);
    if (what !== undefined) this.#rooms.ended({ ...entry.request, action: what.action, redact: what.redact });
  }

  #settle(entry: Entry, state: RequestState): void {
    if (entry.request.state === "pending") this.#pending -= 1;
    this.#octets -= entry.what?.octets ?? 0;
    entry.what = undefined;
    entry.request = { ...entry.request, state };
    if (state !== "approved") this.#open.delete(entry.request.digest);
    for (const call of entry.waiting) call();
    this.#forget();
  }

  /** `octets`: of what would wait; undefined: it would not. */
  #crowded({ pending, perMinute }: RequestCaps, now: number, octets: number | undefined): Crowded | undefined {
    this.#recent = this.#recent.filter((at) => now - at < MINUTE);
    const recent = this.#recent.at(-perMinute);
    if (this.#recent.length >= perMinute && recent !== undefined) {
      return { full: "minute", retryAfter: recent + MINUTE - now };
    }
    if (octets === undefined) return undefined;
    const full = this.#pending >= pending ? "pending" : "octets";
    if (full === "octets" && this.#octets + octets <= MOST_OCTETS) return undefined;
    const waiting = [...this.#open.values()].filter(({ request }) => request.state === "pending");
    return { full, retryAfter: Math.min(...waiting.map(({ steadyEnd }) => steadyEnd - now)) };
  }

  /** The oldest of what is answered, approved ones included: a grant stands without its request. */
  #forget(): void {
    let answered = this.#entries.size - this.#pending;
    for (const [id, { request }] of this.#entries) {
      if (answered <= MOST_ANSWERED) return;
      if (request.state === "pending") continue;
      this.#entries.delete(id);
      if (this.#open.get(request.digest)?.request.id === id) this.#open.delete(request.digest);
      answered -= 1;
    }
  }
}

/** Undefined: it stays as it is. */
function stateAfter(state: RequestState, kind: GrantNews["kind"]): RequestState | undefined {
  const isPending = state === "pending";
  switch (kind) {
    case "granted":
      return isPending ? "approved" : undefined;
    case "denied":
      return "denied";
    case "revoked":
      return "revoked";
    case "expired":
      return isPending ? undefined : "expired";
    case "used_up":
      return isPending ? undefined : "used";
    case "used":
      return undefined;
    default:
      return kind satisfies never;
  }
}
