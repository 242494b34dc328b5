/**
 * A document as it was written, before anybody knows what it means: the located tree that the YAML reader
 * makes and that shapes read. `at` is an offset into the source text.
 *
 * A node made from a setting (environment, command line) rather than from a file carries `origin`, the
 * name of that setting, and its problems are reported there.
 */
export type DocumentNode = ScalarNode | ListNode | MapNode | BrokenNode;

export interface ScalarNode {
  readonly kind: "scalar";
  readonly at: number;
  readonly text: string;
  /** Written without quotes: only then can it be a number, a boolean or null. */
  readonly plain: boolean;
  readonly origin?: string;
}

export interface ListNode {
  readonly kind: "list";
  readonly at: number;
  readonly items: readonly DocumentNode[];
  readonly origin?: string;
}

export interface MapNode {
  readonly kind: "map";
  readonly at: number;
  /** Keys are unique texts. */
  readonly entries: readonly MapEntry[];
  /** Some of its entries could not be read, so what seems to be missing may be there. */
  readonly damaged: boolean;
  readonly origin?: string;
}

export interface MapEntry {
  readonly key: string;
  readonly keyAt: number;
  readonly value: DocumentNode;
}

/** Where a problem was already reported; whoever meets it stays silent. */
export interface BrokenNode {
  readonly kind: "broken";
  readonly at: number;
  readonly origin?: string;
}

/** The value under `key`, or undefined where the map has no such entry. */
export function entryOf(map: MapNode, key: string): MapEntry | undefined {
  for (const entry of map.entries) if (entry.key === key) return entry;
  return undefined;
}
