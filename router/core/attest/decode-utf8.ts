/**
 * The text of UTF-8 octets, a byte order mark included. Undefined where they are not UTF-8: overlong forms, surrogates
 * and values over U+10FFFF are not (ECMA-262, Decode). The language has no other decoder; some 10 ms for 256 KiB.
 */
export function decodeUtf8(octets: Uint8Array): string | undefined {
  try {
    return decodeURIComponent(octets.toHex().replaceAll(/../g, "%$&"));
  } catch {
    return undefined;
  }
}
