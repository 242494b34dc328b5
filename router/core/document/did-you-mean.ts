import { quoted } from "./quoted.ts";

/** The end of a sentence, `; did you mean "mode"`, without its full stop; nothing where no candidate is near. */
export function didYouMean(given: string, candidates: readonly string[]): string {
  if (given.length > LONGEST || candidates.length > MOST) return "";
  let best: string | undefined;
  let bestDistance = 3;
  for (const candidate of candidates) {
    const distance = editDistance(given.toLowerCase(), candidate.toLowerCase());
    // Half of a short word changed is another word.
    if (distance < bestDistance && distance * 2 <= candidate.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best === undefined ? "" : `; did you mean ${quoted(best)}`;
}

/** Nobody mistypes a key into something longer. */
const LONGEST = 40;
/** Of more candidates some one is always near; it would also take long. */
const MOST = 100;

/** Levenshtein's distance; both texts are short. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substituted));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
