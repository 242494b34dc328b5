const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]*={0,2}$/;

/**
 * Octets of RFC 4648 base64 (section 4 or 5: DSSE verifiers must take either alphabet), in the one form that they
 * have: padded, no white space, no bits behind the end, no mix of alphabets. Undefined for any other text.
 */
export function readBase64(text: string): Uint8Array | undefined {
  const alphabet = STANDARD.test(text) ? "base64" : "base64url";
  if (alphabet === "base64url" && !URL_SAFE.test(text)) return undefined;
  try {
    return Uint8Array.fromBase64(text, { alphabet, lastChunkHandling: "strict" });
  } catch {
    return undefined;
  }
}
