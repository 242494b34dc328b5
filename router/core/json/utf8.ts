/** Code units that become text in one call: far below the count of arguments that the engine takes. */
const BLOCK = 4096;
/** Up to here, most names and values, a list is filled and read in less time than a view is made. */
const SHORT = 64;

/** The arguments of one call, a list for each number of them: made once and filled anew. */
const LISTS = Array.from({ length: SHORT + 1 }, (_, length) => Array.from({ length }, () => 0));

/** The text of well-formed UTF-8 (RFC 3629), which whoever calls has judged already. Some 400 MB/s. */
export function textOf(octets: Uint8Array, from: number, end: number): string {
  let at = from;
  while (at < end && (octets[at] ?? 0) < 0x80) at++;
  return at === end ? joined(octets, from, end) : joined(octets, from, at) + decoded(octets, at, end);
}

/** One character for each unit. */
function joined(units: Uint8Array | Uint16Array, from: number, end: number): string {
  const list = LISTS[end - from];
  if (list !== undefined) {
    for (let at = 0; at < list.length; at++) list[at] = units[from + at] ?? 0;
    return String.fromCharCode.apply(undefined, list);
  }
  let text = "";
  for (let at = from; at < end; at += BLOCK) {
    text += String.fromCharCode.apply(undefined, listed(units.subarray(at, Math.min(end, at + BLOCK))));
  }
  return text;
}

/** `apply` takes what has a length and indices; its declaration says array. */
function listed(units: Uint8Array | Uint16Array): number[] {
  return units as unknown as number[];
}

function decoded(octets: Uint8Array, from: number, end: number): string {
  // Never more code units than octets.
  const units = new Uint16Array(end - from);
  let length = 0;
  let at = from;
  const tail = (): number => (octets[at++] ?? 0) & 0x3f;
  while (at < end) {
    const first = octets[at++] ?? 0;
    if (first < 0x80) {
      units[length++] = first;
    } else if (first < 0xe0) {
      units[length++] = ((first & 0x1f) << 6) | tail();
    } else if (first < 0xf0) {
      units[length++] = ((first & 0x0f) << 12) | (tail() << 6) | tail();
    } else {
      const point = ((first & 0x07) << 18) | (tail() << 12) | (tail() << 6) | tail();
      units[length++] = 0xd7c0 + (point >> 10);
      units[length++] = 0xdc00 | (point & 0x3ff);
    }
  }
  return joined(units, 0, length);
}

/** The text in UTF-8. It must be well-formed, as all that `JSON.stringify` writes is: half of a surrogate pair has no octets. */
export function octetsOf(text: string): Uint8Array {
  return asciiOctets(text) ?? encoded(text);
}

/** Undefined where the text is not ASCII. */
function asciiOctets(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) return undefined;
    octets[at] = unit;
  }
  return octets;
}

function encoded(text: string): Uint8Array {
  const octets = new Uint8Array(text.length * 3);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) {
      octets[length++] = unit;
    } else if (unit < 0x800) {
      octets[length++] = 0xc0 | (unit >> 6);
      octets[length++] = 0x80 | (unit & 0x3f);
    } else if (unit < 0xd800 || unit > 0xdfff) {
      octets[length++] = 0xe0 | (unit >> 12);
      octets[length++] = 0x80 | ((unit >> 6) & 0x3f);
      octets[length++] = 0x80 | (unit & 0x3f);
    } else {
      const point = text.codePointAt(at++) ?? 0;
      if (point < 0x1_0000) throw new Error("half of a surrogate pair");
      octets[length++] = 0xf0 | (point >> 18);
      octets[length++] = 0x80 | ((point >> 12) & 0x3f);
      octets[length++] = 0x80 | ((point >> 6) & 0x3f);
      octets[length++] = 0x80 | (point & 0x3f);
    }
  }
  return octets.subarray(0, length);
}
