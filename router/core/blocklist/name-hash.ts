/** The key of the hash, two random words of 32 bits. Whoever does not know it cannot make two names meet. */
export interface HashSeed {
  readonly first: number;
  readonly second: number;
}

/** Names have at most 127 labels; an address is hashed as a whole. */
export const MOST_HASHES = 128;

/**
 * HalfSipHash-2-4 with 64 bits of output (J.-P. Aumasson, D. J. Bernstein; reference: github.com/veorq/SipHash), over
 * the octets of an ASCII text from its last to its first: so one pass gives the hash of a name and of each of its
 * parents. Two words each go into `out`, shortest suffix first and the whole text last; `onlyWhole` leaves the parents
 * out. Gives the number of hashes.
 */
export function nameHashes(seed: HashSeed, text: string, onlyWhole: boolean, out: Uint32Array): number {
  let v0 = seed.first | 0;
  let v1 = seed.second ^ 0xee;
  let v2 = seed.first ^ 0x6c796765;
  let v3 = seed.second ^ 0x74656462;
  let word = 0;
  let hashes = 0;
  const { length } = text;
  for (let at = 0; at < length; at++) {
    const octet = text.charCodeAt(length - 1 - at);
    if (octet === 0x2e && !onlyWhole) finish(v0, v1, v2, v3, word | (at << 24), out, hashes++);
    word |= octet << ((at & 3) << 3);
    if ((at & 3) !== 3) continue;
    v3 ^= word;
    for (let round = 0; round < 2; round++) {
      v0 = (v0 + v1) | 0;
      v1 = (v1 << 5) | (v1 >>> 27);
      v1 ^= v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = (v3 << 8) | (v3 >>> 24);
      v3 ^= v2;
      v0 = (v0 + v3) | 0;
      v3 = (v3 << 7) | (v3 >>> 25);
      v3 ^= v0;
      v2 = (v2 + v1) | 0;
      v1 = (v1 << 13) | (v1 >>> 19);
      v1 ^= v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    v0 ^= word;
    word = 0;
  }
  finish(v0, v1, v2, v3, word | (length << 24), out, hashes++);
  return hashes;
}

/** The last block and the output; the state that was given goes on without it. */
function finish(a: number, b: number, c: number, d: number, block: number, out: Uint32Array, index: number): void {
  let v0 = a;
  let v1 = b;
  let v2 = c;
  let v3 = d ^ block;
  for (let round = 0; round < 10; round++) {
    if (round === 2) {
      v0 ^= block;
      v2 ^= 0xee;
    } else if (round === 6) {
      out[2 * index] = v1 ^ v3;
      v1 ^= 0xdd;
    }
    v0 = (v0 + v1) | 0;
    v1 = (v1 << 5) | (v1 >>> 27);
    v1 ^= v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = (v3 << 8) | (v3 >>> 24);
    v3 ^= v2;
    v0 = (v0 + v3) | 0;
    v3 = (v3 << 7) | (v3 >>> 25);
    v3 ^= v0;
    v2 = (v2 + v1) | 0;
    v1 = (v1 << 13) | (v1 >>> 19);
    v1 ^= v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  out[2 * index + 1] = v1 ^ v3;
}
