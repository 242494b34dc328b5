import { parseBase64 } from "../tlog/base64.ts";

const URL_SAFE = /^[A-Za-z0-9_=-]*$/;

/**
 * Octets of base64 in either alphabet (RFC 4648 sections 4 and 5), both of which a DSSE verifier must take; otherwise as
 * strict as `parseBase64`. Undefined for anything else, a mix of the two included.
 */
export function parseEitherBase64(text: string): Uint8Array | undefined {
  return parseBase64(URL_SAFE.test(text) ? text.replaceAll("-", "+").replaceAll("_", "/") : text);
}
