import type { EpochMillis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Family } from "./registry.ts";
import type { Tally } from "./tally.ts";

/** The kinds of document that have series of their own. */
export const POLICY_KINDS = ["EgressPolicy", "SignerPolicy"] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

export const RELOAD_OUTCOMES = ["accepted", "refused"] as const;
export type ReloadOutcome = (typeof RELOAD_OUTCOMES)[number];

/** `lost`: never written, and admitted by a gap record. */
export const RECORD_OUTCOMES = ["written", "failed", "lost"] as const;
export type RecordOutcome = (typeof RECORD_OUTCOMES)[number];

export interface PolicyFacts {
  readonly kind: PolicyKind;
  /** 0: none is loaded. */
  readonly version: number;
  /** 0: none is loaded. */
  readonly loadedAt: EpochMillis;
  /** Undefined for a kind that does not expire; 0: none is loaded. */
  readonly expiresAt: EpochMillis | undefined;
}

/** What is read at each scrape from whoever knows it, so that no gauge can fall behind. */
export interface GaugeSources {
  tunnels(): number;
  guardVerified(): boolean;
  policies(): readonly PolicyFacts[];
}

/** What the instruments count. */
export interface Counts {
  readonly allowed: Tally<Reason | "none">;
  readonly denied: Tally<Reason>;
  readonly undecided: () => number;
  readonly octetsIn: () => number;
  readonly octetsOut: () => number;
  readonly records: Tally<RecordOutcome>;
  readonly reloads: ReadonlyMap<PolicyKind, Tally<ReloadOutcome>>;
}
