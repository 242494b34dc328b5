/** What of a JSON object is looked for. The object itself is depth 1; lists count as depth too. */
export interface SkimKey {
  /** In ASCII, as all members of these APIs are. */
  readonly name: string;
  /** A member of an object so deep; undefined: anywhere. */
  readonly depth?: number;
  /**
   * `text`: the octets of its string are counted. `value`: where its value stands is kept; null is no value.
   * `empty-list`: a value only where it is `[]` (seen in whole frames only, not by LongSkim).
   */
  readonly as: "text" | "value" | "empty-list";
}

/** All of one shape: the skim meets several at every frame. */
export interface SkimRow {
  readonly octets: Uint8Array;
  /** 0: anywhere. */
  readonly depth: number;
  readonly text: boolean;
  readonly value: boolean;
  /** The key's place in the list that the table was made of. */
  readonly index: number;
}

/** The keys, made ready once for all frames: by their length. */
export type SkimTable = readonly (readonly SkimRow[])[];

const NO_ROWS: readonly SkimRow[] = [];

export function skimTable(keys: readonly SkimKey[]): SkimTable {
  const longest = Math.max(...keys.map(({ name }) => name.length));
  return Array.from({ length: longest + 1 }, (_, length) => {
    const rows = keys.flatMap(({ name, depth = 0, as }, index): SkimRow[] =>
      name.length === length
        ? [{ octets: asciiOctets(name), depth, text: as === "text", value: as === "value", index }]
        : [],
    );
    return rows.length === 0 ? NO_ROWS : rows;
  });
}

/** The row for the member whose name stands at `from` to `to`. */
export function rowAt(
  table: SkimTable,
  bytes: Uint8Array,
  from: number,
  to: number,
  depth: number,
): SkimRow | undefined {
  const length = to - from;
  if (length >= table.length) return undefined;
  const rows = table[length] ?? NO_ROWS;
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at];
    if (row !== undefined && equalAt(bytes, from, row.octets) && (row.depth === 0 || row.depth === depth)) return row;
  }
  return undefined;
}

/** The octets at `from` are these. */
export function equalAt(bytes: Uint8Array, from: number, octets: Uint8Array): boolean {
  for (let at = 0; at < octets.length; at++) if (bytes[from + at] !== octets[at]) return false;
  return true;
}

export function asciiOctets(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
