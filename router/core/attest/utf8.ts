/** UTF-8 (RFC 3629) of a text; U+FFFD for a lone surrogate. The language alone has no encoder: `encodeURI` is one. */
export function encodeUtf8(text: string): Uint8Array {
  const escaped = encodeURIComponent(text.toWellFormed());
  const octets = new Uint8Array(escaped.length);
  let length = 0;
  for (let at = 0; at < escaped.length; at += 1) {
    const isEscape = escaped[at] === "%";
    octets[length] = isEscape ? Number.parseInt(escaped.slice(at + 1, at + 3), 16) : escaped.charCodeAt(at);
    length += 1;
    if (isEscape) at += 2;
  }
  return octets.slice(0, length);
}

/** Undefined where the octets are not UTF-8: overlong forms, surrogates and values over U+10FFFF are not. */
export function decodeUtf8(octets: Uint8Array): string | undefined {
  try {
    return decodeURIComponent(octets.toHex().replaceAll(/../g, "%$&"));
  } catch {
    return undefined;
  }
}
