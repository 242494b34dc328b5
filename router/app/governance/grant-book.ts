import type { Clock } from "../../core/base/clock.ts";
import { type EpochMillis, epochMillis, type Millis } from "../../core/base/quantity.ts";
import { actionForm, type Sha256 } from "../../core/approval/action-form.ts";
import type { ActionDigest, EgressApproval } from "../../core/approval/approval.ts";
import { approvedDigest } from "../../core/approval/approved-digest.ts";
import type { Action } from "../../core/governance/action.ts";
import type { UseJournal } from "../../edge/state/use-journal.ts";
import type { Grants } from "./governor.ts";

/** How far an approver's clock may be ahead of ours. */
const MOST_SKEW = 60_000;
/** No policy lets a grant last longer (`requests.grant`), so that uses need not be remembered any more. */
const FORGOTTEN_AFTER = 169 * 3_600_000;
/** Ends and digests that are remembered of approvals that are gone. */
const MOST_REMEMBERED = 1_024;

/** What became of an approval. */
export interface GrantNews {
  readonly kind: "granted" | "denied" | "used" | "used_up" | "revoked" | "expired";
  /** Of the approval: its name, and enough of what it is bound to. */
  readonly id: string;
  readonly digest: ActionDigest;
  readonly approval: EgressApproval;
}

export interface GrantBookRooms {
  readonly clock: Clock;
  /** See `PolicyTime`. */
  time(): EpochMillis;
  /** How long a grant lasts at most, by the policy that is in force. */
  longest(): Millis;
  readonly journal: UseJournal;
  readonly sha256: Sha256;
  /** Told in the same turn. `used`: each counted use, and the first of any other. */
  told(news: GrantNews): void;
  /** A grant has ended: what is live is judged again. */
  ended(): void;
}

/** One approval as it stands, for who asks and for operators. */
export interface GrantStatus {
  readonly id: string;
  readonly name: string;
  readonly digest: ActionDigest;
  readonly approval: EgressApproval;
  readonly expiresAt: EpochMillis;
  /** Undefined: not counted. */
  readonly left: number | undefined;
}

interface Bound {
  readonly key: string;
  readonly id: string;
  readonly digest: ActionDigest;
  readonly approvedAt: EpochMillis;
}

/** An approval that is granted and was not over when it was last looked at. */
interface Held extends Bound {
  readonly approval: EgressApproval;
  expiresAt: EpochMillis;
  /** The same by a clock that nobody can set. */
  steadyEnd: number;
  /** Since when it counts, its use was recorded. */
  isUsed: boolean;
}

/**
 * What operators allowed beyond the rules. An approval is bound to its name, the digest of its very action and the moment
 * of its approval: whatever changes in one of them is another approval, and whatever else is rewritten gives no use back.
 * It is over by the wall clock, which is never believed to step back, or by one that cannot be set, whichever is first.
 */
export class GrantBook implements Grants {
  readonly #rooms: GrantBookRooms;
  readonly #sources = new Map<string, readonly EgressApproval[]>();
  readonly #held = new Map<string, Held>();
  readonly #byId = new Map<string, Held>();
  readonly #byDigest = new Map<ActionDigest, readonly Held[]>();
  /** Approvals that say no, or are revoked, by key: so that each is told once. */
  #refused = new Map<string, { readonly kind: "denied" | "revoked"; readonly digest: ActionDigest }>();
  /** What approvals are bound to; they are parsed once, and looked at often. */
  readonly #bound = new WeakMap<EgressApproval, Bound | "nothing">();
  /** Digests of what was granted once, and is not now; oldest first. */
  readonly #past = new Set<ActionDigest>();
  /** When approvals end by the clock that nobody can set, so that one that comes back does not begin anew. */
  readonly #ends = new Map<string, Pick<Held, "expiresAt" | "steadyEnd">>();

  constructor(rooms: GrantBookRooms) {
    this.#rooms = rooms;
  }

  /** In force, whether or not a use is left. */
  get size(): number {
    return this.#held.size;
  }

