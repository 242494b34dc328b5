const [LF, CR, COLON, BACKSLASH] = [0x0a, 0x0d, 0x3a, 0x5c];
const LOWER = 0x20;
const [A, C, D, E, I, J, L, M] = [0x61, 0x63, 0x64, 0x65, 0x69, 0x6a, 0x6c, 0x6d];
const [N, O, P, R, S, T, U] = [0x6e, 0x6f, 0x70, 0x72, 0x73, 0x74, 0x75];

/**
 * Whether a frame of text may have a part of a call: whatever an API calls one has "tool", "call", "mcp" or "json" in it, in
 * some case, or is written with an escape, or is cut by a line end. What lies beyond ASCII folds to no letter of the first
 * three. Far less work than reading the frame.
 */
export function mayHoldCall(bytes: Uint8Array): boolean {
  let texts = (bytes[0] ?? 0) === D ? 1 : 0;
  for (let at = 1; at < bytes.length; at++) {
    const octet = bytes[at] ?? 0;
    switch (octet | LOWER) {
      case L:
        if (is(bytes, at, 1, L) && is(bytes, at, 2, A) && is(bytes, at, 3, C)) return true;
        if (is(bytes, at, 1, O) && is(bytes, at, 2, O) && is(bytes, at, 3, T)) return true;
        break;
      case N:
        if (is(bytes, at, 1, O) && is(bytes, at, 2, S) && is(bytes, at, 3, J)) return true;
        break;
      case P:
        if (is(bytes, at, 1, C) && is(bytes, at, 2, M)) return true;
        break;
      case U:
        if (bytes[at - 1] === BACKSLASH) return true;
        break;
      default:
    }
    const before = bytes[at - 1];
    if (before !== LF && before !== CR) continue;
    if (octet === D) texts += 1;
    if (texts > 1 || !isLineOfStream(octet)) return true;
  }
  return false;
}

/** Whether a line that begins so is a field of an event stream, a comment, or empty. */
function isLineOfStream(octet: number): boolean {
  return octet === D || octet === E || octet === I || octet === R || octet === COLON || octet === LF || octet === CR;
}

/** Whether so many octets before there is this letter, in either case. */
function is(bytes: Uint8Array, at: number, before: number, letter: number): boolean {
  return ((bytes[at - before] ?? 0) | LOWER) === letter;
}
