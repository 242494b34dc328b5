/**
 * How much a text could carry, in bits: the entropy of its characters' frequencies, times its length. Words come to about
 * 3.5 bits a character, encoded data to what their alphabet holds.
 */
export function bitsIn(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / text.length);
  return bits;
}
