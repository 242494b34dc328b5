import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { Peer, PeerKey } from "../../router/core/peer/trust.ts";
import { parseAuthority } from "../../router/core/wire/authority.ts";

/** A key pair of a peer, and its signatures by `node:crypto` alone: neither jose nor the product has a part in them. */
export interface CardSigner {
  readonly key: PeerKey;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Raw octets as JWS has them (RFC 7518 section 3.4, RFC 8037 section 3.1), in base64url. */
  sign(input: string): string;
}

export function cardSigner(algorithm: PeerKey["algorithm"], kid: string): CardSigner {
  const pair =
    algorithm === "EdDSA" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { privateKey, publicKey } = pair;
  return {
    key: { kid, algorithm, spki: publicKey.export({ format: "der", type: "spki" }).toString("base64") },
    privateKey,
    publicKey,
    sign: (input) => {
      const octets = Buffer.from(input);
      return algorithm === "EdDSA"
        ? sign(undefined, octets, privateKey).toString("base64url")
        : sign("sha256", octets, { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url");
    },
  };
}

export const encoded = (text: string): string => Buffer.from(text).toString("base64url");

/** RFC 8785 for what these tests have in cards: ASCII names, strings, booleans, whole numbers. */
export function canonicalForm(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalForm).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const names = Object.keys(value).toSorted();
  const members = value as Readonly<Record<string, unknown>>;
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalForm(members[name])}`).join(",")}}`;
}

export type Card = Readonly<Record<string, unknown>>;

export function cardOf(url: string): Card {
  return {
    name: "Peer",
    description: "",
    version: "1.0.0",
    supportedInterfaces: [{ url, protocolBinding: "JSONRPC", protocolVersion: "1.0" }],
    capabilities: { streaming: false },
    defaultInputModes: ["text/plain"],
    defaultOutputModes: ["text/plain"],
    skills: [],
  };
}

export interface SignOptions {
  /** In the place of alg, kid and typ. */
  readonly header?: Readonly<Record<string, unknown>> | undefined;
  /** The protected header's very text. */
  readonly head?: string | undefined;
  /** What is signed instead of the card's canonical form. */
  readonly payload?: string | undefined;
  /** Further members of the signature's object. */
  readonly beside?: Readonly<Record<string, unknown>> | undefined;
}

/** One item of `signatures`. */
export function signatureOf(card: Card, signer: CardSigner, options: SignOptions = {}): Record<string, unknown> {
  const { kid, algorithm } = signer.key;
  const header = options.header ?? { alg: algorithm, kid, typ: "JOSE" };
  const head = encoded(options.head ?? JSON.stringify(header));
  const signature = signer.sign(`${head}.${encoded(options.payload ?? canonicalForm(card))}`);
  return { protected: head, signature, ...options.beside };
}

export function signedCard(card: Card, ...signers: readonly CardSigner[]): Card {
  return { ...card, signatures: signers.map((signer) => signatureOf(card, signer)) };
}

export function peerOf(id: string, endpoints: readonly string[], keys: readonly PeerKey[]): Peer {
  const places = endpoints.map((text) => {
    const parsed = parseAuthority(text, undefined);
    if (!parsed.ok) throw new Error(parsed.problem);
    return parsed.value;
  });
  const [endpoint] = places;
  if (endpoint === undefined) throw new Error("a peer has an endpoint");
  return { id, keys, card: { endpoint, path: "/.well-known/agent-card.json" }, endpoints: places, addresses: [] };
}

/** The thumbprint of an Ed25519 key (RFC 7638), from its SubjectPublicKeyInfo. */
export function thumbprint(spki: string): string {
  const x = Buffer.from(spki, "base64").subarray(12).toString("base64url");
  return createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");
}
