/**
 * What a condition may come out as: a set of `NO`, `UNKNOWN` and `YES`. It has one member where everything asked about is
 * there or is missing for good, and several only where a tool's arguments are still to come. As text in a rule's own
 * words: no < unknown < yes, and "all hold" is the least of them (Kleene's strong logic).
 */
export type Truth = number;

export const NO: Truth = 1;
/** A fact is missing. */
export const UNKNOWN: Truth = 2;
export const YES: Truth = 4;
/** Either way, once the arguments are there. */
export const OPEN: Truth = NO | UNKNOWN | YES;

/** By `one * 8 + other`. */
const both = Uint8Array.from({ length: 64 }, (_, index) => conjunction(index >> 3, index & 7));

function conjunction(one: Truth, other: Truth): Truth {
  const unknown = ((one & UNKNOWN) !== 0 && (other & (UNKNOWN | YES)) !== 0) || (one & other & UNKNOWN) !== 0;
  const mirrored = (other & UNKNOWN) !== 0 && (one & YES) !== 0;
  return ((one | other) & NO) | (one & other & YES) | (unknown || mirrored ? UNKNOWN : 0);
}

/** Neither is empty. */
export function and(one: Truth, other: Truth): Truth {
  return both[one * 8 + other] ?? UNKNOWN;
}

export function not(truth: Truth): Truth {
  return (truth & UNKNOWN) | ((truth & NO) !== 0 ? YES : 0) | ((truth & YES) !== 0 ? NO : 0);
}

/** More than one answer is possible. */
export function isOpen(truth: Truth): boolean {
  return truth !== YES && truth !== NO && truth !== UNKNOWN;
}
