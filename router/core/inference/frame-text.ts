import { latin1 } from "../wire/latin1.ts";

const REPLACEMENT = 0xfffd;
/** UTF-16 units put into one piece of text. */
const PIECE = 2_048;

/**
 * The text of octets in UTF-8 as every reader of an event stream decodes it (WHATWG Encoding, "UTF-8 decode without
 * BOM"): what is not UTF-8 becomes U+FFFD, one for each longest beginning of a character. Never throws.
 */
export function frameText(bytes: Uint8Array, from: number, to: number): string {
  let ascii = from;
  while (ascii < to && (bytes[ascii] ?? 0) < 0x80) ascii++;
  if (ascii === to) return latin1(bytes, from, to);

  let text = latin1(bytes, from, ascii);
  let units: number[] = [];
  for (let at = ascii; at < to;) {
    const octet = bytes[at++] ?? 0;
    let point = octet;
    if (octet >= 0x80) {
      const more = octet >= 0xf0 ? 3 : octet >= 0xe0 ? 2 : 1;
      point = octet < 0xc2 || octet > 0xf4 ? REPLACEMENT : octet & (0x3f >> more);
      if (point !== REPLACEMENT || octet === 0xef) {
        for (let count = 0; count < more; count++) {
          const next = at < to ? (bytes[at] ?? 0) : 0;
          // The second octet also rules out overlong forms, surrogates and what is over U+10FFFF.
          const least = count > 0 ? 0x80 : octet === 0xe0 ? 0xa0 : octet === 0xf0 ? 0x90 : 0x80;
          const most = count > 0 ? 0xbf : octet === 0xed ? 0x9f : octet === 0xf4 ? 0x8f : 0xbf;
          if (next < least || next > most) {
            point = REPLACEMENT;
            break;
          }
          point = (point << 6) | (next & 0x3f);
          at++;
        }
      }
    }
    if (point >= 0x1_0000) {
      units.push(0xd800 + ((point - 0x1_0000) >> 10), 0xdc00 + ((point - 0x1_0000) & 0x3ff));
    } else {
      units.push(point);
    }
    if (units.length >= PIECE) {
      text += String.fromCharCode.apply(null, units);
      units = [];
    }
  }
  return text + String.fromCharCode.apply(null, units);
}
