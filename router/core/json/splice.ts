import { octetsOf } from "./utf8.ts";

/** The octets from `at` to before `end` give way to a text (well-formed) or to octets. Offsets are of the text as it was. */
export interface Edit {
  readonly at: number;
  readonly end: number;
  readonly text: string | Uint8Array;
}

/**
 * A text in chunks with edits, which are in order and do not overlap (throws otherwise). Nothing is copied: what lies outside of
 * the edits is the given chunks themselves, or views of them.
 */
export function splice(
  chunks: readonly Uint8Array[],
  edits: readonly Edit[],
): { readonly chunks: readonly Uint8Array[]; readonly length: number } {
  const spliced: Uint8Array[] = [];
  let length = 0;
  const put = (octets: Uint8Array): void => {
    if (octets.length === 0) return;
    spliced.push(octets);
    length += octets.length;
  };
  /** Of the chunk `index`, which begins at `base`, the octets before `from` are done with. */
  let [index, base, from] = [0, 0, 0];
  const advance = (offset: number, isKept: boolean): void => {
    if (offset < base + from) throw new Error("edits overlap or are not in order");
    for (let chunk = chunks[index]; offset > base + from; chunk = chunks[index]) {
      if (chunk === undefined) throw new Error("an edit lies beyond the end of the text");
      const to = Math.min(chunk.length, offset - base);
      if (isKept) put(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
      from = to;
      if (to < chunk.length) continue;
      index++;
      base += chunk.length;
      from = 0;
    }
  };
  for (const { at, end, text } of edits) {
    advance(at, true);
    advance(end, false);
    put(typeof text === "string" ? octetsOf(text) : text);
  }
  advance(
    chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    true,
  );
  return { chunks: spliced, length };
}
