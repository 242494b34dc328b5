import { mutated, randomOctets } from "./mutation.ts";
import type { Random } from "./random.ts";

export interface FuzzTarget {
  readonly name: string;
  /** The next input. */
  input(random: Random): Uint8Array;
  /** Throws where the parser throws or breaks a promise; true where it took the input. */
  examine(input: Uint8Array, random: Random): boolean;
}

/** Each octet as the character of its number. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

export function latin1Octets(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** Mostly mutations of good inputs, sometimes the good input itself, sometimes noise. */
export function inputs(seeds: readonly string[], pieces: readonly string[]): (random: Random) => Uint8Array {
  const seedOctets = seeds.map(latin1Octets);
  const pieceOctets = pieces.map(latin1Octets);
  return (random) => {
    if (random.once(20)) return randomOctets(random);
    const seed = random.pick(seedOctets);
    return random.once(20) ? seed : mutated(seed, pieceOctets, random);
  };
}
