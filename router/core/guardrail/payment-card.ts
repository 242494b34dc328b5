/** First digits and lengths as the issuers published them (ISO/IEC 7812): without them every tenth number would be a card. */
const ISSUERS: readonly (readonly [low: number, high: number, lengths: readonly number[]])[] = [
  [4000, 4999, [13, 16, 19]],
  [5100, 5599, [16]],
  [2221, 2720, [16]],
  [3400, 3499, [15]],
  [3700, 3799, [15]],
  [3000, 3059, [14]],
  [3600, 3699, [14]],
  [3800, 3999, [14, 16]],
  [3528, 3589, [16, 17, 18, 19]],
  [6011, 6011, [16, 19]],
  [6440, 6599, [16, 19]],
  [6200, 6299, [16, 17, 18, 19]],
  [8100, 8199, [16]],
  [5018, 5018, [13, 14, 15, 16, 17, 18, 19]],
  [5020, 5020, [13, 14, 15, 16, 17, 18, 19]],
  [5038, 5038, [13, 14, 15, 16, 17, 18, 19]],
  [6304, 6304, [13, 14, 15, 16, 17, 18, 19]],
];
const PREFIX = 4;
const LONGEST = 19;

/** By its first four digits: the lengths that a number may have. */
const LENGTHS: readonly (readonly number[])[] = Array.from({ length: 10 ** PREFIX }, (_, prefix) =>
  ISSUERS.filter(([low, high]) => prefix >= low && prefix <= high).flatMap(([, , lengths]) => lengths),
);

/** An issuer's number that is not a part of a longer one, nor of hexadecimal text, may begin here. */
export function mayStartCard(text: string, start: number): boolean {
  if (isHexadecimal(text.charCodeAt(start - 1))) return false;
  let prefix = 0;
  let count = 0;
  for (let at = start; count < PREFIX && at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (!isDigit(unit)) continue;
    prefix = prefix * 10 + unit - 0x30;
    count += 1;
  }
  return lengthsFor(prefix).length > 0;
}

/**
 * Whether a payment card's number stands at `start`: where it ends, the longest first. Digits may be in groups; the number
 * ends with one, but not every group belongs to it (a date or a security code may follow).
 */
export function cardEnd(text: string, start: number, end: number): number | undefined {
  const digits: number[] = [];
  const ends: number[] = [];
  for (let at = start; at < end && digits.length < LONGEST; at += 1) {
    const unit = text.charCodeAt(at);
    if (!isDigit(unit)) continue;
    digits.push(unit - 0x30);
    ends.push(at + 1);
  }
  const prefix = digits.slice(0, PREFIX).reduce((number, digit) => number * 10 + digit, 0);
  for (const length of lengthsFor(prefix).toReversed()) {
    const to = ends[length - 1];
    if (to !== undefined && !isHexadecimal(text.charCodeAt(to)) && luhn(digits, length) === 0) return to;
  }
  return undefined;
}

function lengthsFor(prefix: number): readonly number[] {
  return LENGTHS[prefix] ?? [];
}

/** ISO/IEC 7812-1 annex B. */
function luhn(digits: readonly number[], length: number): number {
  let sum = 0;
  for (let at = 0; at < length; at += 1) {
    const digit = digits[length - 1 - at] ?? 0;
    sum += at % 2 === 0 ? digit : digit < 5 ? 2 * digit : 2 * digit - 9;
  }
  return sum % 10;
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

function isHexadecimal(unit: number): boolean {
  return isDigit(unit) || (unit >= 0x41 && unit <= 0x46) || (unit >= 0x61 && unit <= 0x66);
}
