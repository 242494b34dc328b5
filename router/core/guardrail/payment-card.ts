/** First digits and lengths as the issuers published them (ISO/IEC 7812): without them every tenth number would be a card. */
const ISSUERS: readonly (readonly [low: number, high: number, digits: number, lengths: readonly number[]])[] = [
  [4, 4, 1, [13, 16, 19]],
  [51, 55, 2, [16]],
  [2221, 2720, 4, [16]],
  [34, 34, 2, [15]],
  [37, 37, 2, [15]],
  [300, 305, 3, [14]],
  [36, 36, 2, [14]],
  [38, 39, 2, [14, 16]],
  [3528, 3589, 4, [16, 17, 18, 19]],
  [6011, 6011, 4, [16, 19]],
  [644, 649, 3, [16, 19]],
  [65, 65, 2, [16, 19]],
  [62, 62, 2, [16, 17, 18, 19]],
  [81, 81, 2, [16]],
  [5018, 5018, 4, [13, 14, 15, 16, 17, 18, 19]],
  [5020, 5020, 4, [13, 14, 15, 16, 17, 18, 19]],
  [5038, 5038, 4, [13, 14, 15, 16, 17, 18, 19]],
  [6304, 6304, 4, [13, 14, 15, 16, 17, 18, 19]],
];

/** A number that is not a part of a longer one, nor of hexadecimal text, may begin here. */
export function mayStartCard(text: string, start: number): boolean {
  const first = text.charAt(start);
  return first >= "2" && first <= "8" && !/[0-9A-Fa-f]/.test(text.charAt(start - 1));
}

/**
 * Whether a payment card's number stands at `start`: where it ends. Digits may be in groups; the number ends with one,
 * but not every group belongs to it (a date or a security code may follow).
 */
export function cardEnd(text: string, start: number, end: number): number | undefined {
  const whole = text.slice(start, end);
  for (let to = whole.length; to >= 13; to -= 1) {
    if (!isDigit(whole.charAt(to - 1)) || /[0-9A-Fa-f]/.test(text.charAt(start + to))) continue;
    if (isCard(whole.slice(0, to).replaceAll(/\D/g, ""))) return start + to;
  }
  return undefined;
}

function isCard(digits: string): boolean {
  const known = ISSUERS.some(([low, high, count, lengths]) => {
    const prefix = Number(digits.slice(0, count));
    return prefix >= low && prefix <= high && lengths.includes(digits.length);
  });
  return known && luhn(digits) === 0;
}

/** ISO/IEC 7812-1 annex B. */
function luhn(digits: string): number {
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - at) - 0x30;
    sum += at % 2 === 0 ? digit : digit < 5 ? 2 * digit : 2 * digit - 9;
  }
  return sum % 10;
}

function isDigit(character: string): boolean {
  return character >= "0" && character <= "9";
}
