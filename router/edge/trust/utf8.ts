/** Undefined where the octets are not UTF-8. A byte order mark is kept: the text is what was signed. */
export function decodeUtf8(octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return undefined;
  }
}
