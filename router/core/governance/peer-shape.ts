import { listUpTo } from "../document/bounded-list.ts";
import { canonical } from "../document/canonical-shape.ts";
import { choice } from "../document/choice-shape.ts";
import { entryOf } from "../document/document-node.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import { uniqueIds } from "../document/unique-ids.ts";
import type { Peer, PeerKey } from "../peer/trust.ts";
import type { AddressAndPort } from "../policy/egress-policy.ts";
import { ruleId } from "../policy/rule-parts.ts";
import { reportUnreachable, specialAddress } from "../policy/special-address.ts";
import { type Authority, formatAuthority, parseAuthority } from "../wire/authority.ts";
import { parseHttpUrl } from "../wire/http-url.ts";

/** What the graph calls this agent. */
export const SELF = "self";

const peerId: Shape<string> = refined(
  ruleId,
  (given, node, report) => {
    if (given !== SELF) return given;
    report.add(node, "reserved_id", '"self" is what the graph calls this agent.');
    return undefined;
  },
  { not: { const: SELF } },
);

/**
 * SubjectPublicKeyInfo of the one length and header that each algorithm has (RFC 8410 section 4; RFC 5480 section 2,
 * P-256, not compressed), in base64 without spare bits. Whether it is a point of the curve is for who verifies.
 */
const SPKI: Readonly<Record<PeerKey["algorithm"], RegExp>> = {
  EdDSA: /^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/,
  ES256: /^MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE[A-Za-z0-9+/]{85}[AQgw]==$/,
};

const peerKey: Shape<PeerKey> = refined(
  object({
    kid: required(
      text({ code: "bad_kid", pattern: /^[!-~]+$/, hint: "a key id is printable ASCII without spaces.", maximum: 128 }),
      "The key id that its signatures name.",
    ),
    algorithm: required(choice("EdDSA", "ES256"), "EdDSA: Ed25519; ES256: ECDSA on P-256."),
    spki: required(
      text({ code: "bad_key", pattern: /^[A-Za-z0-9+/]+={0,2}$/, hint: "a key is standard base64.", maximum: 128 }),
      "The public key: SubjectPublicKeyInfo, DER, in base64 on one line.",
    ),
  }),
  (given, node, report) => {
    if (SPKI[given.algorithm].test(given.spki)) return given;
    const place = node.kind === "map" ? (entryOf(node, "spki")?.value ?? node) : node;
    report.add(place, "bad_key", `This is no SubjectPublicKeyInfo of a key for ${given.algorithm}.`);
    return undefined;
  },
);

const authority: Shape<Authority> = canonical({
  noun: "endpoint",
  maximum: 264,
  pattern: /^(?:[a-z0-9_.-]+|\[[0-9a-f.:]+\]):[1-9][0-9]{0,4}$/,
  hint: "a host with its port is needed, such as peer.example:443.",
  parse: (given) => {
    const parsed = parseAuthority(given, undefined);
    return parsed.ok ? { value: parsed.value, canonical: formatAuthority(parsed.value) } : undefined;
  },
});

const cardPath: Shape<string> = refined(
  text({ code: "bad_path", pattern: /^\/[^?#]*$/, hint: "a path begins with a slash and has no query." }),
  (given, node, report) => {
    const parsed = parseHttpUrl(`https://card${given}`);
    if (parsed.ok) return given;
    report.add(node, "bad_path", parsed.problem);
    return undefined;
  },
);

const card = object({
  endpoint: required(authority, "The host and port that serve it."),
  path: defaulted(cardPath, "/.well-known/agent-card.json", "Its path."),
});

interface Places {
  card: Peer["card"];
  endpoints: readonly Authority[];
  addresses: readonly AddressAndPort[];
}

/** An endpoint that is a special-use address itself is named under `addresses` as well, as everywhere else. */
const reachable: Condition<Places> = {
  check(given, map, report) {
    const { addresses } = given;
    if (addresses === undefined) return;
    const places = entryOf(map, "endpoints")?.value;
    for (const [at, place] of (given.endpoints ?? []).entries()) {
      const node = places?.kind === "list" ? places.items[at] : undefined;
      reportUnreachable({ scheme: "https", ...place }, addresses, node ?? map, report);
    }
    if (given.card === undefined) return;
    const node = entryOf(map, "card")?.value ?? map;
    reportUnreachable({ scheme: "https", ...given.card.endpoint }, addresses, node, report);
  },
};

export const peer: Shape<Peer> = object(
  {
    id: required(peerId, 'Unique among peers; what rules call "peer".'),
    keys: required(listUpTo(16, peerKey), "The keys that it signs with; no other counts."),
    card: optional(card, "Where its AgentCard is; without it, it is known by its keys alone."),
    endpoints: required(
      listUpTo(16, authority, { unique: true }),
      "Where it is spoken to: what leads there is mesh.send to it.",
    ),
    addresses: defaulted(
      listUpTo(64, specialAddress, { unique: true, mayBeEmpty: true }),
      [],
      "Special-use addresses, with their port, that its names may lead to.",
    ),
  },
  uniqueIds(["keys"], "kid"),
  reachable,
);
