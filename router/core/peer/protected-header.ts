import type { JsonObject } from "./agent-card.ts";
import type { CardProblem } from "./card-problem.ts";
import type { PeerKey } from "./trust.ts";

/** What a protected header says that counts. Times are in seconds since 1970 (RFC 7519 section 4.1.4, 5.3). */
export interface ProtectedHeader {
  readonly key: PeerKey;
  /** Milliseconds since 1970 at which the signature ends. */
  readonly until: number | undefined;
}

/**
 * The pinned key that a signature's protected header names, by id and algorithm both. Undefined: none, and nobody needs to
 * look at the signature. `jku`, `jwk`, `x5u` and `x5c` are passed over: where keys come from is not for the signer to say.
 * `crit` and `b64` are refused, whatever is in them (RFC 7515 section 4.1.11, RFC 7797), and so is a type other than JOSE,
 * so that what a key signs elsewhere is no card.
 */
export function protectedHeader(
  header: JsonObject,
  keys: readonly PeerKey[],
  now: number,
): ProtectedHeader | Extract<CardProblem, "expired"> | undefined {
  const { alg, kid, typ, exp, nbf } = header;
  if (Object.hasOwn(header, "crit") || Object.hasOwn(header, "b64")) return undefined;
  if (typ !== undefined && typ !== "JOSE") return undefined;
  const key = keys.find((pinned) => pinned.kid === kid && pinned.algorithm === alg);
  if (key === undefined) return undefined;
  const [from, until] = [nbf ?? 0, exp ?? Infinity];
  if (typeof from !== "number" || typeof until !== "number") return undefined;
  // Written so that a clock that is not a number denies.
  if (!(now >= from * 1_000) || !(now < until * 1_000)) return "expired";
  return { key, until: exp === undefined ? undefined : until * 1_000 };
}
