/**
 * A writer of DER (X.690), as far as certificates need it. The platform makes keys and signatures and no certificates,
 * and node-forge makes no ECDSA ones; what remains is this.
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

export function nothing(): Der {
  return tagged(0x05);
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

/** UTF8String, of ASCII: names of hosts and pods have nothing else. */
export function text(ascii: string): Der {
  return tagged(0x0c, asciiOctets(ascii));
}

export function octetString(content: Der): Der {
  return tagged(0x04, content);
}

/** Of whole octets, or with `unused` bits at the end of the last one. */
export function bitString(content: Uint8Array, unused = 0): Der {
  return tagged(0x03, Uint8Array.of(unused), content);
}

/**
 * RFC 5280 section 4.1.2.5: UTCTime from 1950 through 2049, GeneralizedTime otherwise; whole seconds. `iso` as
 * `Date.toISOString` writes the years 0 to 9999.
 */
export function time(iso: string): Der {
  const digits = iso.replaceAll(/[-:T]|\.[0-9]+/g, "");
  const year = Number(digits.slice(0, 4));
  const short = year >= 1950 && year < 2050;
  return tagged(short ? 0x17 : 0x18, asciiOctets(short ? digits.slice(2) : digits));
}

/** The octets of a text of ASCII characters; anything else is the caller's mistake. */
export function asciiOctets(ascii: string): Uint8Array {
  const octets = new Uint8Array(ascii.length);
  for (let at = 0; at < ascii.length; at += 1) {
    const code = ascii.charCodeAt(at);
    if (code > 0x7f) throw new RangeError("a text of a certificate is not ASCII");
    octets[at] = code;
  }
  return octets;
}

function tagged(tag: number, ...parts: readonly Uint8Array[]): Der {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = Uint8Array.of(tag, ...lengthOctets(length));
  const whole = new Uint8Array(head.length + length);
  whole.set(head);
  let at = head.length;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let left = length; left > 0; left >>>= 8) octets.unshift(left & 0xff);
  return [0x80 | octets.length, ...octets];
}
