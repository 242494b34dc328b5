/**
 * A writer of DER (X.690), as far as certificates need it. node-forge makes no ECDSA certificates; the platform makes the
 * keys and the signatures, and what remains is this.
 */
export type Der = Uint8Array;

export function sequence(...items: readonly Der[]): Der {
  return tagged(0x30, ...items);
}

export function set(...items: readonly Der[]): Der {
  return tagged(0x31, ...items);
}

/** Context-specific and constructed: `[number] EXPLICIT`. */
export function explicit(number: number, ...items: readonly Der[]): Der {
  return tagged(0xa0 | number, ...items);
}

/** Context-specific and primitive: `[number] IMPLICIT` of a string type. */
export function implicit(number: number, content: Uint8Array): Der {
  return tagged(0x80 | number, content);
}

/** Of octets that are a positive number, the highest first. */
export function integer(magnitude: Uint8Array): Der {
  const first = magnitude.findIndex((octet) => octet !== 0);
  const octets = first === -1 ? Uint8Array.of(0) : magnitude.subarray(first);
  return (octets[0] ?? 0) >= 0x80 ? tagged(0x02, Uint8Array.of(0), octets) : tagged(0x02, octets);
}

export function boolean(value: boolean): Der {
  return tagged(0x01, Uint8Array.of(value ? 0xff : 0));
}

/** `1.2.840.10045`: the first part 0 to 2, no part over 2^31. */
export function objectId(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((part) => {
    const groups = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return tagged(0x06, Uint8Array.from(octets));
}

export function utf8(text: string): Der {
  return tagged(0x0c, new TextEncoder().encode(text));
}

export function octetString(content: Der): Der {
  return tagged(0x04, content);
}

/** Of whole octets, or with `unused` bits at the end of the last one. */
export function bitString(content: Uint8Array, unused = 0): Der {
  return tagged(0x03, Uint8Array.of(unused), content);
}

/** RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from then on; whole seconds. */
export function time(at: Date): Der {
  const text = at.toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  const early = at.getUTCFullYear() < 2050;
  return tagged(early ? 0x17 : 0x18, new TextEncoder().encode(early ? text.slice(2) : text));
}

function tagged(tag: number, ...parts: readonly Uint8Array[]): Der {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Uint8Array.of(tag, ...lengthOctets(length)), ...parts]);
}

function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let left = length; left > 0; left >>>= 8) octets.unshift(left & 0xff);
  return [0x80 | octets.length, ...octets];
}
