/** The text in UTF-8 (RFC 3629). It must be well-formed: half of a surrogate pair has no octets. */
export function utf8(text: string): Uint8Array {
  const octets = new Uint8Array(text.length * 3);
  let length = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) {
      octets[length++] = point;
    } else if (point < 0x800) {
      octets[length++] = 0xc0 | (point >> 6);
      octets[length++] = 0x80 | (point & 0x3f);
    } else if (point < 0x1_0000) {
      if (point >= 0xd800 && point <= 0xdfff) throw new Error("half of a surrogate pair");
      octets[length++] = 0xe0 | (point >> 12);
      octets[length++] = 0x80 | ((point >> 6) & 0x3f);
      octets[length++] = 0x80 | (point & 0x3f);
    } else {
      octets[length++] = 0xf0 | (point >> 18);
      octets[length++] = 0x80 | ((point >> 12) & 0x3f);
      octets[length++] = 0x80 | ((point >> 6) & 0x3f);
      octets[length++] = 0x80 | (point & 0x3f);
    }
  }
  return octets.subarray(0, length);
}
