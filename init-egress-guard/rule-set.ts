import type { Family } from "./settings.ts";

export type Table = "filter" | "mangle" | "raw" | "nat";

/** What our own chains are called, in every table; everything that begins like this is ours to replace and to remove. */
export const OWN = "SLUICE-";

export interface Rule {
  /** Stable, the same in both families; unique within a family. */
  readonly id: string;
  /** Why the rule is there: one sentence for the person who reads `sluice guard print`. */
  readonly reason: string;
  /** In the words and the order of `iptables-save`; empty matches everything. */
  readonly match: string;
  readonly verdict: string;
}

export interface Chain {
  readonly name: `SLUICE-${string}`;
  /** The built-in chain whose first rule jumps here; undefined where another of our chains does. */
  readonly hook: string | undefined;
  readonly rules: readonly Rule[];
}

export interface TablePlan {
  readonly table: Table;
  readonly chains: readonly Chain[];
}

/** Everything the guard asks of one family. The tables are in the order in which they are installed: filter first. */
export interface RuleSet {
  readonly family: Family;
  readonly tables: readonly TablePlan[];
}
