import type { AuditEvent } from "../../core/audit/audit-event.ts";
import { ownEvent } from "../../core/audit/own-event.ts";
import { fail } from "../../core/base/result.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { Action } from "../../core/governance/action.ts";
import type { CompiledGovernancePolicy, GovernanceSnapshot } from "../../core/governance/compile-governance-policy.ts";
import { cardProblemText } from "../../core/peer/card-problem.ts";
import { type PeerOutcome, PeerStandings } from "../../core/peer/peer-standings.ts";
import { tierOf } from "../../core/peer/tier.ts";
import { peersOfSelf } from "../../core/peer/trust-graph.ts";
import { parseAuthority } from "../../core/wire/authority.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import type { Log } from "../../edge/log/log.ts";
import { StateFile } from "../../edge/state/state-file.ts";
import type { ConnectionRooms } from "../inference/provider-routes.ts";
import { fetchCard } from "./fetch-card.ts";
import { OwnCard } from "./own-card.ts";
import { PeerCards } from "./peer-cards.ts";
import { peerOutcome } from "./peer-outcome.ts";
import { verifyCard } from "./verify-card.ts";

export interface PeersOptions {
  readonly config: RouterConfig["governance"];
  readonly connections: ConnectionRooms;
  readonly log: Log;
  /** The state directory. */
  readonly directory: string;
  readonly policy: () => GovernanceSnapshot;
  readonly recordSoon: (event: AuditEvent) => void;
  /** A verdict about a peer may be another one now. */
  readonly changed: () => void;
}

const FILE = "peers.json";
/** 1,024 rows with sixty-one minutes each, and room. */
const MOST_OCTETS = 4 * 1024 * 1024;
/** Decay goes on without anybody asking, and what a crash may take of its time. */
const TICK_MILLIS = 60_000;

/** The agents that this one may exchange messages with: how far they are trusted, who they are, and which are connected. */
export class Peers {
  readonly own: OwnCard;
  readonly #options: PeersOptions;
  readonly #standings = new PeerStandings();
  readonly #cards: PeerCards;
  readonly #file: StateFile;
  #connected: ReadonlySet<string> = new Set();
  /** Undefined: not restored yet; `unreadable`: nobody's score is known until an operator has seen to the file. */
  #state: "restored" | "unreadable" | undefined;
  #timer: NodeJS.Timeout | undefined;
  #saved = "";

