/** Below what an engine takes as arguments of one call. */
const CHUNK = 4_096;

/** Octets as text, each the character of its own number: loses nothing and can be cut anywhere. */
export function latin1(octets: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at += CHUNK) {
    text += String.fromCharCode.apply(null, octets.subarray(at, Math.min(to, at + CHUNK)) as unknown as number[]);
  }
  return text;
}
