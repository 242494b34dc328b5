import type { Bytes, EpochMillis, Port } from "../base/quantity.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import type { RuleLimits } from "./limits.ts";
import type { Injection, RuleProtocol } from "./permit.ts";

/**
 * A host pattern as authored: `exact` names one host; `one-label` (`*.example.com`) exactly one more label;
 * `deep` (`**.example.com`) one or more. `name` is the canonical host without the stars. Never the apex.
 */
export interface HostPattern {
  readonly kind: "exact" | "one-label" | "deep";
  readonly name: string;
}

/** `10.1.2.3:5432` or `[fd00::1]:5432`: the only way to name a special-use address. */
export interface AddressAndPort {
  readonly address: IpAddress;
  readonly port: Port;
}

/** The field must come exactly once, with one of these values, compared octet by octet. */
export interface HeaderConstraint {
  /** In lower case. */
  readonly name: string;
  /** Never empty. */
  readonly values: readonly string[];
}

export interface HttpConstraint {
  /** Undefined: every method. Never empty. */
  readonly methods: readonly string[] | undefined;
  /** Globs: `*` within a segment, `**` over segments. Undefined: every path. Never empty. */
  readonly paths: readonly string[] | undefined;
  readonly headers: readonly HeaderConstraint[];
  /** Of one request's content. */
  readonly bodyBytes: Bytes | undefined;
}

export interface AllowRule {
  readonly id: string;
  readonly hosts: readonly HostPattern[];
  readonly addresses: readonly AddressAndPort[];
  /** Empty only where `hosts` is. */
  readonly ports: readonly Port[];
  readonly protocol: RuleProtocol;
  readonly allowMissingSni: boolean;
  readonly allowEch: boolean;
  /** TLS ends here, and `http` is asked of each request inside (protocol tls only). */
  readonly inspect: boolean;
  /** Fields that the agent never sees (inspected tls only). */
  readonly inject: readonly Injection[];
  /** The parent proxy of the RouterConfig that leads there; undefined: none. */
  readonly proxy: string | undefined;
  readonly http: HttpConstraint;
  readonly limits: RuleLimits;
  /** Where the rule begins in its file, from 1. */
  readonly line: number;
}

export interface DenyRule {
  readonly id: string;
  readonly hosts: readonly HostPattern[];
  /** Addresses denied on the port named. */
  readonly addresses: readonly AddressAndPort[];
  /** Undefined: every port. */
  readonly ports: readonly Port[] | undefined;
  readonly http: Pick<HttpConstraint, "methods" | "paths">;
  readonly line: number;
}

/** An `EgressPolicy` document after its strict parse: what was written, with units resolved and nothing decided. */
export interface EgressPolicyDocument {
  readonly name: string;
  /** 1 to 2^53-1; rises strictly. */
  readonly version: number;
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  /** `"*"` is every namespace or agent; an empty list cannot be written. */
  readonly audience: { readonly namespaces: readonly string[]; readonly agents: readonly string[] };
  readonly mode: "enforce" | "learn";
  readonly allow: readonly AllowRule[];
  readonly deny: readonly DenyRule[];
  /** Names that no blocklist blocks. */
  readonly notBlocked: readonly HostPattern[];
}
