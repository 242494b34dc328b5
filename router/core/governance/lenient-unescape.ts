/** UTF-8 of more octets than it takes: `%c0%ae`, `%e0%80%ae`, `%f0%80%80%ae`. */
const OVERLONG = /%(?:c|e0%8|f0%80%8)([01])%([89ab][0-9a-f])/gi;
/** IIS's. */
const UTF16 = /%u([0-9a-f]{4})/gi;
const ESCAPES = /(?:%[0-9a-f]{2})+/gi;
const ASCII = /%([0-7][0-9a-f])/gi;

/** With every escape decoded that any reader decodes; once. */
export function lenientUnescape(text: string): string {
  if (!text.includes("%")) return text;
  return text
    .replace(OVERLONG, (_, high: string, low: string) =>
      String.fromCharCode((Number(high) << 6) | (Number.parseInt(low, 16) & 0x3f)),
    )
    .replace(UTF16, (_, unit: string) => String.fromCharCode(Number.parseInt(unit, 16)))
    .replace(ESCAPES, (run) => {
      try {
        return decodeURIComponent(run);
      } catch {
        return run.replace(ASCII, (_, octet: string) => String.fromCharCode(Number.parseInt(octet, 16)));
      }
    });
}

/** Its escapes are UTF-8, as far as they are any. */
export function hasPlainEscapes(text: string): boolean {
  if (!text.includes("%")) return true;
  if (/%u[0-9a-f]{4}/i.test(text)) return false;
  try {
    decodeURIComponent(text.replaceAll(/%(?![0-9a-f]{2})/gi, "%25"));
    return true;
  } catch {
    return false;
  }
}
