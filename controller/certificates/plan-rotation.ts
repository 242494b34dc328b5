import type { X509Certificate } from "node:crypto";
import type { EpochMillis } from "../../router/core/base/quantity.ts";
import { BACKDATED } from "./authority.ts";
import type { KeptState, Previous } from "./kept-state.ts";

/** The next thing to do to the Secret. */
export type RotationStep =
  /** Nothing. */
  | "keep"
  /** A CA and a leaf from nothing: there are none that can be used. */
  | "create"
  /** A new leaf of the same CA. */
  | "renew"
  /** A CA for later, into the bundle. */
  | "announce"
  /** The announced CA signs from now on; the one before is trusted until its leaf's end. */
  | "promote"
  /** What is served by this replica is not in the bundle, and has to be until it has ended. */
  | "remember"
  /** The CA before is trusted no more. */
  | "forget";

/** What this replica knows beside the Secret. */
export interface RotationView {
  readonly now: EpochMillis;
  /** The CA of what this replica serves, and its leaf's end. */
  readonly serving: Previous | undefined;
  /** In every webhook's bundle for so long that every API server has it. */
  readonly isKnown: (certificate: X509Certificate) => boolean;
}

/**
 * One step at a time, so that replicas that do the same at once can each be right: whoever writes second is refused, reads
 * again and asks again. A rotation is announce, wait until it is known, promote: at no moment is a leaf to be served whose
 * CA was not in the bundle before.
 */
export function planRotation(state: KeptState, { now, serving, isKnown }: RotationView): RotationStep {
  const { authority, pair, next, previous } = state;
  const spare = next !== undefined && isValid(next.certificate, now);
  if (authority === undefined || !isValid(authority.certificate, now)) return spare ? "promote" : "create";
  if (pair === undefined || !isValid(pair.leaf, now)) return "renew";
  if (serving !== undefined && now < serving.until && !isTrusted(serving.certificate, state)) return "remember";
  if (next !== undefined) {
    if (!spare) return "announce";
    if (isKnown(next.certificate)) return "promote";
  } else if (now >= renewalAt(authority.certificate)) return "announce";
  if (now >= renewalAt(pair.leaf)) return "renew";
  if (previous !== undefined && now >= previous.until) return "forget";
  return "keep";
}

/** Two thirds of its life; the hour before its making is not life. */
export function renewalAt(certificate: X509Certificate): number {
  const end = certificate.validToDate.getTime();
  const begin = certificate.validFromDate.getTime() + BACKDATED;
  return end - Math.max(0, end - begin) / 3;
}

/** A clock that was wrong made what begins in the future; nobody trusts it. */
export function isValid(certificate: X509Certificate, now: EpochMillis): boolean {
  return certificate.validFromDate.getTime() <= now && now < certificate.validToDate.getTime();
}

function isTrusted(certificate: X509Certificate, { authority, next, previous }: KeptState): boolean {
  const prints = [authority, next, previous].map((part) => part?.certificate.fingerprint256);
  return prints.includes(certificate.fingerprint256);
}
