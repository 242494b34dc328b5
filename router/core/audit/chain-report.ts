import type { FoundHead } from "./stream-heads.ts";

/** Where a line stands: `line` counts from 1, `offset` is of its first octet, from 0. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly offset: number;
}

/**
 * `edited`: it does not hash to what the next record holds, or does not fit its own place in the chain.
 * `missing`: records before it are not there. `reordered`: they come later. `duplicate`: its number has been before.
 * `foreign_stream`: it is of another chain. `torn_tail`: the file ends within a line. `malformed`: no record.
 * `not_canonical`: a record in another form than RFC 8785's.
 */
export type DamageKind =
  | "edited"
  | "missing"
  | "reordered"
  | "duplicate"
  | "foreign_stream"
  | "torn_tail"
  | "malformed"
  | "not_canonical";

/** The first record that is not as it was written, or the first after those that are not there. */
export interface Damage {
  readonly kind: DamageKind;
  readonly place: Place;
  /** Null where the line does not say. */
  readonly seq: number | null;
  readonly sentence: string;
}

/** One end of a covered range. */
export interface RecordMark {
  readonly stream: string;
  readonly seq: number;
  readonly leaf: string;
  readonly time: string;
  readonly place: Place;
}

/** What a chain was found to be. All counts are of the records before the damage, where there is one. */
export interface ChainReport {
  readonly records: number;
  readonly segments: number;
  /** How often a writer was started: each start is a stream of its own. */
  readonly streams: number;
  readonly first: RecordMark | undefined;
  readonly last: RecordMark | undefined;
  /** The segment before the first, where the chain began before what was read. */
  readonly continues: string | undefined;
  /** The last record says that the writer was stopped on purpose. */
  readonly stopped: boolean;
  /** Records in which the writer says what it could not write. */
  readonly gaps: number;
  readonly recoveries: number;
  /** The trees that the verifier was asked for, as far as the intact records reach. */
  readonly heads: readonly FoundHead[];
  /**
   * Of each stream that it was asked for: which records are there, from `first` to before `end`; and the key (vkey) that
   * its start record names.
   */
  readonly extents: readonly {
    readonly stream: string;
    readonly first: number;
    readonly end: number;
    readonly key: string | undefined;
  }[];
  readonly damage: Damage | undefined;
}
