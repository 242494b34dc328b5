/** One sentence for each way in which an AgentCard does not count; none repeats anything of the card. */
const sentences = {
  not_fetched: "The card has not been fetched yet.",
  unreachable: "The card could not be fetched.",
  bad_status: "The card's place answered with another status than 200; no redirect is followed.",
  too_large: "The card has more octets than are allowed.",
  malformed: "The card is not a JSON object that all readers take alike.",
  unsigned: "The card has no signature.",
  too_many_signatures: "The card has more signatures than are allowed.",
  no_pinned_signature: "No signature of the card is one that a pinned key could have made.",
  wrong_signature: "The card's signature does not verify.",
  expired: "The card's signature is not valid at this time.",
  no_url: "The card names no place where its agent is spoken to.",
  foreign_url: "The card names a place that is no endpoint of the peer.",
  stale: "The card could not be fetched for too long.",
} as const satisfies Record<string, string>;

export type CardProblem = keyof typeof sentences;

export function cardProblemText(problem: CardProblem): string {
  return sentences[problem];
}
