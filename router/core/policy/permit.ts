import type { Bytes, Port } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import type { Host } from "../wire/host.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import { NO_LIMITS, type RuleLimits } from "./limits.ts";

/** Which policy an exchange was judged by; every record and refusal carries it. */
export interface PolicyIdentity {
  readonly name: string;
  readonly version: number;
  /** `sha256:` and 64 hex digits, over the document's bytes as signed. */
  readonly digest: string;
}

export type RuleProtocol = "tls" | "http" | "tcp";

/** What the permitted exchange must still show before its bytes flow. */
export interface Obligations {
  readonly protocol: RuleProtocol;
  /** A ClientHello without server_name may pass (tls only). */
  readonly allowMissingSni: boolean;
  /** A ClientHello with encrypted_client_hello may pass; its outer name is still judged (tls only). */
  readonly allowEch: boolean;
  /** TLS ends at this router, and each request inside is judged alone (tls only). */
  readonly inspect: boolean;
}

/** A field that the router writes into inspected requests, in the place of what the agent sent under its name. */
export interface Injection {
  /** In lower case. */
  readonly header: string;
  /** A file in the secrets directory. */
  readonly secret: string;
  /** Written before the secret. */
  readonly prefix: string;
}

/** What a rule asks of a request, or does to it, beyond its host, port, method and path. */
export interface Handling {
  /** The most octets of one request's content. */
  readonly bodyBytes: Bytes | undefined;
  readonly inject: readonly Injection[];
  /** The parent proxy that leads there, and no other way; undefined: none. */
  readonly proxy: string | undefined;
}

export const NO_HANDLING: Handling = Object.freeze({
  bodyBytes: undefined,
  inject: Object.freeze([]),
  proxy: undefined,
});

interface NamePermitFields {
  readonly host: Host;
  readonly port: Port;
  /** The id of the allow rule, `provider:<id>`, `mcp:<id>` or `peer:<id>`; in learn mode, where no rule matched, undefined. */
  readonly rule: string | undefined;
  readonly obligations: Obligations;
  readonly limits: RuleLimits;
  readonly handling: Handling;
  /** In learn mode, where no rule matched: what enforcing would have refused it for. */
  readonly unlisted: Reason | undefined;
  readonly policy: PolicyIdentity;
  /** Special-use addresses that the rule names for this port. Frozen. */
  readonly namedAddresses: readonly IpAddress[];
  /** The id of the deny rule that names this address for this port and request, so that no name leads around it. */
  readonly deniedAddress: (address: IpAddress) => string | undefined;
}

/** Known to this module alone: a constructor called without it throws. */
const key: unique symbol = Symbol("permit");

/**
 * Leave to resolve a name: minted by `decide`, for a model provider by `core/models/provider-permit.ts`, for an MCP
 * server by `core/mcp/server-permit.ts`, for a peer's AgentCard by `core/peer/peer-permit.ts`, and by nothing else. The
 * private field makes a look-alike object a compile error; at run time the constructor asks for a key that never leaves
 * this module.
 */
export class NamePermit {
  readonly #minted = true;
  readonly host: Host;
  readonly port: Port;
  readonly rule: string | undefined;
  readonly obligations: Obligations;
  readonly limits: RuleLimits;
  readonly bodyBytes: Bytes | undefined;
  readonly inject: readonly Injection[];
  readonly proxy: string | undefined;
  readonly unlisted: Reason | undefined;
  readonly policy: PolicyIdentity;
  readonly namedAddresses: readonly IpAddress[];
  readonly deniedAddress: (address: IpAddress) => string | undefined;

  constructor(secret: typeof key, fields: NamePermitFields) {
    if (secret !== key) throw new TypeError("a NamePermit is minted by decide, for providers, servers and peers only");
    this.host = fields.host;
    this.port = fields.port;
    this.rule = fields.rule;
    this.obligations = fields.obligations;
    this.limits = fields.limits;
    this.bodyBytes = fields.handling.bodyBytes;
    this.inject = fields.handling.inject;
    this.proxy = fields.handling.proxy;
    this.unlisted = fields.unlisted;
    this.policy = fields.policy;
    this.namedAddresses = fields.namedAddresses;
    this.deniedAddress = fields.deniedAddress;
    Object.freeze(this);
  }

  /** False for anything that no constructor made, whatever its shape. */
  static isMinted(value: unknown): value is NamePermit {
    return typeof value === "object" && value !== null && #minted in value && value.#minted;
  }
}

/** Leave to open a socket: to these addresses, in this order, and to no other. Minted by `admitAddresses` only. */
export class DialPermit {
  readonly #minted = true;
  readonly name: NamePermit;
  /** Empty only where a parent proxy is given the name. */
  readonly addresses: readonly IpAddress[];

  constructor(secret: typeof key, name: NamePermit, addresses: readonly IpAddress[]) {
    if (secret !== key) throw new TypeError("a DialPermit is minted by admitAddresses only");
    this.name = name;
    this.addresses = Object.freeze([...addresses]);
    Object.freeze(this);
  }

  static isMinted(value: unknown): value is DialPermit {
    return typeof value === "object" && value !== null && #minted in value && value.#minted;
  }
}

/** Gives `mint` to its first caller and throws for every later one: who comes second finds the program refusing to load. */
function handedOverOnce<Mint>(what: string, mint: Mint): () => Mint {
  let taken = false;
  return () => {
    if (taken) throw new Error(`the mint of ${what} is taken`);
    taken = true;
    return mint;
  };
}

/** Taken by `decide.ts` while it loads. */
export const takeNameMint = handedOverOnce(
  "NamePermit",
  (fields: NamePermitFields): NamePermit => new NamePermit(key, fields),
);

/** Taken by `admit-address.ts` while it loads. */
export const takeDialMint = handedOverOnce(
  "DialPermit",
  (name: NamePermit, addresses: readonly IpAddress[]): DialPermit => new DialPermit(key, name, addresses),
);

/** What the router's own calls to a provider are permitted: no rule of theirs can lend them more. */
const OWN_TRANSPORT: Obligations = Object.freeze({
  protocol: "tcp",
  allowMissingSni: false,
  allowEch: false,
  inspect: false,
});

/** What such a permit has of its own is who it is for and where it leads. */
type OwnFields = Omit<NamePermitFields, "rule" | "obligations" | "limits" | "handling" | "unlisted">;
const OWN = { obligations: OWN_TRANSPORT, limits: NO_LIMITS, handling: NO_HANDLING, unlisted: undefined } as const;

/**
 * Taken by `core/models/provider-permit.ts` while it loads. No rule id has a colon, so none can be taken for
 * `provider:<id>`.
 */
export const takeProviderMint = handedOverOnce(
  "provider permits",
  ({ provider, ...fields }: OwnFields & { readonly provider: string }): NamePermit =>
    new NamePermit(key, { ...fields, ...OWN, rule: `provider:${provider}` }),
);

/** Taken by `core/mcp/server-permit.ts` while it loads. */
export const takeServerMint = handedOverOnce(
  "server permits",
  ({ server, ...fields }: OwnFields & { readonly server: string }): NamePermit =>
    new NamePermit(key, { ...fields, ...OWN, rule: `mcp:${server}` }),
);

/** Taken by `core/peer/peer-permit.ts` while it loads. */
export const takePeerMint = handedOverOnce(
  "peer permits",
  ({ peer, ...fields }: OwnFields & { readonly peer: string }): NamePermit =>
    new NamePermit(key, { ...fields, ...OWN, rule: `peer:${peer}` }),
);