  find(action: Action): { readonly id: string } | "expired" | undefined {
    // Nothing was ever granted: nothing is hashed.
    if (this.#byDigest.size === 0 && this.#past.size === 0) return undefined;
    const form = actionForm(action, this.#rooms.sha256);
    if (form === undefined) return undefined;
    const digest = this.#rooms.sha256(form);
    const held = this.#byDigest.get(digest);
    const found = held?.find((one) => this.#isOpen(one));
    if (found !== undefined) return { id: found.id };
    return held !== undefined || this.#past.has(digest) ? "expired" : undefined;
  }

  use(id: string): boolean {
    const held = this.#byId.get(id);
    if (held === undefined || !this.#isOpen(held)) return false;
    const { uses } = held.approval;
    if (uses !== undefined) {
      const until = held.approvedAt + FORGOTTEN_AFTER;
      if (!this.#rooms.journal.count(held.key, until, this.#rooms.time())) return false;
    }
    if (uses !== undefined || !held.isUsed) this.#tell("used", held);
    held.isUsed = true;
    if (this.#left(held) === 0) this.#tell("used_up", held);
    return true;
  }

  stands(id: string): boolean {
    const held = this.#byId.get(id);
    return held !== undefined && !this.#isOver(held);
  }

  /** The grant that covers a digest now. */
  grantFor(digest: ActionDigest): GrantStatus | undefined {
    const held = this.#byDigest.get(digest)?.find((one) => this.#isOpen(one));
    return held === undefined ? undefined : this.#statusOf(held);
  }

  /** An operator's no to the very action stands, and no grant beside it. */
  isDenied(digest: ActionDigest): boolean {
    if (this.grantFor(digest) !== undefined) return false;
    return [...this.#refused.values()].some((one) => one.kind === "denied" && one.digest === digest);
  }

  status(): readonly GrantStatus[] {
    return [...this.#held.values()].filter((held) => !this.#isOver(held)).map((held) => this.#statusOf(held));
  }

  /**
   * All approvals of one source, for this pod: files, or a watch. What is not among them any more has ended, at once. Of
   * one approval in several sources, one counts.
   */
  apply(source: string, approvals: readonly EgressApproval[]): void {
    this.#sources.set(source, approvals);
    this.look();
  }

  /** Everything anew, by the time and the policy of now: after a change of either, and every now and then. */
  look(): void {
    if (this.#held.size === 0 && ![...this.#sources.values()].some(({ length }) => length > 0)) return;
    const before = new Map(this.#held);
    const refused = new Map(this.#refused);
    this.#held.clear();
    this.#refused = new Map();
    const news: (() => void)[] = [];
    /** It is at least so late, by what begins and ends. */
    let late = 0;
    for (const approval of [...this.#sources.values()].flat()) {
      const bound = this.#boundOf(approval);
      if (bound === "nothing") continue;
      const { key, id, digest } = bound;
      if (approval.answer?.approved !== true || approval.revoked) {
        const kind = approval.revoked ? "revoked" : "denied";
        this.#refused.set(key, { kind, digest });
        // What was in force until now is told below, as what it is by then.
        if (refused.get(key)?.kind === kind || before.has(key)) continue;
        news.push(() => this.#rooms.told({ kind, id, digest, approval }));
        continue;
      }
      const held = this.#term(before.get(key), { ...bound, approval });
      if (held === undefined || this.#held.has(key)) continue;
      this.#held.set(key, held);
      if (before.has(key)) continue;
      news.push(() => this.#tell("granted", held));
      late = this.#rooms.time();
    }
    // A revocation wins over the same approval elsewhere.
    for (const key of this.#refused.keys()) this.#held.delete(key);
    this.#index();
    let hasEnded = false;
    for (const [key, held] of before) {
      if (this.#held.has(key)) continue;
      hasEnded = true;
      const isOver = this.#isOver(held);
      const kind = isOver ? "expired" : "revoked";
      this.#remember(held);
      // No later than its end: a clock that was ahead for a moment is not remembered for ever.
      late = Math.max(late, isOver ? held.expiresAt : Math.min(held.expiresAt, this.#rooms.time()));
      news.push(() => this.#tell(kind, held));
    }
    // With the clock set back and this process started anew, what is over stays over.
    this.#rooms.journal.note(late);
    for (const tell of news) tell();
    if (hasEnded) this.#rooms.ended();
  }

  /** Nothing: nobody has answered it, or it names no action exactly. */
  #boundOf(approval: EgressApproval): Bound | "nothing" {
    const known = this.#bound.get(approval);
    if (known !== undefined) return known;
    const { sha256 } = this.#rooms;
    const digest = approvedDigest(approval, sha256);
    const approvedAt = approval.answer?.at;
    const key = sha256(`${approval.name}\n${digest}\n${approvedAt}`);
    const isBound = digest !== undefined && approvedAt !== undefined;
    const bound = isBound ? { key, id: `${approval.name}@${key.slice(0, 16)}`, digest, approvedAt } : "nothing";
    this.#bound.set(approval, bound);
    return bound;
  }

  /** Undefined: not in force, not yet or not any more. */
  #term(before: Held | undefined, given: Omit<Held, "expiresAt" | "steadyEnd" | "isUsed">): Held | undefined {
    const { clock } = this.#rooms;
    const now = this.#rooms.time();
    const { approval, approvedAt, key } = given;
    const longest = this.#rooms.longest();
    const term = Math.min(approval.duration ?? longest, longest);
    const expiresAt = epochMillis(approvedAt + term);
    // Written so that a clock that is not a number grants nothing.
    if (!(now >= approvedAt - MOST_SKEW && now < expiresAt)) return undefined;
    const known = before ?? this.#ends.get(key);
    // Where the approver's clock is ahead of ours, it lasts no longer for that: its time begins now.
    const left = Math.min(expiresAt - now, term);
    // Once a time by the steady clock is set, only an operator's other bounds move it.
    const steadyEnd = known === undefined ? clock.monotonic() + left : known.steadyEnd + (expiresAt - known.expiresAt);
    const held = { ...given, expiresAt, steadyEnd, isUsed: before?.isUsed ?? false };
    this.#ends.delete(key);
    this.#ends.set(key, { expiresAt, steadyEnd });
    for (const oldest of this.#ends.keys()) {
      if (this.#ends.size <= MOST_REMEMBERED) break;
      this.#ends.delete(oldest);
    }
    return this.#isOver(held) ? undefined : held;
  }

  #index(): void {
    this.#byId.clear();
    this.#byDigest.clear();
    const ordered = [...this.#held.values()].toSorted(
      (one, other) => costOf(one) - costOf(other) || one.expiresAt - other.expiresAt || (one.id < other.id ? -1 : 1),
    );
    for (const held of ordered) {
      this.#byId.set(held.id, held);
      this.#byDigest.set(held.digest, [...(this.#byDigest.get(held.digest) ?? []), held]);
      this.#past.delete(held.digest);
    }
  }

  #remember({ digest }: Held): void {
    if (this.#byDigest.has(digest)) return;
    this.#past.add(digest);
    for (const oldest of this.#past) {
      if (this.#past.size <= MOST_REMEMBERED) break;
      this.#past.delete(oldest);
    }
  }

  #isOver({ expiresAt, steadyEnd }: Held): boolean {
    return !(this.#rooms.time() < expiresAt && this.#rooms.clock.monotonic() < steadyEnd);
  }

  #left({ key, approval }: Held): number | undefined {
    const { journal } = this.#rooms;
    if (approval.uses === undefined) return undefined;
    return journal.readable ? Math.max(0, approval.uses - journal.used(key)) : 0;
  }

  #isOpen(held: Held): boolean {
    return this.#left(held) !== 0 && !this.#isOver(held);
  }

  #tell(kind: GrantNews["kind"], { id, digest, approval }: Held): void {
    this.#rooms.told({ kind, id, digest, approval });
  }

  #statusOf(held: Held): GrantStatus {
    const { id, digest, approval, expiresAt } = held;
    return { id, name: approval.name, digest, approval, expiresAt, left: this.#left(held) };
  }
}

/** What is not counted is used first, and of the rest what ends first. */
function costOf({ approval }: Held): number {
  return approval.uses === undefined ? 0 : 1;
}
