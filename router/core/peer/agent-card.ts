import { fail, ok, type Result } from "../base/result.ts";
import { formatAuthority } from "../wire/authority.ts";
import { parseHttpUrl } from "../wire/http-url.ts";
import type { CardProblem } from "./card-problem.ts";
import type { Peer } from "./trust.ts";

/** A JSON object, parsed where it came in. */
export interface JsonObject {
  readonly [name: string]: unknown;
}

/** One item of `signatures` (A2A 1.0, section 8.4.2): JWS in its JSON form (RFC 7515 section 7.2), payload detached. */
export interface CardSignature {
  readonly protected: string;
  readonly signature: string;
  /** Nothing that is in it counts: it is not signed. */
  readonly header: JsonObject | undefined;
}

const MOST_SIGNATURES = 16;
const MOST_PROTECTED = 4_096;
/** 64 octets in base64url without padding and without spare bits: what EdDSA with Ed25519 and ES256 have alike. */
const SIGNATURE = /^[A-Za-z0-9_-]{85}[AQgw]$/;
const ENCODED = /^[A-Za-z0-9_-]+$/;
const MEMBERS: ReadonlySet<string> = new Set(["protected", "signature", "header"]);

/** The signatures of a card that have the form of one; others, of other algorithms, are no concern of ours. */
export function cardSignatures(card: JsonObject): Result<readonly CardSignature[], CardProblem> {
  const { signatures } = card;
  if (!isList(signatures) || signatures.length === 0) return fail("unsigned");
  if (signatures.length > MOST_SIGNATURES) return fail("too_many_signatures");
  return ok(signatures.flatMap((item) => readSignature(item) ?? []));
}

function readSignature(item: unknown): CardSignature | undefined {
  if (!isObject(item) || Object.keys(item).some((name) => !MEMBERS.has(name))) return undefined;
  const { protected: head, signature, header } = item;
  if (typeof head !== "string" || head.length > MOST_PROTECTED || !ENCODED.test(head)) return undefined;
  if (typeof signature !== "string" || !SIGNATURE.test(signature)) return undefined;
  if (header !== undefined && !isObject(header)) return undefined;
  return { protected: head, signature, header };
}

/**
 * Where a card's lists of interfaces are: A2A 1.0 and 0.3; readers by Protocol Buffers take the spelling with underscores
 * as well.
 */
const INTERFACES = ["supportedInterfaces", "supported_interfaces", "additionalInterfaces", "additional_interfaces"];
const MOST_INTERFACES = 64;

/** Undefined where every place at which the card says its agent is spoken to is one of the peer's endpoints, by https. */
export function foreignPlace(card: JsonObject, peer: Peer): CardProblem | undefined {
  const urls: unknown[] = card["url"] === undefined ? [] : [card["url"]];
  for (const name of INTERFACES) {
    const list = card[name];
    if (list === undefined) continue;
    if (!isList(list) || list.length > MOST_INTERFACES) return "foreign_url";
    for (const item of list) urls.push(isObject(item) ? item["url"] : undefined);
  }
  if (urls.length === 0) return "no_url";
  const known = new Set(peer.endpoints.map(formatAuthority));
  const isKnown = (url: unknown): boolean => {
    const parsed = typeof url === "string" ? parseHttpUrl(url) : undefined;
    return parsed?.ok === true && parsed.value.scheme === "https" && known.has(formatAuthority(parsed.value));
  };
  return urls.every(isKnown) ? undefined : "foreign_url";
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
