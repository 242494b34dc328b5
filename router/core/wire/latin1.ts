/** Below what an engine takes as arguments of one call. */
const CHUNK = 4_096;
/** Up to here, nearly all texts of a head, a list is filled and read in less time than a view is made. */
const SHORT = 64;

/** The arguments of one call, a list for each number of them: made once and filled anew. */
const LISTS = Array.from({ length: SHORT + 1 }, (_, length) => Array.from({ length }, () => 0));

/** Octets as text, each the character of its own number: loses nothing and can be cut anywhere. */
export function latin1(octets: Uint8Array, from: number, to: number): string {
  const list = LISTS[to - from];
  if (list !== undefined) {
    for (let at = 0; at < list.length; at++) list[at] = octets[from + at] ?? 0;
    return String.fromCharCode.apply(null, list);
  }
  let text = "";
  for (let at = from; at < to; at += CHUNK) {
    text += String.fromCharCode.apply(null, octets.subarray(at, Math.min(to, at + CHUNK)) as unknown as number[]);
  }
  return text;
}