  constructor(options: PeersOptions) {
    this.#options = options;
    const { config, connections, directory, log } = options;
    this.#file = new StateFile(directory, FILE, MOST_OCTETS, (error) =>
      log.event("error", "the peers' scores cannot be kept", { error: String(error) }),
    );
    this.#cards = new PeerCards({
      clock: connections.clock,
      time: () => connections.time(),
      look: async (id, signal) => {
        const policy = options.policy();
        const peer = policy.state === "missing" ? undefined : policy.peer(id);
        if (policy.state === "missing" || peer === undefined) return fail("not_fetched");
        const fetched = await fetchCard(connections, policy, peer, signal);
        return fetched.ok ? verifyCard(fetched.value, peer, connections.time()) : fetched;
      },
      changed: (peer, problem) => {
        const state = problem === undefined ? "verified" : "refused";
        this.#record("card", peer, { state, ...(problem === undefined ? {} : { problem }) });
        log.event(problem === undefined ? "info" : "warn", `a peer's card is ${state}`, {
          peer,
          problem: problem ?? "",
        });
        options.changed();
      },
      refused: (peer) => this.#observe(peer, "failed"),
      failed: (error) =>
        log.event("error", "a peer's card could not be looked at", {
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }),
    });
    this.own = new OwnCard({
      ...config,
      known: ({ kid, spki, passing }) =>
        log.event("info", passing ? "agent identity made for this process" : "agent identity read", { kid, spki }),
      problem: (sentence) => log.event("error", "the agent's own card is not served", { problem: sentence }),
    });
  }

  /** A policy came into force. */
  apply(policy: GovernanceSnapshot): void {
    if (policy.state === "missing") return;
    const { rates, peers, graph } = policy.trust;
    this.#connected = peersOfSelf(graph);
    this.#standings.apply(
      rates,
      peers.map(({ id }) => id),
      this.#steady(),
    );
    // Before the scores are read nothing is asked of anybody, and told of anybody.
    if (this.#state === undefined) return;
    this.#cards.use(peers.filter(({ id }) => this.#connected.has(id)));
    this.#tellChanges();
  }

  /** Goes on where the last process ended; after the first policy was applied. */
  async begin(policy: GovernanceSnapshot): Promise<void> {
    const { log } = this.#options;
    const loaded = await this.#file.load();
    if (loaded.ok && loaded.value === undefined) this.#state = "restored";
    else {
      const read = loaded.ok && this.#standings.restore(parsed(loaded.value ?? ""), this.#steady()).ok;
      this.#state = read ? "restored" : "unreadable";
      const problem = loaded.ok ? "it is malformed" : loaded.problem;
      if (!read) log.event("error", "the peers' scores cannot be read: nobody's is known", { problem });
    }
    this.apply(policy);
    await this.own.begin();
    this.#timer = setInterval(() => this.#tellChanges(), TICK_MILLIS).unref();
  }

  /** 0 to 1000; undefined where it is not known. */
  scoreOf(peer: string): number | undefined {
    return this.#state === "restored" ? this.#standings.scoreOf(peer, this.#steady()) : undefined;
  }

  /** Every peer of the policy whose score is known. */
  scores(): readonly (readonly [peer: string, score: number])[] {
    return this.#state === "restored" ? this.#standings.scores(this.#steady()) : [];
  }

  /** Why a message may not be sent, whatever rules and approvals say; undefined also for what is none. */
  barred(policy: CompiledGovernancePolicy, action: Action): string | undefined {
    if (action.kind !== "mesh.send") return undefined;
    const { peer: id } = action;
    if (id === undefined || policy.peer(id) === undefined || !this.#connected.has(id)) return NOT_CONNECTED;
    const problem = this.#cards.problemOf(id);
    return problem === undefined ? undefined : `The peer is not connected. ${cardProblemText(problem)}`;
  }

  /** What goes to the audit log, as it goes there: how exchanges with peers end. */
  seen(event: AuditEvent): void {
    const outcome = peerOutcome(event);
    if (outcome === undefined) return;
    const policy = this.#options.policy();
    const place = parseAuthority(event.target, undefined);
    const peer = policy.state === "missing" || !place.ok ? undefined : policy.peerAt(place.value);
    if (peer !== undefined) this.#observe(peer.id, outcome);
  }

  conditions(): readonly Condition[] {
    const reasons: string[] = [];
    if (this.#state === "unreadable") reasons.push(`${FILE} of the state directory cannot be read: no score is known`);
    if (this.own.problem !== undefined) reasons.push(this.own.problem);
    const refused = [...this.#connected].filter((id) => this.#cards.problemOf(id) !== undefined);
    if (refused.length > 0) reasons.push(`without a card that verifies: ${refused.toSorted().join(", ")}`);
    return reasons.length === 0 ? [] : [{ name: "peers", state: "degraded", reason: reasons.join("; ") }];
  }

  status(): Readonly<Record<string, unknown>> {
    const policy = this.#options.policy();
    const { identity } = this.own;
    const peers = policy.state === "missing" ? [] : policy.trust.peers;
    return {
      ...(identity === undefined
        ? {}
        : { identity: { kid: identity.kid, spki: identity.spki, passing: identity.passing } }),
      peers: peers.map(({ id, card }) => {
        const score = this.scoreOf(id);
        const connected = this.#connected.has(id);
        const problem = this.#cards.problemOf(id);
        return {
          id,
          score: score ?? null,
          tier: score === undefined ? null : tierOf(score),
          connected: connected && problem === undefined,
          card: card === undefined ? "none" : !connected ? "not_asked" : (problem ?? "verified"),
        };
      }),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#cards.close();
    this.own.close();
    this.#save();
    await this.#file.settled();
  }

  #observe(peer: string, outcome: PeerOutcome): void {
    if (this.#state === "restored" && this.#standings.observe(peer, outcome, this.#steady())) this.#tellChanges();
  }

  #tellChanges(): void {
    if (this.#state !== "restored") return;
    const { log, changed } = this.#options;
    const changes = this.#standings.changes(this.#steady());
    this.#save();
    for (const { peer, from, to, score } of changes) {
      // Of one that is new there is nothing to say.
      if (from === undefined) continue;
      this.#record("trust", peer, { from, to, score });
      log.event("warn", "a peer's tier changed", { peer, from, to, score });
    }
    if (changes.length > 0) changed();
  }

  #record(action: "trust" | "card", peer: string, detail: NonNullable<AuditEvent["detail"]>): void {
    const { connections, recordSoon } = this.#options;
    recordSoon(ownEvent(connections.clock.now(), "governance.alert", action, peer, detail));
  }

  /** What could not be read stays as it is, for whoever has to look at it. */
  #save(): void {
    if (this.#state !== "restored") return;
    const text = JSON.stringify(this.#standings.save(this.#steady()));
    if (text === this.#saved) return;
    this.#saved = text;
    this.#file.save(text);
  }

  #steady(): number {
    return this.#options.connections.clock.monotonic();
  }
}

const NOT_CONNECTED = "The signed trust graph does not lead from this agent to that peer.";

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
