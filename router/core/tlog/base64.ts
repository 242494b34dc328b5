const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * The octets of standard base64 (RFC 4648 section 4) in its one canonical form: padded, no white space, the bits that
 * encode nothing zero. Undefined for anything else, so that no two texts mean the same octets.
 */
export function parseBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !BASE64.test(text)) return undefined;
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    return undefined;
  }
}
