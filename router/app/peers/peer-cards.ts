import type { Clock } from "../../core/base/clock.ts";
import type { EpochMillis } from "../../core/base/quantity.ts";
import type { Result } from "../../core/base/result.ts";
import type { CardProblem } from "../../core/peer/card-problem.ts";
import type { Peer } from "../../core/peer/trust.ts";
import type { VerifiedCard } from "./verify-card.ts";

export interface PeerCardsRooms {
  readonly clock: Clock;
  /** See `PolicyTime`. */
  time(): EpochMillis;
  /** Fetches the card of a peer of the policy in force, and verifies it. */
  look(peer: string, signal: AbortSignal): Promise<Result<VerifiedCard, CardProblem>>;
  /** A card has come to be verified (`undefined`), or is not any more, or is not for another reason. */
  changed(peer: string, problem: CardProblem | undefined): void;
  /** It was served, and does not verify. Told each time. */
  refused(peer: string): void;
  /** A bug of ours. */
  failed(error: unknown): void;
}

interface Entry {
  /** What of the peer matters for its card: where that changes, it begins anew. */
  readonly text: string;
  problem: CardProblem | undefined;
  /** By the wall clock: when its signatures end. */
  until: number | undefined;
  /** By the steady clock: when it was verified last, and when it is looked at again. */
  verified: number;
  due: number;
  failures: number;
  looking: boolean;
}

const TICK_MILLIS = 5_000;
/** A card that stands is looked at again after so long. */
const AGAIN_MILLIS = 10 * 60_000;
/** What could not be fetched since counts no more. */
const STALE_MILLIS = 60 * 60_000;
const FIRST_PAUSE_MILLIS = 5_000;
/** Looks at the same time. */
const MOST_LOOKS = 8;

/** What was served and does not do; all others say only that nothing was. */
const SERVED: ReadonlySet<CardProblem> = new Set<CardProblem>([
  "bad_status",
  "too_large",
  "malformed",
  "unsigned",
  "too_many_signatures",
  "no_pinned_signature",
  "wrong_signature",
  "expired",
  "no_url",
  "foreign_url",
]);

/** The AgentCards of the peers that this agent is connected with: fetched, verified, and looked at again and again. */
export class PeerCards {
  readonly #rooms: PeerCardsRooms;
  readonly #closing = new AbortController();
  #entries = new Map<string, Entry>();
  #timer: NodeJS.Timeout | undefined;

  constructor(rooms: PeerCardsRooms) {
    this.#rooms = rooms;
  }

  /** These are the peers from here on; those that have no card to show are passed over. */
  use(peers: readonly Peer[]): void {
    const before = this.#entries;
    const now = this.#rooms.clock.monotonic();
    this.#entries = new Map();
    for (const { id, keys, card, endpoints, addresses } of peers) {
      if (card === undefined) continue;
      const text = JSON.stringify([keys, card, endpoints, addresses]);
      const known = before.get(id);
      const fresh = { text, until: undefined, verified: now, due: now, failures: 0, looking: false };
      this.#entries.set(id, known?.text === text ? known : { ...fresh, problem: "not_fetched" });
    }
    if (this.#entries.size === 0) return this.#stop();
    this.#timer ??= setInterval(() => this.#tick(), TICK_MILLIS).unref();
    this.#tick();
  }

  /** What is wrong with its card; undefined also where it has none to show. Where that is due, it is looked at again. */
  problemOf(peer: string): CardProblem | undefined {
    const entry = this.#entries.get(peer);
    if (entry === undefined) return undefined;
    if (entry.problem !== undefined && entry.due <= this.#rooms.clock.monotonic()) this.#begin(peer, entry);
    return this.#aged(entry);
  }

  close(): void {
    this.#closing.abort();
    this.#stop();
    this.#entries.clear();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const now = this.#rooms.clock.monotonic();
    for (const [peer, entry] of this.#entries) {
      const aged = this.#aged(entry);
      if (aged !== entry.problem) {
        entry.due = now;
        this.#set(peer, entry, aged);
      }
      if (entry.due <= now) this.#begin(peer, entry);
    }
  }

  /** Time alone can end what was verified. */
  #aged({ problem, until, verified }: Entry): CardProblem | undefined {
    if (problem !== undefined) return problem;
    if (until !== undefined && !(this.#rooms.time() < until)) return "expired";
    return this.#rooms.clock.monotonic() - verified < STALE_MILLIS ? undefined : "stale";
  }

  #begin(peer: string, entry: Entry): void {
    const looks = [...this.#entries.values()].filter(({ looking }) => looking).length;
    if (entry.looking || looks >= MOST_LOOKS || this.#closing.signal.aborted) return;
    entry.looking = true;
    this.#look(peer, entry).catch((error: unknown) => this.#rooms.failed(error));
  }

  async #look(peer: string, entry: Entry): Promise<void> {
    const { clock } = this.#rooms;
    try {
      const found = await this.#rooms.look(peer, this.#closing.signal);
      // Another policy knows nothing of what this one asked.
      if (this.#entries.get(peer) !== entry) return;
      if (found.ok) {
        entry.verified = clock.monotonic();
        entry.until = found.value.until;
        entry.failures = 0;
        this.#set(peer, entry, undefined);
        return;
      }
      entry.failures += 1;
      if (SERVED.has(found.problem)) {
        this.#rooms.refused(peer);
        this.#set(peer, entry, found.problem);
      } else if (entry.problem !== undefined) this.#set(peer, entry, found.problem);
    } finally {
      entry.looking = false;
      const pause = Math.min(AGAIN_MILLIS, FIRST_PAUSE_MILLIS * 2 ** Math.min(10, entry.failures - 1));
      entry.due = clock.monotonic() + (entry.failures === 0 ? AGAIN_MILLIS : pause);
    }
  }

  #set(peer: string, entry: Entry, problem: CardProblem | undefined): void {
    if (entry.problem === problem) return;
    entry.problem = problem;
    this.#rooms.changed(peer, problem);
  }
}
