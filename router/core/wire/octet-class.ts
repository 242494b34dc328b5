/**
 * The octets that a grammar rule allows: 256 entries of 0 or 1, so that a check is one look-up. Read with a code
 * unit above 255 it gives undefined, which is not 1: outside the table nothing is allowed.
 */
export type OctetClass = Uint8Array;

/** The class of the characters of `text`, all of them ASCII. */
export function octetClass(text: string): OctetClass {
  const allowed = new Uint8Array(256);
  for (let at = 0; at < text.length; at++) allowed[text.charCodeAt(at)] = 1;
  return allowed;
}

export function allOf(text: string, allowed: OctetClass): boolean {
  for (let at = 0; at < text.length; at++) {
    if (allowed[text.charCodeAt(at)] !== 1) return false;
  }
  return true;
}

export const ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** RFC 9110 section 5.6.2, `tchar`. */
export const TOKEN = octetClass(`${ALPHANUMERIC}!#$%&'*+-.^_\`|~`);

/** A non-empty RFC 9110 token. */
export function isToken(text: string): boolean {
  return text.length > 0 && allOf(text, TOKEN);
}
