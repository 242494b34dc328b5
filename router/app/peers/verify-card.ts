import type { AuditValue } from "../../core/audit/audit-event.ts";
import { canonicalJson } from "../../core/audit/canonical-json.ts";
import type { EpochMillis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { type CardSignature, cardSignatures, foreignPlace, type JsonObject } from "../../core/peer/agent-card.ts";
import { withoutDefaults } from "../../core/peer/card-defaults.ts";
import type { CardProblem } from "../../core/peer/card-problem.ts";
import { protectedHeader } from "../../core/peer/protected-header.ts";
import type { Peer, PeerKey } from "../../core/peer/trust.ts";
import { pinnedKey } from "./pinned-key.ts";
import { strictObject } from "./strict-json.ts";

export const MOST_CARD_OCTETS = 65_536;

export interface VerifiedCard {
  /** The pinned keys that signed it. Never empty. */
  readonly kids: readonly string[];
  /** Milliseconds since 1970 at which the last of their signatures ends; undefined: never. */
  readonly until: number | undefined;
}

/**
 * Whether a peer's AgentCard (A2A 1.0 section 8.4) is one of its own: at least one signature, EdDSA or ES256, by a key that
 * the policy pins, over the RFC 8785 form of the card without `signatures`, and all places it names are its endpoints.
 * Nothing is fetched for it, and of what is not signed nothing counts.
 */
export async function verifyCard(
  octets: Uint8Array,
  peer: Peer,
  now: EpochMillis,
): Promise<Result<VerifiedCard, CardProblem>> {
  if (octets.length > MOST_CARD_OCTETS) return fail("too_large");
  const card = strictObject(octets);
  if (card === undefined) return fail("malformed");
  const signatures = cardSignatures(card);
  if (!signatures.ok) return signatures;
  const payloads = signedForms(card);
  if (payloads === undefined) return fail("malformed");

  const kids: string[] = [];
  let until = 0;
  let problem: CardProblem = "no_pinned_signature";
  for (const signature of signatures.value) {
    const header = strictObject(Buffer.from(signature.protected, "base64url"));
    const read = header === undefined ? undefined : protectedHeader(header, peer.keys, now);
    if (read === undefined) continue;
    if (read === "expired") problem = "expired";
    else if (await isSigned(payloads, signature, read.key)) {
      kids.push(read.key.kid);
      until = Math.max(until, read.until ?? Infinity);
    } else problem = "wrong_signature";
  }
  if (kids.length === 0) return fail(problem);
  const foreign = foreignPlace(card, peer);
  return foreign === undefined ? ok({ kids, until: until === Infinity ? undefined : until }) : fail(foreign);
}

/**
 * What a signer may have signed, in base64url: the card as it is served, or without what has its default value. Both mean
 * the same card; A2A 1.0 asks for the second, and signers of 0.3 know the first only. Undefined where there is no form.
 */
export function signedForms(card: JsonObject): readonly string[] | undefined {
  const unsigned = Object.fromEntries(Object.entries(card).filter(([name]) => name !== "signatures"));
  const forms = [unsigned, withoutDefaults(unsigned)].map((form) => canonicalJson(form as AuditValue));
  return forms.some((form) => form === undefined)
    ? undefined
    : [...new Set(forms.map((form) => Buffer.from(form ?? "").toString("base64url")))];
}

async function isSigned(payloads: readonly string[], signature: CardSignature, pinned: PeerKey): Promise<boolean> {
  const key = pinnedKey(pinned);
  if (key === undefined) return false;
  // Loaded where a card is verified, and nowhere else.
  const { flattenedVerify, errors } = await import("jose");
  for (const payload of payloads) {
    try {
      const { protected: head, signature: octets, header } = signature;
      const jws = { payload, protected: head, signature: octets, ...(header === undefined ? {} : { header }) };
      await flattenedVerify(jws, key, { algorithms: [pinned.algorithm] });
      return true;
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
    }
  }
  return false;
}
