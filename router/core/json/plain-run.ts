/** 1 for what stands for itself in a JSON string and is one octet: ASCII without controls, the quote, the backslash. */
const PLAIN = new Uint8Array(256).fill(1, 0x20, 0x80);
PLAIN[0x22] = 0;
PLAIN[0x5c] = 0;

/** The octets as words, from the first that is aligned to the last that is whole. */
export function wordsOf(octets: Uint8Array): Int32Array {
  const lead = leadOf(octets);
  const count = (octets.length - lead) >> 2;
  return count > 0 ? new Int32Array(octets.buffer, octets.byteOffset + lead, count) : NO_WORDS;
}

const NO_WORDS = new Int32Array(0);

/** How many octets stand before the first aligned word. */
function leadOf(octets: Uint8Array): number {
  return -octets.byteOffset & 3;
}

/**
 * Where the run of plain octets from `from` on ends. Four octets at a time (some 5 GB/s), since the contents of strings are nearly
 * all of a body. An octet is plain if neither of two differences has its highest bit: with 0x02 flipped, which turns the quote
 * into 0x20 and leaves controls below that, less 0x21; and with the backslash made zero, less 1. What is not ASCII keeps that bit
 * in one of the two. The lowest octet of a word that is not plain shows it, since only such an octet borrows from the next.
 */
export function endOfPlain(octets: Uint8Array, words: Int32Array, from: number): number {
  const lead = leadOf(octets);
  let at = from;
  while (((at - lead) & 3) !== 0) {
    if (at === octets.length || PLAIN[octets[at] ?? 0] !== 1) return at;
    at++;
  }
  let index = (at - lead) >> 2;
  while (index < words.length) {
    const word = words[index] ?? 0;
    if (((((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101)) & 0x80808080) !== 0) break;
    index++;
  }
  at = lead + (index << 2);
  while (at < octets.length && PLAIN[octets[at] ?? 0] === 1) at++;
  return at;
}
