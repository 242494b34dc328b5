import type { Random } from "./random.ts";

const INTERESTING = [
  0, 1, 9, 10, 13, 0x16, 0x20, 0x22, 0x23, 0x25, 0x2e, 0x2f, 0x3a, 0x3f, 0x40, 0x5b, 0x5c, 0x5d, 0x7f, 0x80, 0xff,
];

/** A few changes to a good input: octets, ranges, and pieces that this parser's attackers use. */
export function mutated(seed: Uint8Array, pieces: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes = seed;
  for (let changes = 1 + random.below(random.once(2) ? 1 : 4); changes > 0; changes--)
    bytes = changed(bytes, pieces, random);
  return bytes;
}

function changed(bytes: Uint8Array, pieces: readonly Uint8Array[], random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random.below(8));
  const splice = (replacement: Uint8Array, to = at): Uint8Array =>
    Buffer.concat([bytes.subarray(0, at), replacement, bytes.subarray(to)]);
  switch (random.below(9)) {
    case 0:
      return splice(Uint8Array.of(random.pick(INTERESTING)));
    case 1:
      return splice(Uint8Array.of(random.pick(INTERESTING)), end);
    case 2:
      return splice(Uint8Array.of(random.below(256)), Math.min(bytes.length, at + 1));
    case 3:
      return splice(Uint8Array.of((bytes[at] ?? 0) ^ (1 << random.below(8))), Math.min(bytes.length, at + 1));
    case 4:
      return splice(new Uint8Array(), end);
    case 5:
      return splice(bytes.subarray(at, end));
    case 6:
      return bytes.subarray(0, at);
    case 7:
      return splice(random.pick(pieces), end);
    default:
      return splice(random.pick(pieces));
  }
}

export function randomOctets(random: Random): Uint8Array {
  return Uint8Array.from({ length: random.below(64) }, () => random.below(256));
}
